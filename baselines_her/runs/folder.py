"""A run's folder: config.json, progress, policies, FINISHED."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from ..config import Config
from ..types import EnvSpec
from ..versions import package_versions
from .files import write_atomically
from .logger import Row, open_writers
from .policy_file import write_policy


class RunFolder:
    """Writes everything a run leaves, and knows which policy was the best."""

    def __init__(self, path: Path, config: Config, spec: EnvSpec):
        self.path, self._config, self._spec = path, config, spec
        self._versions = package_versions()
        self._writers = open_writers(path)
        self._last: dict[str, Any] = {}
        self.best_success = -1.0
        self.best_epoch = 0

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
        epoch, success = int(row["epoch"]), row["test/success_rate"]
        self._last = {
            "epoch": epoch,
            "env_steps": int(row["steps/env"]),
            "success_rate": success,
            "versions": self._versions,
        }
        self._save(self.path / "policy_latest.pkl", arrays)
        interval = self._config.loop.policy_save_interval
        if interval and epoch % interval == 0:
            self._save(self.path / f"policy_{epoch}.pkl", arrays)
        if success >= self.best_success:
            self.best_success, self.best_epoch = success, epoch
            self._save(self.best_path, arrays)

    def finish(self, arrays: dict[str, np.ndarray], save_path: str | None) -> None:
        """Writes the final policy to `save_path` too, then FINISHED, the last file."""
        if save_path:
            self._save(Path(save_path).expanduser(), arrays)
        write_atomically(self.path / "FINISHED", b"")

    def epilogue(self) -> str:
        """Where the best policy is, and the command that plays it."""
        path = shlex.quote(str(self.best_path))
        return (
            f"Best policy: {self.best_path} (success {self.best_success:.2f}, epoch "
            f"{self.best_epoch}).  Play it: python -m baselines_her.run --play "
            f"--load_path={path}"
        )

    def _save(self, path: Path, arrays: dict[str, np.ndarray]) -> None:
        write_policy(path, self._spec, self._config, arrays, self._last)


def open_folder(config: Config, spec: EnvSpec, command: str) -> RunFolder:
    """Makes the folder and its config.json.

    Raises:
      ValueError: `log_path` already holds a run, or cannot be a folder.
    """
    path = _choose(config.run.log_path, spec.env_id)
    content = {
        "config": config.to_flags(),
        "spec": spec._asdict(),
        "versions": package_versions(),
        "command": command,
    }
    text = json.dumps(content, indent=2) + "\n"
    write_atomically(path / "config.json", text.encode())
    return RunFolder(path, config, spec)


def _choose(log_path: str | None, env_id: str) -> Path:
    if log_path is None:
        return _next_free(Path("logs") / "her", env_id.rpartition(":")[2])
    path = Path(log_path).expanduser()
    if (path / "config.json").exists() or path.is_file():
        raise ValueError(
            f"log_path must be a new folder, found a run in {path}.  "
            "Choose another --log_path."
        )
    path.mkdir(parents=True, exist_ok=True)
    return path


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
