"""Demonstration files: plain arrays and one JSON text, with a digest of everything.

`numpy.load` opens one without `allow_pickle`.  Arrays: obs [N, T+1, O], achieved
[N, T+1, G], goal [N, G], action [N, T, A] (float32), success [N] (bool), seed [N]
(int64), state0 [N, S] (float64, if known), and meta: bytes of JSON.  Files of OpenAI
baselines can also be read; see `legacy`.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ..runs.arrays import (
    DAMAGE,
    Archive,
    open_archive,
    open_regular,
    pack,
    read_array,
    reason_of,
    sha256_of,
)
from ..runs.files import write_atomically
from ..runs.foreign import printable
from ..settings.her import DemoConfig
from ..types import Demos, EnvSpec
from ..versions import package_versions, physics_generation
from . import legacy

FORMAT = "baselines_her demonstrations"
MAX_BYTES, MAX_META, MAX_NAME = 2**31, 2**20, 200
DTYPES = {
    **dict.fromkeys(("obs", "achieved", "goal", "action"), "<f4"),
    "success": "|b1",
    "seed": "<i8",
    "state0": "<f8",
}


def write_demos(path: str | Path, demos: Demos) -> None:
    """Writes a demonstration file atomically.

    Raises:
      ValueError: the demonstrations are inconsistent, or a number is not finite.
    """
    check_demos(demos)
    arrays = _arrays_of(demos)
    facts = {"format": FORMAT, "version": 1, **demos.facts}
    facts["shapes"] = {name: list(array.shape) for name, array in arrays.items()}
    facts["sha256"] = _digest(facts, arrays)
    meta = np.frombuffer(json.dumps(facts, allow_nan=False).encode(), np.uint8)
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, pack({**arrays, "meta": meta}))


def load_demos(path: str | Path) -> Demos:
    """Reads a demonstration file, ours or one of OpenAI baselines.

    Nothing in the file is executed, and nothing large is allocated before its size has
    been checked.

    Raises:
      ValueError: it is not a complete and consistent demonstration file; the message
        names the file, the episode if one is at fault, and the remedy.
    """
    path = Path(path).expanduser()
    try:
        with open_regular(path, MAX_BYTES) as file:
            archive = open_archive(file)
            is_legacy = "acs" in archive.members
            demos = legacy.parse(archive) if is_legacy else _parse(archive)
        check_demos(demos)
    except DAMAGE as error:
        raise ValueError(
            f"{printable(path)} is not a demonstration file: {reason_of(error)}"
        ) from None
    return demos


def check_demos(demos: Demos) -> None:
    """Refuses inconsistent demonstrations.

    Raises:
      ValueError: shapes disagree, or a number is not finite.
    """
    n, states, _ = demos.obs.shape
    wanted = {
        "achieved": (n, states, demos.goal.shape[-1]),
        "goal": (n, demos.goal.shape[-1]),
        "action": (n, states - 1, demos.action.shape[-1]),
        "success": (n,),
        "seed": (n,),
    }
    for name, shape in wanted.items():
        found = getattr(demos, name).shape
        if found != shape or 0 in shape:
            raise ValueError(
                f"{name} must have shape {shape} to fit the observations, found {found}"
            )
    env_id = demos.facts.get("env_id", "")
    if not isinstance(env_id, str) or len(env_id) > MAX_NAME:
        raise ValueError(f"env_id must be text of at most {MAX_NAME} characters")
    state0 = demos.state0
    if state0 is not None and (state0.ndim != 2 or len(state0) != n):
        raise ValueError(f"state0 must hold {n} states, found shape {state0.shape}")
    for name in ("obs", "achieved", "goal", "action", "state0"):
        array = getattr(demos, name)
        if array is not None and not np.isfinite(array).all():
            place = np.argwhere(~np.isfinite(array))[0]
            raise ValueError(
                f"episode {place[0]} holds a number that is not finite in {name}.  "
                "Generate the file again, or leave that episode out"
            )


def demos_for(config: DemoConfig, spec: EnvSpec) -> tuple[Demos | None, list[str]]:
    """The demonstrations that a training needs, and warnings about them.

    Raises:
      ValueError: the file is damaged, of another environment, too short, or its
        actions are out of range.
    """
    if config.demo_file is None:
        return None, []
    demos, file = load_demos(config.demo_file), config.demo_file
    _check_fit(demos, spec, file)
    if len(demos.goal) < config.num_demo:
        raise ValueError(
            f"{file} must hold at least {config.num_demo} episodes, found "
            f"{len(demos.goal)}.  Generate more, or give --num_demo={len(demos.goal)}."
        )
    if config.demo_resets and demos.state0 is None:
        raise ValueError(
            f"demo_resets needs start states, and {file} holds none.  Generate the "
            "demonstrations again with python -m baselines_her.demos.generate."
        )
    return first(demos, config.num_demo), _warnings(demos, file)


def first(demos: Demos, n: int) -> Demos:
    """The first `n` demonstrations."""
    state0 = None if demos.state0 is None else demos.state0[:n]
    cut = {name: getattr(demos, name)[:n] for name in DTYPES if name != "state0"}
    return demos._replace(**cut, state0=state0)


def _check_fit(demos: Demos, spec: EnvSpec, file: str) -> None:
    wanted = spec.horizon, spec.obs_dim, spec.goal_dim, spec.action_dim
    horizon, action_dim = demos.action.shape[1:]
    found = horizon, demos.obs.shape[-1], demos.goal.shape[-1], action_dim
    made_in = demos.facts.get("env_id")
    if found != wanted or made_in not in (None, spec.env_id):
        raise ValueError(
            f"{file} must hold demonstrations of {spec.env_id} (steps, observation, "
            f"goal, action: {wanted}), found {made_in or 'an unnamed one'} {found}.  "
            "Generate a file for this environment."
        )
    excess = np.abs(demos.action) - np.array(spec.max_action, np.float32)
    if (excess > 1e-5).any():
        k, step, entry = np.argwhere(excess > 1e-5)[0]
        raise ValueError(
            f"{file} must hold actions within +-{spec.max_action[entry]:g}, found "
            f"{demos.action[k, step, entry]:g} in episode {k}, step {step}.  Clip the "
            "actions before they are stepped and recorded."
        )


def _warnings(demos: Demos, file: str) -> list[str]:
    made = physics_generation(demos.facts.get("versions", {}).get("mujoco", ""))
    here = physics_generation(package_versions()["mujoco"])
    if made is None or made == here:
        return []
    return [f"warning: {file} was made with {made}, this is {here}: physics differs"]


def _arrays_of(demos: Demos) -> dict[str, np.ndarray]:
    pairs = ((name, getattr(demos, name)) for name in DTYPES)
    return {n: np.ascontiguousarray(a, DTYPES[n]) for n, a in pairs if a is not None}


def _parse(archive: Archive) -> Demos:
    facts = _facts(archive)
    shapes = {name: tuple(shape) for name, shape in facts.pop("shapes").items()}
    odd = set(shapes) ^ (set(archive.members) - {"meta"})
    if odd or not set(DTYPES) - {"state0"} <= set(shapes) <= set(DTYPES):
        raise ValueError(f"its arrays are not the expected ones: {sorted(shapes)}")
    for name, shape in shapes.items():
        if not all(type(n) is int and 0 < n < 2**31 for n in shape):
            raise ValueError(f"{name} has the impossible shape {shape}")
        if math.prod(shape) > MAX_BYTES or len(shape) > 3:
            raise ValueError(f"{name} is too large, with shape {shape}")
    digest = facts.pop("sha256")
    arrays = {
        name: read_array(archive, name, shape, (DTYPES[name],))
        for name, shape in shapes.items()
    }
    stated = {**facts, "shapes": {name: list(shapes[name]) for name in shapes}}
    if digest != _digest(stated, arrays):
        raise ValueError("its digest does not match: the file is damaged")
    if (
        len(shapes["obs"]) != 3
        or len(shapes["goal"]) != 2
        or len(shapes["action"]) != 3
    ):
        raise ValueError(f"its shapes are {shapes}")
    facts = {k: v for k, v in facts.items() if k not in ("format", "version")}
    fields: dict[str, Any] = {"state0": None, **arrays}
    return Demos(**fields, facts=facts)


def _facts(archive: Archive) -> dict[str, Any]:
    meta = read_array(archive, "meta", None, ("|u1",), MAX_META)
    facts = json.loads(meta.tobytes())
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ValueError("its meta text is not that of demonstrations")
    if facts["version"] != 1:
        raise ValueError(f"its version is {facts['version']}, this package reads 1")
    versions = facts.get("versions", {})
    is_told = isinstance(versions, dict) and all(
        isinstance(version, str) for version in versions.values()
    )
    if not is_told or not isinstance(facts["shapes"], dict):
        raise ValueError("its meta text has entries of the wrong kind")
    return facts


def _digest(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    parts: list[Any] = [json.dumps(facts, sort_keys=True).encode()]
    for name in sorted(arrays):
        parts += name.encode() + b"\0", np.ascontiguousarray(arrays[name])
    return sha256_of(parts)
