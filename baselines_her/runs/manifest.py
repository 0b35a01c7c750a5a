"""The manifest of a checkpoint, which lists the files that belong together.

Its numbers decide about memory and loops, and its names become paths.  So nothing in it
is used before it has been checked against the rest.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

from .arrays import sha256_of
from .files import write_atomically
from .json_file import read_json, require_kinds

FORMAT, VERSION = "baselines_her checkpoint", 2
NAME, LONGEST = "manifest.json", 2**25  # bytes
STATE = re.compile(r"state_\d{1,18}(_rank\d{1,5}of\d{1,5})?\.npz")
EPISODES = re.compile(r"episodes_\d{1,18}(_rank\d{1,5}of\d{1,5})?\.npz")
MOST_WORKERS = 10_000
LARGEST = 10**15  # of any counter; floats are exact for integers up to it
DTYPES = ("<f4", "<f8", "<i4", "<i8", "|b1")
ENTRY = {"file": str, "shapes": dict, "dtypes": dict, "sha256": str}
WORKER = {"state": dict, "own": list, "episodes": list, "n_added": int}


def write_manifest(
    folder: Path, facts: dict[str, Any], workers: list[dict[str, Any]]
) -> None:
    """Replaces the manifest atomically.

    Raises:
      OSError: it could not be written.
    """
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "facts": facts,
        "workers": workers,
    }
    manifest["sha256"] = _digest(manifest)
    write_atomically(folder / NAME, json.dumps(manifest).encode())


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a checkpoint; its facts are not checked yet.

    Raises:
      ValueError: it is damaged or inconsistent.
    """
    path = folder / NAME
    if path.is_symlink():
        raise ValueError("it is a link")
    manifest = read_json(path, LONGEST)
    if manifest.get("format") != FORMAT:
        raise ValueError("its format is unknown")
    if manifest["version"] != VERSION:
        raise ValueError(
            f"its version is {manifest['version']}, this package reads {VERSION}"
        )
    digest = manifest.pop("sha256")
    if digest != _digest(manifest):
        raise ValueError("its digest does not match: it is damaged")
    require_kinds(manifest, {"facts": dict, "workers": list}, "it")
    workers = manifest["workers"]
    if not 1 <= len(workers) <= MOST_WORKERS:
        raise ValueError(f"it must be of 1 to {MOST_WORKERS} workers")
    for worker in workers:
        _require_worker(worker)
    names = [entry["file"] for worker in workers for entry in entries(worker)]
    if len({*names}) < len(names):
        raise ValueError("it names a file twice")
    return manifest


def entries(worker: dict[str, Any]) -> list[dict[str, Any]]:
    """The entries of all files of one worker."""
    return [worker["state"], *worker["episodes"]]


def size_of(entry: dict[str, Any]) -> int:
    """The bytes that the arrays of an entry need in memory."""
    shapes, dtypes = entry["shapes"], entry["dtypes"]
    width = {name: int(dtype[-1]) for name, dtype in dtypes.items()}
    return sum(width[name] * math.prod(shape) for name, shape in shapes.items())


def _require_worker(worker: Any) -> None:
    require_kinds(worker, WORKER, "a worker")
    _require_entry(worker["state"], STATE)
    odd = [name for name in worker["own"] if name not in worker["state"]["shapes"]]
    if odd:
        raise ValueError(f"a worker's state lacks {odd[0]}")
    end = 0
    for part in worker["episodes"]:
        _require_entry(part, EPISODES)
        require_kinds(part, {"first": int, "last": int}, "a part")
        first, last = part["first"], part["last"]
        if not end <= first < last <= LARGEST:
            raise ValueError(f"{part['file']} cannot hold episodes {first} to {last}")
        if any(shape[:1] != [last - first] for shape in part["shapes"].values()):
            raise ValueError(f"{part['file']} does not hold {last - first} episodes")
        end = last
    if worker["n_added"] != end:
        raise ValueError(
            f"a worker has added {worker['n_added']} episodes, but the last one held "
            f"is number {end}"
        )


def _require_entry(entry: Any, pattern: re.Pattern[str]) -> None:
    require_kinds(entry, ENTRY, "a file's entry")
    if not pattern.fullmatch(entry["file"]):
        raise ValueError(f"it names the file {entry['file']!r}")
    if {*entry["shapes"]} != {*entry["dtypes"]}:
        raise ValueError(f"{entry['file']} has shapes and dtypes of other arrays")
    for name, shape in entry["shapes"].items():
        is_list = isinstance(shape, list) and len(shape) <= 8
        if not is_list or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
            raise ValueError(f"{entry['file']} has an impossible shape of {name}")
        if entry["dtypes"][name] not in DTYPES:
            raise ValueError(f"{entry['file']} has numbers of another kind in {name}")


def _digest(manifest: dict[str, Any]) -> str:
    return sha256_of([json.dumps(manifest, sort_keys=True).encode()])
