"""Code of the user that follows a training: loggers of other services, early ends."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..config import Config, to_flags
from ..types import Actor, Algorithm, Row

OnEpoch = Callable[[Row], bool | None]


class Run:
    """What callbacks see of a training, as it is when they are called.

    Attributes:
      folder: the run folder, which holds config.json, progress.csv and the policies.
      config: all settings by their flags' names, as in config.json.
      rows: the rows of progress.csv so far; the last one is the newest.
      is_stopping: whether a callback has asked for the end.
    """

    def __init__(
        self, folder: Path, config: Config, algorithm: Algorithm, rows: list[Row]
    ):
        self.folder, self.config, self.rows = folder, to_flags(config), rows
        self._algorithm, self.is_stopping = algorithm, False

    @property
    def env_steps(self) -> int:
        """Training steps in the environment so far, of all workers."""
        return self._algorithm.n_env_steps

    def policy(self) -> Actor:
        """A snapshot of the greedy policy, ready to act."""
        return self._algorithm.policy()

    def stop(self) -> None:
        """Ends the training after this epoch; it counts as finished."""
        self.is_stopping = True


class Callback:
    """Follows a training; subclass it and write the methods that you need.

    With several workers only the first one calls them.  The others wait meanwhile, for
    at most `mpi_timeout` seconds.  An error ends the training like any other error:
    with a checkpoint.
    """

    def on_start(self, run: Run) -> None:
        """Called before the first iteration, also when a run continues."""

    def on_iteration(self, run: Run, row: Row) -> None:
        """Called after each iteration (a cycle of HER), with its columns."""

    def on_epoch(self, run: Run, row: Row) -> None:
        """Called with each row of progress.csv, after policies were written."""

    def on_end(self, run: Run) -> None:
        """Called once at the end, whether the run finished, was stopped or failed."""


class Function(Callback):
    """A function of each row that may return False to end the run early."""

    def __init__(self, function: OnEpoch):
        self._function = function

    def on_epoch(self, run: Run, row: Row) -> None:
        """Calls the function."""
        if self._function(row) is False:
            run.stop()


class Callbacks:
    """Calls all callbacks of a run, in their order."""

    def __init__(self, callbacks: Sequence[Callback], run: Run):
        self._callbacks, self._run = callbacks, run

    @contextlib.contextmanager
    def following(self) -> Iterator[None]:
        """Calls `on_start`, and at the end `on_end` of each one that has started."""
        with contextlib.ExitStack() as stack:
            for callback in self._callbacks:
                callback.on_start(self._run)
                stack.callback(callback.on_end, self._run)
            yield

    def on_iteration(self, row: Row) -> None:
        """After an iteration."""
        for callback in self._callbacks:
            callback.on_iteration(self._run, row)

    def on_epoch(self, row: Row) -> bool:
        """After an epoch; returns whether the run should end."""
        for callback in self._callbacks:
            callback.on_epoch(self._run, row)
        return self._run.is_stopping


def require_callbacks(callbacks: Sequence[Any]) -> None:
    """Raises ValueError unless each of them can be called at all four times."""
    names = "on_start", "on_iteration", "on_epoch", "on_end"
    for callback in callbacks:
        missing = [n for n in names if not callable(getattr(callback, n, None))]
        if missing or isinstance(callback, type):
            raise ValueError(
                f"callbacks must be objects with {', '.join(names)}, found {callback!r}"
                f"{f' without {missing[0]}' if missing else ''}.  Subclass "
                "baselines_her.Callback and pass an instance."
            )
