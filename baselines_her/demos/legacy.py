"""Demonstration files of OpenAI baselines: `acs`, `obs`, `info`, two of them pickles.

obs [N, T+1] holds dictionaries {observation, achieved_goal, desired_goal}, and info
[N, T] holds dictionaries {is_success}.  `pickled_arrays` reads them without executing
anything.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..runs.arrays import Archive, read_npy
from ..runs.files import write_atomically
from ..types import Demos
from .pickled_arrays import read_pickled_array, resolve

COMPRESSION = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MAX_BYTES = 2**24  # of one unpacked array: about 700 episodes
MAX_RATIO = 200  # unpacked bytes per packed byte
OPCODES_PER_STEP, MAX_OPCODES = 100, 2_000_000  # a step takes about 60


def parse(archive: Archive) -> Demos:
    """The demonstrations of an opened file.

    Raises:
      ValueError: episodes differ in length, or hold other things than arrays and
        dictionaries.
    """
    action = _actions(archive)
    n, horizon = action.shape[:2]
    obs = _dictionaries(archive, "obs", n, horizon + 1)
    info = _dictionaries(archive, "info", n, horizon)
    goal = _field(obs, "desired_goal", n, horizon + 1)
    if not (goal == goal[:, :1]).all():
        k = int(np.argwhere(goal != goal[:, :1])[0][0])
        raise ValueError(f"episode {k} changes its goal.  Leave that episode out")
    success = [_succeeded(row[-1].get("is_success", False)) for row in info]
    return Demos(
        obs=_field(obs, "observation", n, horizon + 1),
        achieved=_field(obs, "achieved_goal", n, horizon + 1),
        goal=goal[:, 0],
        action=action,
        success=np.array(success, bool),
        seed=np.full(n, -1, np.int64),
        state0=None,
        facts={"generator": "OpenAI baselines"},
    )


def write_legacy(path: str | Path, demos: Demos) -> None:
    """Writes demonstrations in the format that OpenAI baselines reads."""
    obs = [
        [
            {"observation": o, "achieved_goal": a, "desired_goal": demos.goal[k]}
            for o, a in zip(demos.obs[k], demos.achieved[k])
        ]
        for k in range(len(demos.goal))
    ]
    horizon = demos.action.shape[1]
    info = [
        [{"is_success": float(success and t == horizon - 1)} for t in range(horizon)]
        for success in demos.success
    ]
    columns: dict[str, Any] = {
        "acs": demos.action,
        "obs": np.array(obs, object),
        "info": np.array(info, object),
    }
    sink = io.BytesIO()
    np.savez_compressed(sink, **columns)
    path = Path(path).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, sink.getvalue())


def _actions(archive: Archive) -> np.ndarray:
    shape, dtype, body = _unpacked(archive, "acs")
    if dtype.kind == "O":
        raise ValueError(
            "its episodes differ in length (acs is ragged).  Cut or extend them to "
            "the environment's number of steps"
        )
    if len(shape) != 3 or dtype.kind != "f" or 0 in shape:
        raise ValueError(f"acs must be [N, T, A] numbers, found {shape} {dtype}")
    if len(body) != np.prod(shape, dtype=object) * dtype.itemsize:
        raise ValueError(f"acs holds {len(body)} bytes, too few or too many")
    return _float32(np.frombuffer(body, dtype).reshape(shape))


def _unpacked(archive: Archive, name: str):
    member = archive.members[name]
    if member.file_size > MAX_RATIO * (member.compress_size + 1024):
        raise ValueError(f"{name} is packed more tightly than demonstrations can be")
    return read_npy(archive, name, MAX_BYTES, COMPRESSION)


def _succeeded(value: Any) -> bool:
    """An entry `is_success`: a number, or an array of one number."""
    value = resolve(value)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(())[()]
    if not isinstance(value, bool | int | float | np.generic):
        raise ValueError("is_success must be a number in every step")
    return bool(value)


def _dictionaries(archive: Archive, name: str, n: int, steps: int) -> list[list[dict]]:
    """[N][T] dictionaries of an object array."""
    shape, dtype, body = _unpacked(archive, name)
    if dtype.kind != "O":
        raise ValueError(f"{name} must be an array of dictionaries, found {dtype}")
    opcodes = min(OPCODES_PER_STEP * (n * steps + 10), MAX_OPCODES)
    flat = read_pickled_array(body, opcodes)
    if not isinstance(flat, list):
        raise ValueError(f"{name} must be an array of dictionaries, found numbers")
    if shape == (n,):  # rows of lists
        rows = [resolve(row) for row in flat]
    else:
        rows = [flat[k * steps : (k + 1) * steps] for k in range(n)]
    for k, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != steps:
            found = len(row) if isinstance(row, list) else "none"
            raise ValueError(
                f"episode {k} must have {steps} entries in {name}, found {found}.  Cut "
                "or extend every episode to the same number of steps"
            )
        if not all(type(entry) is dict for entry in row):
            raise ValueError(f"episode {k} must hold dictionaries only")
    if len(rows) != n or len(flat) not in (n, n * steps):
        raise ValueError(f"{name} must hold {n} episodes, found {len(rows)}")
    return rows


def _field(rows: list[list[dict]], key: str, n: int, steps: int) -> np.ndarray:
    """[N, T, D] float32: one entry of every dictionary."""
    entries = [resolve(entry.get(key)) for row in rows for entry in row]
    shapes = {getattr(entry, "shape", None) for entry in entries}
    if len(shapes) != 1 or len(next(iter(shapes)) or ()) != 1:
        raise ValueError(f"{key} must be a vector of one length, found {shapes}")
    size = entries[0].size * len(entries)
    if size > MAX_BYTES:
        raise ValueError(f"{key} has {size} numbers, more than such a file can explain")
    return _float32(entries).reshape(n, steps, -1)


def _float32(values: Any) -> np.ndarray:
    """As float32; too large numbers become infinite, and `check_demos` refuses them."""
    with np.errstate(over="ignore"):
        return np.array(values, np.float32)
