"""A run's folder: config.json, progress, policies, FINISHED."""

import contextlib
import json
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Config
from ..types import EnvSpec
from ..versions import package_versions
from .files import sweep, write_atomically
from .logger import Row, open_writers
from .policy_file import write_policy

DEFAULTS = Config().to_flags()  # of settings that came after a run

# Settings that may differ when a run goes on; the last two may change its bits.
FREE = (
    *("num_timesteps", "log_path", "save_path", "play", "resume"),
    *("episodes", "per_step"),
    *("checkpoint_interval", "policy_save_interval", "video_interval"),
    *("collectors", "collector_timeout", "mpi_timeout"),
    *("num_cpu", "learner_threads"),
)


class RunFolder:
    """Writes everything a run leaves, and knows which policy was the best."""

    def __init__(
        self,
        path: Path,
        config: Config,
        spec: EnvSpec,
        rows: list[Row],
        tell: Callable[[str], None],
        is_writer: bool = True,
    ):
        """Opens the folder for writing.

        Args:
          path: the folder, made already.
          config: resolved.
          spec: the environment's dimensions.
          rows: those of a resumed run; others in the files are cut.
          tell: takes warnings.
          is_writer: of several workers one writes; the others only keep account.
        """
        self._is_writer = is_writer
        self.path, self._config, self._spec = path, config, spec
        self._versions = package_versions()
        self._writers = open_writers(path, rows, tell) if is_writer else []
        self._facts: dict[str, Any] = {}
        self.best_success, self.best_epoch = -1.0, 0
        for row in rows:
            self._note(row)

    @property
    def best_path(self) -> Path:
        """The policy with the highest success rate; a later tie wins."""
        return self.path / "policy_best.pkl"

    def __enter__(self) -> "RunFolder":
        return self

    def __exit__(self, *error: Any) -> None:
        for writer in self._writers:
            writer.close()

    def write(self, row: Row, arrays: dict[str, np.ndarray]) -> None:
        """Logs an epoch and saves its policy: latest, periodic, and best if it is."""
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
        """Writes the final policy to `save_path` too, then FINISHED, the last file."""
        if save_path:
            target = Path(save_path).expanduser()
            self._save(target, arrays)
        if self._is_writer:
            write_atomically(self.path / "FINISHED", b"")

    def epilogue(self) -> str:
        """Where the best policy is, and the command that plays it."""
        path = shlex.quote(str(self.best_path))
        return (
            f"Best policy: {self.best_path} (success {self.best_success:.2f}, epoch "
            f"{self.best_epoch}).  Play it: python -m baselines_her.run --play "
            f"--load_path={path}"
        )

    def resume_hint(self) -> str:
        """The command that goes on with this run."""
        path, n = shlex.quote(str(self.path)), self._config.run.num_cpu or 1
        workers = f" --num_cpu={n} (or under mpiexec, as before)" if n > 1 else ""
        return f"Go on with: python -m baselines_her.run --resume={path}{workers}"

    def _note(self, row: Row) -> bool:
        """Remembers an epoch; returns whether it is the best so far."""
        epoch, success = int(row["epoch"]), row["test/success_rate"]
        self._facts = {
            "epoch": epoch,
            "env_steps": int(row["steps/env"]),
            "success_rate": success,
            "versions": self._versions,
        }
        is_best = success >= self.best_success
        if is_best:
            self.best_success, self.best_epoch = success, epoch
        return is_best

    def _save(self, path: Path, arrays: dict[str, np.ndarray]) -> None:
        if self._is_writer:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_policy(path, self._spec, self._config, arrays, self._facts)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Holds the run folder for this process, where the system has such locks.

    Raises:
      ValueError: another process trains in it.
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
    """The run's folder, and whether it holds this run already.

    Raises:
      ValueError: it holds another run, or is a file.
    """
    if config.run.log_path is None:
        name = config.run.env.rpartition(":")[2]
        return _next_free(Path("logs") / "her", name), False
    path = Path(config.run.log_path).expanduser()
    if path.is_file():
        raise ValueError(f"log_path must be a folder, found the file {path}.")
    if not (path / "config.json").exists():
        path.mkdir(parents=True, exist_ok=True)
        return path, False
    differing = differing_settings(read_config(path), config)
    if differing:
        raise ValueError(
            f"log_path must be a new folder or that of this same run, found a run in "
            f"{path} with other settings ({differing}).  Choose another --log_path."
        )
    return path, True


def differing_settings(found: dict[str, Any], config: Config) -> str:
    """The first settings that differ and matter: "seed 0 -> 1", or nothing."""
    wanted, found = config.to_flags(), {**DEFAULTS, **found}
    names = [k for k in wanted if k not in FREE and found.get(k) != wanted[k]]
    return ", ".join(f"{k} {found.get(k)} -> {wanted[k]}" for k in names[:3])


def write_config(path: Path, config: Config, spec: EnvSpec, command: str) -> None:
    """Writes config.json, and sweeps what a killed run may have left.

    A run that goes on keeps its first command and lists the later ones.
    """
    sweep(path)
    (path / "FINISHED").unlink(missing_ok=True)
    content = {
        "config": config.to_flags(),
        "spec": spec._asdict(),
        "versions": package_versions(),
        "command": command,
        "resumed_by": [],
    }
    if (path / "config.json").exists():
        before = json.loads((path / "config.json").read_bytes())
        content["command"] = before["command"]
        content["resumed_by"] = [*before.get("resumed_by", []), command]
    text = json.dumps(content, indent=2) + "\n"
    write_atomically(path / "config.json", text.encode())


def read_config(path: str | Path) -> dict[str, Any]:
    """The settings of the run in a folder, as flat flags.

    Raises:
      ValueError: there is no run, or its config.json is damaged.
    """
    path = Path(path).expanduser() / "config.json"
    try:
        content = json.loads(path.read_bytes())
        flags = dict(content["config"])
    except FileNotFoundError:
        raise ValueError(f"{path.parent} must hold a run: it has no config.json") from (
            None
        )
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    return flags


def _next_free(parent: Path, name: str) -> Path:
    """parent/name_<n> with the first free n, made here, so that two runs differ."""
    n = 0
    while True:
        path = parent / f"{name.replace('/', '_')}_{n}"
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            n += 1
