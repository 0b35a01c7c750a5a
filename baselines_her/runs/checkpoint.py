"""Checkpoints: everything that a run needs to go on, bit for bit.

    checkpoint/manifest.json      what belongs together, with digests; written last
    checkpoint/state_<cycle>.npz  networks, optimisers, statistics, the lagged policy
    checkpoint/episodes_<n>.npz   the replay buffer from episode n on, never rewritten

Each checkpoint appends the episodes that are new, writes its state under a new name,
and then replaces the manifest in one step: until that moment the one before counts.
Of several workers each writes its own episodes and state (`..._rank1of4.npz`); the
first one's state holds what all share, and it writes the manifest for all of them.
"""

import hashlib
import json
import math
import zipfile
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ..parallel.communicator import Solo
from ..types import Arrays, Communicator, Ring
from .arrays import Archive, read_array
from .files import stream_atomically, sweep, write_atomically

FORMAT, VERSION = "baselines_her checkpoint", 2
DAMAGE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
MANIFEST, MAX_MANIFEST = "manifest.json", 2**28


class Checkpoint(NamedTuple):
    """A checkpoint that was read: the replay buffer is filled already."""

    arrays: dict[str, np.ndarray]  # saved by the first worker for all
    facts: dict[str, Any]
    own: (
        dict[str, np.ndarray] | None
    )  # this worker's; None: there were more or fewer workers
    n_workers: int  # that wrote it


class NoRing:
    """Stands where an algorithm has no replay memory."""

    n_added = capacity = 0

    def add(self, episodes: Any) -> np.ndarray:
        """Refuses them: whoever wrote them had a replay memory."""
        raise ValueError("it holds episodes, and this algorithm keeps none")

    def spans(self, since: int) -> list[tuple[int, int]]:
        """None."""
        return []

    def episodes(self, first: int, last: int) -> dict[str, np.ndarray]:
        """None."""
        return {}

    def restore(self, first: int, fields: dict[str, np.ndarray]) -> None:
        """Refuses them, as `add`."""
        self.add(fields)


class Checkpoints:
    """The checkpoint folder of one run; all workers call the same methods together."""

    def __init__(
        self, folder: Path, ring: Ring | None = None, comm: Communicator = Solo()
    ):
        """Takes the folder, the ring whose episodes it keeps, the communicator."""
        self._folder, self._comm = folder, comm
        self._ring = NoRing() if ring is None else ring
        folder.mkdir(parents=True, exist_ok=True)
        self._parts: list[dict[str, Any]] = []  # as in the manifest
        self._mark = f"_rank{comm.rank}of{comm.size}" if comm.size > 1 else ""

    def save(
        self,
        arrays: Arrays,
        facts: dict[str, Any],
        number: int,
        own: Arrays = MappingProxyType({}),
    ) -> None:
        """Writes a checkpoint.

        Args:
          arrays: networks and the like, the same on all workers.
          facts: counters, rows and settings: what JSON can hold.
          number: of the cycle, for the state's name.
          own: what is this worker's alone, besides the episodes.

        Raises:
          OSError: it could not be written; the checkpoint before it is untouched.
        """
        parts = [part for part in self._parts if self._is_kept(part)]
        since = parts[-1]["last"] if parts else 0
        parts += [self._append(*span) for span in self._ring.spans(since)]
        shared = arrays if self._comm.rank == 0 else {}
        path = self._folder / f"state_{number}{self._mark}.npz"
        worker = {
            "state": _write_npz(path, {**own, **shared}),
            "own": sorted(own),
            "episodes": parts,
            "n_added": self._ring.n_added,
        }
        workers = self._comm.gather(worker)
        if self._comm.rank == 0:
            self._write_manifest(facts, workers)
            sweep(self._folder)
        self._comm.gather(None)  # until then the checkpoint before counts
        self._remove_others(workers)
        self._parts = parts

    def load(self) -> Checkpoint | None:
        """Reads the checkpoint and fills the buffer; None if there is none.

        Raises:
          ValueError: a file is damaged, missing, or of another run.
        """
        path, rank = self._folder / MANIFEST, self._comm.rank
        shared = None
        try:
            if rank == 0 and path.exists():
                shared = self._read_shared(path)
                sweep(self._folder)
            told = self._comm.broadcast(shared)
            if told is None:
                return None
            manifest, arrays = told
            workers = manifest["workers"]
            own = None
            if len(workers) == self._comm.size:
                own = self._restore(workers[rank])
            else:
                self._deal(workers)
            self._remove_others(workers)
            return Checkpoint(arrays, manifest["facts"], own, len(workers))
        except (*DAMAGE, OSError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"{path} is not a whole checkpoint: {reason}") from None

    def forget(self) -> None:
        """Removes a checkpoint that lies where a run begins anew."""
        if self._comm.rank == 0:
            (self._folder / MANIFEST).unlink(missing_ok=True)
            sweep(self._folder)
        self._remove_others([])

    def _write_manifest(self, facts: dict[str, Any], workers: list[Any]) -> None:
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "facts": facts,
            "workers": workers,
        }
        manifest["sha256"] = _digest_of_text(manifest)
        text = json.dumps(manifest).encode()
        write_atomically(self._folder / MANIFEST, text)

    def _read_shared(self, path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The manifest, and what all workers share of the first one's state."""
        manifest = _read_manifest(path)
        first = manifest["workers"][0]
        arrays = _read_npz(self._folder, first["state"])
        return manifest, {k: v for k, v in arrays.items() if k not in first["own"]}

    def _restore(self, worker: dict[str, Any]) -> dict[str, np.ndarray]:
        """Puts back this worker's episodes and state."""
        arrays = _read_npz(self._folder, worker["state"])
        for part in worker["episodes"]:
            self._ring.restore(part["first"], _read_npz(self._folder, part))
        self._ring.n_added = int(worker["n_added"])
        self._parts = worker["episodes"]
        return {k: arrays[k] for k in worker["own"]}

    def _deal(self, workers: list[dict[str, Any]]) -> None:
        """Gives this worker its share of the episodes of another number of workers."""
        parts = [
            (part["first"], rank, part)
            for rank, worker in enumerate(workers)
            for part in worker["episodes"]
        ]
        for first, rank, part in sorted(parts, key=lambda found: found[:2]):
            fields = _read_npz(self._folder, part)
            numbers = first + np.arange(len(fields["goal"]))
            alive = numbers >= workers[rank]["n_added"] - self._ring.capacity
            places = numbers * len(workers) + rank
            mine = alive & (places % self._comm.size == self._comm.rank)
            self._ring.add(SimpleNamespace(**{k: v[mine] for k, v in fields.items()}))

    def _is_kept(self, part: dict[str, Any]) -> bool:
        return part["last"] > self._ring.n_added - self._ring.capacity

    def _append(self, first: int, last: int) -> dict[str, Any]:
        fields = self._ring.episodes(first, last)
        path = self._folder / f"episodes_{first}{self._mark}.npz"
        return {**_write_npz(path, fields), "first": first, "last": last}

    def _remove_others(self, workers: list[dict[str, Any]]) -> None:
        """Removes what the manifest does not name, of this worker.

        The first one also removes what other numbers of workers have left.
        """
        files = [[worker["state"], *worker["episodes"]] for worker in workers]
        names = {file["file"] for entries in files for file in entries}
        for pattern in "state_*.npz", "episodes_*.npz":
            for path in self._folder.glob(pattern):
                is_own = path.stem.endswith(self._mark)
                is_other = not path.stem.endswith(f"of{self._comm.size}")
                if path.name not in names and (
                    is_own or (is_other and self._comm.rank == 0)
                ):
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
        raise ValueError(
            f"its version is {manifest['version']}, this package reads {VERSION}"
        )
    digest = manifest.pop("sha256")
    if digest != _digest_of_text(manifest):
        raise ValueError("its digest does not match: it is damaged")
    kinds = {"facts": dict, "workers": list}
    if not all(isinstance(manifest[k], kind) for k, kind in kinds.items()):
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
