"""The loop of all algorithms: iterations, an evaluation, a row, policies, a film."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..algorithms import Entry
from ..config import Config
from ..parallel.communicator import Solo
from ..seeding import EVALUATION, stream
from ..types import (
    Actor,
    Algorithm,
    Communicator,
    Evaluation,
    Row,
    Start,
    merged,
)
from .console import Console
from .video import write_video

SOLVED = 3  # evaluations in a row whose mean must reach `stop_at`


class Filmer(Protocol):
    """Films episodes; see `parallel.collectors`."""

    def film(self, actor: Actor, start: Start) -> list[np.ndarray]:
        """The frames [H, W, 3] of one episode."""


class Folder(Protocol):
    """Stores rows and policies; see `runs.folder`."""

    path: Path

    def write(self, row: Row, arrays: dict[str, np.ndarray]) -> None:
        """Logs an epoch and saves its policy."""


class Loop:
    """Runs epochs; its state is the rows so far."""

    def __init__(
        self,
        config: Config,
        entry: Entry,
        algorithm: Algorithm,
        filmer: Filmer,
        console: Console,
        comm: Communicator = Solo(),
        clock: Callable[[], float] = time.perf_counter,
    ):
        """Takes the parts that an epoch needs; see `training.train`."""
        self._config, self._entry, self._algorithm = config, entry, algorithm
        self._filmer, self._console, self._comm = filmer, console, comm
        self._clock, self._started = clock, clock()
        self._iterations: list[Row] = []  # of the unfinished epoch
        self.rows: list[Row] = []

    def state(self) -> dict[str, Any]:
        """What the loop needs to continue after `load_state`."""
        return {
            "rows": self.rows,
            "cycles": self._iterations,
            "seconds": self._clock() - self._started,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restores what `state()` returned."""
        self.rows, self._iterations = list(state["rows"]), list(state["cycles"])
        self._started = self._clock() - state["seconds"]

    @property
    def is_finished(self) -> bool:
        """Whether the last epoch has been evaluated and no other one follows."""
        enough = self._algorithm.n_env_steps >= self._config.run.num_timesteps
        return not self._iterations and (enough or self.is_solved)

    @property
    def is_solved(self) -> bool:
        """Whether the mean of the last evaluations reaches `stop_at`."""
        last = [row[self._entry.score] for row in self.rows[-SOLVED:]]
        wanted = self._config.loop.stop_at
        if wanted is None or len(last) < SOLVED:
            return False
        return float(np.mean(last)) >= wanted - 1e-9

    def run_epoch(
        self, folder: Folder, after_iteration: Callable[[Row], None] = lambda row: None
    ) -> Row:
        """Iterates, evaluates, logs and saves; returns the epoch's row.

        The workers divide the evaluation episodes, and all of them get the same row.

        Args:
          folder: stores the row and the policies.
          after_iteration: called after every iteration, with its columns.
        """
        self._iterate(after_iteration)
        self._comm.require_equal(self._algorithm.arrays(), "weights and statistics")
        row = {
            "epoch": len(self.rows),
            **self._algorithm.status(),
            **self._evaluate(),
            **merged(self._iterations),
            "time/total": self._clock() - self._started,
        }
        self.rows.append(row)
        self._iterations = []
        folder.write(row, self._algorithm.arrays())
        self._console.epoch(row)
        interval = self._config.loop.video_interval
        if self._comm.rank == 0 and interval and row["epoch"] % interval == 0:
            self._film(int(row["epoch"]), folder)
        return row

    def _iterate(self, after_iteration: Callable[[Row], None]) -> None:
        wanted = self._config.loop.n_cycles
        total = self._config.run.num_timesteps
        while len(self._iterations) < wanted and self._algorithm.n_env_steps < total:
            row = self._algorithm.iterate()
            self._iterations.append(row)
            self._console.iteration(self._algorithm.n_env_steps)
            after_iteration(row)

    def _evaluate(self) -> Row:
        """Means over this epoch's evaluation episodes, which differ in every epoch."""
        n, seed = self._config.loop.n_test_rollouts, self._config.run.seed
        first = len(self.rows) * n
        numbers = range(first + self._comm.rank, first + n, self._comm.size)
        starts = [Start(stream(seed, EVALUATION, n=k)) for k in numbers]
        own = self._algorithm.evaluate(starts) if starts else None
        parts = [part for part in self._comm.gather(own) if part is not None]
        columns = {column.name for column in self._entry.columns}
        row = test_row(parts)
        return {name: value for name, value in row.items() if name in columns}

    def _film(self, epoch: int, folder: Folder) -> None:
        """Films the first evaluation episode of the epoch that was just added."""
        number = epoch * self._config.loop.n_test_rollouts
        start = Start(stream(self._config.run.seed, EVALUATION, n=number))
        frames = self._filmer.film(self._algorithm.policy(), start)
        write_video(folder.path / "videos" / f"epoch_{epoch}.mp4", frames)


def test_row(parts: list[tuple[Evaluation, Row]]) -> Row:
    """The columns `test/...` of one evaluation that workers have divided.

    Args:
      parts: each worker's episodes and its other columns, which are means over them.
    """
    counts = [len(evaluation.returns) for evaluation, _ in parts]
    returns = np.concatenate([evaluation.returns for evaluation, _ in parts])
    lengths = np.concatenate([evaluation.lengths for evaluation, _ in parts])
    row = {
        "test/return": float(returns.mean()),
        "test/return_median": float(np.median(returns)),
        "test/return_min": float(returns.min()),
        "test/length": float(lengths.mean()),
    }
    if all(evaluation.last_success is not None for evaluation, _ in parts):
        last = np.concatenate([evaluation.last_success for evaluation, _ in parts])
        some = np.concatenate([evaluation.any_success for evaluation, _ in parts])
        row["test/success_rate"] = float(last.mean())
        row["test/success_any"] = float(some.mean())
    for name in parts[0][1]:
        weighted = [n * more[name] for n, (_, more) in zip(counts, parts)]
        row[name] = sum(weighted) / sum(counts)
    return row
