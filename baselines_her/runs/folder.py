"""A run's folder: config.json, progress, policies, FINISHED."""

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..algorithms import entry
from ..config import Config, from_saved, plain, to_flags
from ..types import Row, fields_of
from ..versions import package_versions
from .arrays import DAMAGE, reason_of
from .files import Place, sweep, write_atomically
from .foreign import printable
from .json_file import read_json, require_kinds
from .logger import open_writers
from .policy_file import write_policy

# Settings that may differ when a run continues; the last two can change its bits.
FREE = (
    *("num_timesteps", "stop_at", "log_path", "save_path", "play", "resume"),
    *("episodes", "per_step", "metrics"),
    *("checkpoint_interval", "policy_save_interval", "video_interval"),
    *("collectors", "steppers", "collector_timeout", "mpi_timeout"),
    *("num_cpu", "learner_threads"),
)


LONGEST = 100  # characters shown of a setting that a file holds
CONFIG, MAX_CONFIG = "config.json", 2**22  # bytes
KINDS = {"config": dict, "command": str, "resumed_by": list}


class RunFolder:
    """Writes all files of a run, and keeps track of the best policy."""

    def __init__(
        self,
        path: Path,
        config: Config,
        spec: Any,
        rows: list[Row],
        say: Callable[[str], None],
        is_writer: bool = True,
    ):
        """Opens the folder for writing.

        Args:
          path: the folder, which must exist.
          config: the resolved settings.
          spec: the environment's dimensions.
          rows: the rows of a resumed run; later ones in its files are removed.
          say: called with each warning.
          is_writer: whether this worker writes; the others only keep track.
        """
        self._is_writer = is_writer
        self.path, self._config, self._spec = path, config, spec
        self._place = Place(path)
        self._versions, algorithm = package_versions(), entry(config.run.alg)
        columns = algorithm.columns_in(spec)
        names = [c.name for c in columns if c.is_logged(config)]
        self._score = algorithm.score
        self._writers = open_writers(path, names, rows, say) if is_writer else []
        self._facts: dict[str, Any] = {}
        self.best_score, self.best_epoch = -math.inf, 0
        for row in rows:
            self._note(row)

    @property
    def best_path(self) -> Path:
        """The policy with the highest score; of equal ones the latest."""
        return self.path / "policy_best.pkl"

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *error: Any) -> None:
        for writer in self._writers:
            writer.close()

    def write(self, row: Row, arrays: dict[str, np.ndarray]) -> None:
        """Logs an epoch and saves its policy as latest, and as periodic or best if due.

        Raises:
          RuntimeError: the folder was removed or renamed during the run.
        """
        if self._is_writer:
            self._place.require()
        for writer in self._writers:
            writer.write(row)
        is_best, epoch = self._note(row), int(row["epoch"])
        self._save(self.path / "policy_latest.pkl", arrays)
        interval = self._config.loop.policy_save_interval
        if interval and epoch % interval == 0:
            self._save(self.path / f"policy_{epoch}.pkl", arrays)
        if is_best:
            self._save(self.best_path, arrays)

    def finish(self, arrays: dict[str, np.ndarray], save_path: str | None) -> None:
        """Also writes the final policy to `save_path`, and at the very end FINISHED."""
        if self._is_writer:
            self._place.require()
        if save_path:
            target = Path(save_path).expanduser()
            self._save(target, arrays)
        if self._is_writer:
            write_atomically(self.path / "FINISHED", b"")

    def epilogue(self) -> str:
        """Where the best policy is, and how good it was."""
        name = self._score.rpartition("/")[2]
        return (
            f"Best policy: {self.best_path} ({name} {self.best_score:.2f}, epoch "
            f"{self.best_epoch})."
        )

    def _note(self, row: Row) -> bool:
        """Records an epoch; returns whether it is the best so far."""
        epoch, score = int(row["epoch"]), row[self._score]
        self._facts = {
            "epoch": epoch,
            "env_steps": int(row["steps/env"]),
            self._score.rpartition("/")[2]: score,
            "versions": self._versions,
        }
        is_best = score >= self.best_score
        if is_best:
            self.best_score, self.best_epoch = score, epoch
        return is_best

    def _save(self, path: Path, arrays: dict[str, np.ndarray]) -> None:
        if self._is_writer:
            write_policy(path, self._spec, self._config, arrays, self._facts)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Locks the run folder for this process, if the system has such locks.

    Raises:
      ValueError: another process is training in it.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ValueError(
            f"log_path must be free, but another process trains in {path}.  Wait for "
            "it, or choose another --log_path."
        ) from None
    finally:
        os.close(handle)


def choose_folder(config: Config) -> tuple[Path, bool]:
    """The run's folder, and whether it already holds this run.

    Raises:
      ValueError: it holds another run, or is a file.
    """
    if config.run.log_path is None:
        name = config.run.env.rpartition(":")[2]
        return _next_free(Path("logs") / config.run.alg, name), False
    path = Path(config.run.log_path).expanduser()
    if path.exists() and not path.is_dir():
        raise ValueError(f"log_path must be a folder, found the file {path}.")
    if not (path / CONFIG).exists():
        path.mkdir(parents=True, exist_ok=True)
        return path, False
    differing = differing_settings(read_config(path), config)
    require_usable(path)
    if differing:
        raise ValueError(
            f"log_path must be a new folder or the one of this run, found a run in "
            f"{path} with other settings ({differing}).  Choose another --log_path."
        )
    return path, True


def differing_settings(found: dict[str, Any], config: Config) -> str:
    """The first relevant settings that differ, as in "seed 0 -> 1", or nothing."""
    wanted, found = to_flags(config), {**plain(type(config)), **found}
    names = [k for k in wanted if k not in FREE and found.get(k) != wanted[k]]
    before = {k: printable(found.get(k), LONGEST) for k in names[:3]}
    return ", ".join(f"{k} {before[k]} -> {wanted[k]}" for k in before)


def require_usable(path: Path) -> None:
    """Refuses a folder in which links or folders are in the way of a run's files.

    Raises:
      ValueError: names the first link or folder that is in the way.
    """
    for name in "checkpoint", "videos":
        if (path / name).is_symlink():
            raise ValueError(
                f"a run writes only into its own folder, but {path / name} is a link.  "
                "Remove it, or choose another --log_path."
            )
    names = "progress.csv", "progress.json", "FINISHED"
    for place in (*(path / name for name in names), *path.glob("policy_*.pkl")):
        if place.is_dir() and not place.is_symlink():
            raise ValueError(
                f"a run writes the file {place}, but it is a folder.  Remove it, "
                "or choose another --log_path."
            )


def write_config(path: Path, config: Config, spec: Any, command: str) -> None:
    """Writes config.json, and removes temporary files of a killed run.

    If a run continues, its first command is kept and later ones are listed.
    """
    sweep(path)
    (path / "FINISHED").unlink(missing_ok=True)
    content = {
        "config": to_flags(config),
        "spec": fields_of(spec),
        "versions": package_versions(),
        "command": command,
        "resumed_by": [],
    }
    if (path / CONFIG).exists():
        before = _read(path)
        content["command"] = before["command"]
        content["resumed_by"] = [*before["resumed_by"], command]
    text = json.dumps(content, indent=2) + "\n"
    write_atomically(path / CONFIG, text.encode())


def read_config(path: str | Path) -> dict[str, Any]:
    """The settings of the run in a folder, as a flat dictionary.

    Raises:
      ValueError: the folder holds no run, or its config.json is damaged.
    """
    folder = Path(path).expanduser()
    return _read(folder)["config"]


def _read(folder: Path) -> dict[str, Any]:
    """The content of config.json, with its settings and commands checked."""
    path = folder / CONFIG
    if not path.exists():
        raise ValueError(f"{folder} must hold a run: it has no config.json")
    try:
        content = {"resumed_by": [], **read_json(path, MAX_CONFIG)}
        require_kinds(content, KINDS, "it")
        if not all(isinstance(command, str) for command in content["resumed_by"]):
            raise ValueError("resumed_by must list commands")
        from_saved(content["config"])
    except (*DAMAGE, OSError) as error:
        raise ValueError(f"{path} cannot be read: {reason_of(error)}") from None
    return content


def _next_free(parent: Path, name: str) -> Path:
    """Creates parent/name_<n> with the first free n, so that runs never share it."""
    n = 0
    while True:
        path = parent / f"{name.replace('/', '_')}_{n}"
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            n += 1
