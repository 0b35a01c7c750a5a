"""Checkpoints: everything that a run needs to go on, bit for bit.

    checkpoint/manifest.json      what belongs together, with digests; written last
    checkpoint/state_<cycle>.npz  networks, optimisers, statistics, the lagged policy
    checkpoint/episodes_<n>.npz   the replay buffer from episode n on, never rewritten

Each checkpoint appends the episodes that are new, writes its state under a new name,
and then replaces the manifest in one step: until that moment the one before counts.
"""

import hashlib
import json
import math
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..replay.buffer import ReplayBuffer
from .arrays import Archive, read_array
from .files import stream_atomically, sweep, write_atomically

FORMAT, VERSION = "baselines_her checkpoint", 1
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
MANIFEST, MAX_MANIFEST = "manifest.json", 2**28
Arrays = Mapping[str, np.ndarray]


class Checkpoint(NamedTuple):
    """A checkpoint that was read: the replay buffer is filled already."""

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class Checkpoints:
    """The checkpoint folder of one run."""

    def __init__(self, folder: Path, buffer: ReplayBuffer):
        """Takes the folder and the buffer whose episodes it keeps."""
        self._folder, self._buffer = folder, buffer
        folder.mkdir(exist_ok=True)
        self._parts: list[dict[str, Any]] = []  # as in the manifest

    def save(self, arrays: Arrays, facts: dict[str, Any], number: int) -> None:
        """Writes a checkpoint.

        Args:
          arrays: networks and the like, small.
          facts: counters, rows and settings: what JSON can hold.
          number: of the cycle, for the state's name.

        Raises:
          OSError: it could not be written; the checkpoint before it is untouched.
        """
        parts = [part for part in self._parts if self._is_kept(part)]
        since = parts[-1]["last"] if parts else 0
        parts += [self._append(*span) for span in self._buffer.spans(since)]
        state = _write_npz(self._folder / f"state_{number}.npz", arrays)
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "facts": facts,
            "state": state,
            "episodes": parts,
            "n_added": self._buffer.n_added,
        }
        manifest["sha256"] = _digest_of_text(manifest)
        text = json.dumps(manifest).encode()
        write_atomically(self._folder / MANIFEST, text)
        self._parts = parts
        self._remove_others([state["file"], *(part["file"] for part in parts)])

    def load(self) -> Checkpoint | None:
        """Reads the checkpoint and fills the buffer; None if there is none.

        Raises:
          ValueError: a file is damaged, missing, or of another run.
        """
        path = self._folder / MANIFEST
        if not path.exists():
            return None
        try:
            manifest = _read_manifest(path)
            arrays = _read_npz(self._folder, manifest["state"])
            for part in manifest["episodes"]:
                fields = _read_npz(self._folder, part)
                self._buffer.restore(part["first"], fields)
            self._buffer.n_added = int(manifest["n_added"])
            self._parts = manifest["episodes"]
            kept = [manifest["state"]["file"], *(p["file"] for p in self._parts)]
            self._remove_others(kept)
            return Checkpoint(arrays, manifest["facts"])
        except (*DAMAGE, OSError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"{path} is not a whole checkpoint: {reason}") from None

    def forget(self) -> None:
        """Removes a checkpoint that lies where a run begins anew."""
        (self._folder / MANIFEST).unlink(missing_ok=True)
        self._remove_others([])

    def _is_kept(self, part: dict[str, Any]) -> bool:
        return part["last"] > self._buffer.n_added - self._buffer.capacity

    def _append(self, first: int, last: int) -> dict[str, Any]:
        fields = self._buffer.episodes(first, last)
        part = _write_npz(self._folder / f"episodes_{first}.npz", fields)
        return {**part, "first": first, "last": last}

    def _remove_others(self, kept: Iterable[str]) -> None:
        sweep(self._folder)
        names = {MANIFEST, *kept}
        for pattern in "state_*.npz", "episodes_*.npz":
            for path in self._folder.glob(pattern):
                if path.name not in names:
                    path.unlink(missing_ok=True)


def _write_npz(path: Path, arrays: Arrays) -> dict[str, Any]:
    """Writes arrays without a copy of them; returns their entry in the manifest."""
    size = sum(array.nbytes for array in arrays.values())
    stream_atomically(path, lambda file: np.savez(file, **arrays), size)  # type: ignore
    return {
        "file": path.name,
        "shapes": {name: list(array.shape) for name, array in arrays.items()},
        "dtypes": {name: array.dtype.str for name, array in arrays.items()},
        "sha256": _digest(arrays),
    }


def _read_npz(folder: Path, entry: dict[str, Any]) -> dict[str, np.ndarray]:
    name = entry["file"]
    if not isinstance(name, str) or Path(name).name != name:
        raise ValueError(f"it names the file {name!r}")
    path = folder / name
    if not path.is_file():
        raise ValueError(f"{name} is missing")
    size = path.stat().st_size
    try:
        with zipfile.ZipFile(path) as file:
            infos = {i.filename.removesuffix(".npy"): i for i in file.infolist()}
            archive = Archive(file, infos)
            shapes = {k: tuple(shape) for k, shape in entry["shapes"].items()}
            for shape in shapes.values():
                if not all(type(n) is int and n >= 0 for n in shape):
                    raise ValueError(f"{name} has the shape {shape}")
                if math.prod(shape) > size:
                    raise ValueError(f"{name} is shorter than its arrays")
            arrays = {
                k: read_array(archive, k, shape, (entry["dtypes"][k],))
                for k, shape in shapes.items()
            }
    except (zipfile.BadZipFile, KeyError, NotImplementedError) as error:
        raise ValueError(f"{name} is damaged ({error})") from None
    if _digest(arrays) != entry["sha256"]:
        raise ValueError(f"the digest of {name} does not match: it is damaged")
    return arrays


def _read_manifest(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_MANIFEST:
        raise ValueError("it is too long")
    manifest = json.loads(path.read_bytes())
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError("its format is another")
    if manifest["version"] != VERSION:
        raise ValueError(f"its version is {manifest['version']}, this package reads 1")
    digest = manifest.pop("sha256")
    if digest != _digest_of_text(manifest):
        raise ValueError("its digest does not match: it is damaged")
    if not all(isinstance(manifest[k], dict) for k in ("facts", "state")):
        raise ValueError("its entries are of the wrong kind")
    return manifest


def _digest(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\0".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _digest_of_text(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
