"""Policy files: `.pkl` with builtins only, that cannot hide code.

`pickle.load` gives {"format", "version", "header": <json>, "arrays": <npz bytes>,
"sha256"}.  We read them by `safe_pickle` instead, check the digest, then the header,
then every array against the header's dimensions.
"""

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..acting.normalizer import Moments, stats
from ..acting.policy import Policy
from ..config import Config
from ..types import EnvSpec
from .arrays import pack, read_file, unpack
from .files import write_atomically
from .safe_pickle import MAX_BYTES, dump_flat, load_flat

FORMAT, VERSION = "baselines_her policy", 1
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
NETWORKS = ("actor", "critic", "target_actor", "target_critic")
MAX_DIM, MAX_LAYERS = 100_000, 100


class PolicyFile(NamedTuple):
    """A policy file, read and checked."""

    header: dict[str, Any]
    arrays: dict[str, np.ndarray]
    spec: EnvSpec
    config: Config


def write_policy(
    path: str | Path,
    spec: EnvSpec,
    config: Config,
    arrays: dict[str, np.ndarray],
    facts: dict[str, Any],
) -> None:
    """Writes a policy file.

    Args:
      path: where; replaced in one step.
      spec: the environment's dimensions.
      config: the resolved config of the run.
      arrays: `DDPG.arrays()`.
      facts: versions, steps, success: anything that JSON can hold.
    """
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(
                f"a policy must hold finite numbers, found others in {name}: {path} is "
                "not written.  Lower --Q_lr and --pi_lr."
            )
    header = json.dumps(
        {"spec": spec._asdict(), "config": config.to_flags(), **facts}, allow_nan=False
    )
    packed = pack(arrays)
    content: dict[str, str | bytes | int] = {
        "format": FORMAT,
        "version": VERSION,
        "header": header,
        "arrays": packed,
        "sha256": _digest(header, packed),
    }
    write_atomically(path, dump_flat(content))


def read_policy(path: str | Path) -> PolicyFile:
    """Reads a policy file; executes and imports nothing that the file names.

    Raises:
      ValueError: the file is not a whole, undamaged policy file; the sentence names
        it and the reason.
      OSError: it cannot be read at all.
    """
    path = Path(path).expanduser()
    try:
        return _parse(read_file(path, MAX_BYTES))
    except DAMAGE as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} is not a policy file: {reason}") from None


def load_policy(path: str | Path, use_target: bool | None = None) -> Policy:
    """The greedy policy in a file, ready to act; see `read_policy` for its errors.

    Args:
      path: a `.pkl` written by a run.
      use_target: act with the target network; default: as the run evaluated it
        (`test_with_polyak`).
    """
    file = read_policy(path)
    arrays, inputs = file.arrays, file.config.inputs
    if use_target is None:
        use_target = file.config.loop.test_with_polyak
    name = "target_actor" if use_target else "actor"
    layers = [
        (arrays[f"{name}/{n}/kernel"], arrays[f"{name}/{n}/bias"])
        for n in range(file.config.ddpg.layers + 1)
    ]
    both = (
        stats(
            Moments(*(arrays[f"{norm}/{p}"] for p in Moments._fields)), inputs.norm_eps
        )
        for norm in ("obs_norm", "goal_norm")
    )
    obs, goal = both
    return Policy(layers, obs, goal, file.spec.max_action, inputs, file.header)


def expected_shapes(spec: EnvSpec, config: Config) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every array that a policy of these dimensions holds."""
    n_in = spec.obs_dim + spec.goal_dim
    ends = {"actor": (n_in, spec.action_dim), "critic": (n_in + spec.action_dim, 1)}
    shapes: dict[str, tuple[int, ...]] = {}
    for network in NETWORKS:
        first, last = ends[network.removeprefix("target_")]
        sizes = [first, *[config.ddpg.hidden] * config.ddpg.layers, last]
        for n, (rows, columns) in enumerate(itertools.pairwise(sizes)):
            shapes[f"{network}/{n}/kernel"] = (rows, columns)
            shapes[f"{network}/{n}/bias"] = (columns,)
    for norm, dim in ("obs_norm", spec.obs_dim), ("goal_norm", spec.goal_dim):
        shapes |= {f"{norm}/sum": (dim,), f"{norm}/sumsq": (dim,), f"{norm}/n_rows": ()}
    return shapes


def _parse(data: bytes) -> PolicyFile:
    content = load_flat(data)
    if content["format"] != FORMAT:
        raise ValueError(f"its format is {content['format']!r}")
    if content["version"] != VERSION:
        raise ValueError(f"its version is {content['version']}, this package reads 1")
    if content["sha256"] != _digest(content["header"], content["arrays"]):
        raise ValueError("its digest does not match: the file is damaged")
    header = json.loads(content["header"])
    if not isinstance(header.get("versions", {}), dict):
        raise ValueError("its versions are not told as names and numbers")
    spec, config = _spec(header["spec"]), Config.from_flags(**header["config"])
    if config.ddpg.layers > MAX_LAYERS or config.ddpg.hidden > MAX_DIM:
        raise ValueError("its networks are larger than any policy's")
    arrays = unpack(content["arrays"], expected_shapes(spec, config))
    for norm in "obs_norm", "goal_norm":
        if not (arrays[f"{norm}/n_rows"] == 0 or arrays[f"{norm}/n_rows"] >= 1):
            raise ValueError(f"{norm}/n_rows must be 0 or at least 1")
    return PolicyFile(header, arrays, spec, config)


def _spec(fields: dict[str, Any]) -> EnvSpec:
    spec = EnvSpec(**{**fields, "max_action": tuple(fields["max_action"])})
    dims = spec.obs_dim, spec.goal_dim, spec.action_dim, spec.horizon
    if not all(type(d) is int and 0 < d <= MAX_DIM for d in dims):
        raise ValueError(f"its dimensions must be 1 to {MAX_DIM}, found {dims}")
    if len(spec.max_action) != spec.action_dim or not isinstance(spec.env_id, str):
        raise ValueError("its action limits or its environment id do not fit")
    if not all(isinstance(m, float) and 0 < m < np.inf for m in spec.max_action):
        raise ValueError("its action limits must be positive numbers")
    if not all(
        r in (None, -1.0, 0.0, 1.0) for r in (spec.reward_low, spec.reward_high)
    ):
        raise ValueError("its rewards are of no known kind")
    return spec


def _digest(header: str, arrays: bytes) -> str:
    return hashlib.sha256(header.encode() + b"\0" + arrays).hexdigest()
