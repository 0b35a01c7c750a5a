"""Checkpoints: everything that a run needs to continue bit for bit.

    checkpoint/manifest.json      what belongs together, with digests; written last
    checkpoint/state_<cycle>.npz  networks, optimisers, statistics, the lagged policy
    checkpoint/episodes_<n>.npz   the replay buffer from episode n on, never rewritten

Each checkpoint appends the new episodes, writes its state under a new name, and then
replaces the manifest atomically; until that moment the previous checkpoint is valid.
With several workers, each writes its own episodes and state (`..._rank1of4.npz`).  The
first worker's state also holds what all share, and it writes the manifest for all.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ..parallel.communicator import Solo
from ..types import Arrays, Communicator, Ring
from .arrays import (
    DAMAGE,
    open_archive,
    open_regular,
    read_array,
    reason_of,
    sha256_of,
)
from .files import Place, stream_atomically, sweep
from .manifest import (
    EPISODES,
    NAME,
    STATE,
    entries,
    read_manifest,
    size_of,
    write_manifest,
)

FRAME = 2**20  # bytes that an npz file may have in addition to its arrays


class Checkpoint(NamedTuple):
    """A checkpoint that was read, after its episodes were put into the buffer."""

    arrays: dict[str, np.ndarray]  # saved by the first worker for all
    facts: dict[str, Any]
    own: dict[str, np.ndarray] | None  # this worker's; None: their number has changed
    n_workers: int  # the number that wrote it


class NoRing:
    """Takes the place of a replay memory if an algorithm has none."""

    n_added = capacity = 0

    def add(self, episodes: Any) -> np.ndarray:
        """Refuses episodes: only an algorithm with a replay memory writes them."""
        raise ValueError("it holds episodes, but this algorithm keeps none")

    def spans(self, since: int) -> list[tuple[int, int]]:
        """None."""
        return []

    def episodes(self, first: int, last: int) -> dict[str, np.ndarray]:
        """None."""
        return {}

    def restore(self, first: int, fields: dict[str, np.ndarray]) -> None:
        """Refuses episodes, as `add` does."""
        self.add(fields)


class Checkpoints:
    """The checkpoint folder of one run; all workers call the same methods together."""

    def __init__(
        self, folder: Path, ring: Ring | None = None, comm: Communicator = Solo()
    ):
        """Takes the folder, the ring whose episodes it keeps, the communicator.

        Raises:
          ValueError: the folder is a file, or a link, which could lead anywhere.
        """
        self._folder, self._comm = folder, comm
        self._ring = NoRing() if ring is None else ring  # an empty ring is false, too
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise ValueError(
                f"checkpoints are kept in a folder, but {folder} is a link or a file.  "
                "Remove it, or choose another --log_path."
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._place = Place(folder)
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
          facts: counters, rows and settings, as JSON can hold them.
          number: the cycle's number, for the name of the state file.
          own: this worker's own arrays, without the episodes.

        Raises:
          OSError: it could not be written; the previous checkpoint is untouched.
          RuntimeError: the folder was removed, renamed or replaced.
        """
        self._place.require()
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
            write_manifest(self._folder, facts, workers)
            sweep(self._folder)
        self._comm.gather(None)  # until then the previous checkpoint is valid
        self._remove_others(workers)
        self._parts = parts

    def load(self, room: int = 2**30) -> Checkpoint | None:
        """Reads the checkpoint and fills the buffer; None if there is none.

        Args:
          room: the most bytes that the arrays of a worker's state may take.

        Raises:
          ValueError: a file is damaged, missing, or belongs to another run.
        """
        path, rank = self._folder / NAME, self._comm.rank
        shared = None
        try:
            if rank == 0 and (path.exists() or path.is_symlink()):
                shared = self._read_shared(room)
                sweep(self._folder)
            received = self._comm.broadcast(shared)
            if received is None:
                return None
            manifest, arrays = received
            workers = manifest["workers"]
            own = None
            if len(workers) == self._comm.size:
                own = self._restore(workers[rank], room)
            else:
                self._deal(workers)
            self._remove_others(workers)
            return Checkpoint(arrays, manifest["facts"], own, len(workers))
        except (*DAMAGE, OSError) as error:
            reason = reason_of(error)
            raise ValueError(f"{path} is not a whole checkpoint: {reason}") from None

    def forget(self) -> None:
        """Removes an old checkpoint from the folder of a run that starts again."""
        if self._comm.rank == 0:
            (self._folder / NAME).unlink(missing_ok=True)
            sweep(self._folder)
        self._remove_others([])

    def _read_shared(self, room: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The manifest, and the part of the first worker's state that all share."""
        manifest = read_manifest(self._folder)
        for worker in manifest["workers"]:
            self._require_episodes(worker)
        first = manifest["workers"][0]
        arrays = _read_npz(self._folder, first["state"], room)
        return manifest, {k: v for k, v in arrays.items() if k not in first["own"]}

    def _require_episodes(self, worker: dict[str, Any]) -> None:
        """Refuses parts that do not hold exactly the episodes that the ring needs."""
        capacity, end = self._ring.capacity, worker["n_added"]
        held = max(0, end - capacity)  # earlier episodes are overwritten
        for part in worker["episodes"]:
            first, last = part["first"], part["last"]
            if last > held:
                if first > held or last - first > capacity:
                    raise ValueError(f"episodes {held} to {first} are missing")
                held = last
            found = {k: shape[1:] for k, shape in part["shapes"].items()}
            if found != {k: [*v.shape[1:]] for k, v in self._one().items()}:
                raise ValueError(f"the episodes of {part['file']} are not of this run")
        if held < end:
            raise ValueError(f"episodes {held} to {end} are missing")

    def _one(self) -> dict[str, np.ndarray]:
        """One episode of the ring; only its shapes are used."""
        return self._ring.episodes(0, 1)

    def _restore(self, worker: dict[str, Any], room: int) -> dict[str, np.ndarray]:
        """Restores this worker's episodes and state."""
        arrays = _read_npz(self._folder, worker["state"], room)
        for part in worker["episodes"]:
            self._ring.restore(part["first"], self._read_part(part))
        self._ring.n_added = worker["n_added"]
        self._parts = worker["episodes"]
        return {k: arrays[k] for k in worker["own"]}

    def _read_part(self, part: dict[str, Any]) -> dict[str, np.ndarray]:
        return _read_npz(self._folder, part, size_of(part))

    def _deal(self, workers: list[dict[str, Any]]) -> None:
        """Gives this worker its share of episodes from another number of workers."""
        parts = [
            (part["first"], rank, part)
            for rank, worker in enumerate(workers)
            for part in worker["episodes"]
        ]
        for first, rank, part in sorted(parts, key=lambda found: found[:2]):
            fields = self._read_part(part)
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
        """Removes this worker's files that the manifest does not name.

        The first worker also removes files that another number of workers has left.
        """
        names = {entry["file"] for worker in workers for entry in entries(worker)}
        for path in _files_of_ours(self._folder):
            is_own = path.stem.endswith(self._mark)
            is_other = not path.stem.endswith(f"of{self._comm.size}")
            if path.name not in names and (
                is_own or (is_other and self._comm.rank == 0)
            ):
                path.unlink(missing_ok=True)


def _files_of_ours(folder: Path) -> Iterator[Path]:
    """The files in a folder whose names could come from `save`."""
    for path in folder.iterdir():
        is_named = STATE.fullmatch(path.name) or EPISODES.fullmatch(path.name)
        if is_named and path.is_file() and not path.is_symlink():
            yield path


def _write_npz(path: Path, arrays: Arrays) -> dict[str, Any]:
    """Writes arrays without copying them; returns their entry in the manifest."""
    size = sum(array.nbytes for array in arrays.values())
    stream_atomically(path, lambda file: np.savez(file, **arrays), size)  # type: ignore
    return {
        "file": path.name,
        "shapes": {name: list(array.shape) for name, array in arrays.items()},
        "dtypes": {name: array.dtype.str for name, array in arrays.items()},
        "sha256": _digest(arrays),
    }


def _read_npz(folder: Path, entry: dict[str, Any], room: int) -> dict[str, np.ndarray]:
    """The arrays of a checked entry; refuses more than `room` bytes."""
    name, size = entry["file"], size_of(entry)
    if size > room:
        raise ValueError(
            f"{name} must hold at most {room} bytes, but its arrays take {size}"
        )
    if (folder / name).is_symlink():
        raise ValueError(f"{name} is a link")
    with _naming(name), open_regular(folder / name, size + FRAME) as file:
        archive = open_archive(file)
        arrays = {
            k: read_array(archive, k, tuple(shape), (entry["dtypes"][k],))
            for k, shape in entry["shapes"].items()
        }
    if _digest(arrays) != entry["sha256"]:
        raise ValueError(f"the digest of {name} does not match: it is damaged")
    return arrays


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Adds the file's name to errors that reading it raises."""
    try:
        yield
    except DAMAGE as error:
        raise ValueError(f"{name}: {reason_of(error)}") from None


def _digest(arrays: Arrays) -> str:
    return sha256_of(_parts_of(arrays))


def _parts_of(arrays: Arrays) -> Iterator[Any]:
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        yield f"{name} {array.dtype.str} {array.shape}\0".encode()
        yield array.reshape(-1).view(np.uint8).data
