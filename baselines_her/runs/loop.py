"""One epoch: cycles, evaluation, a row of numbers, saved policies, a film."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..acting.policy import Policy
from ..algorithms.her import OffPolicy
from ..config import Config
from ..parallel.collectors import Collectors, Filmer
from ..parallel.communicator import Solo
from ..seeding import EVALUATION, stream
from ..types import Start
from .console import Console
from .folder import RunFolder
from .logger import Row, merged
from .video import write_video


class Epochs:
    """Runs epoch after epoch; its state is the rows so far."""

    def __init__(
        self,
        config: Config,
        algorithm: OffPolicy,
        collectors: Collectors,
        filmer: Filmer,
        console: Console,
        comm=Solo(),
        clock: Callable[[], float] = time.perf_counter,
    ):
        """Takes the rooms that an epoch passes through; see `training.train`."""
        self._config, self._algorithm = config, algorithm
        self._learner, self._collectors = algorithm.learner, collectors
        self._filmer, self._console, self._comm = filmer, console, comm
        self._clock, self._started = clock, clock()
        self._cycles: list[Row] = []  # metrics of the unfinished epoch
        self.rows: list[Row] = []

    def state(self) -> dict[str, Any]:
        """What an epoch needs to go on after `load_state`."""
        return {
            "rows": self.rows,
            "cycles": self._cycles,
            "seconds": self._clock() - self._started,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Takes everything of `state()`."""
        self.rows, self._cycles = list(state["rows"]), list(state["cycles"])
        self._started = self._clock() - state["seconds"]

    @property
    def is_finished(self) -> bool:
        """Whether all steps were taken and the last epoch is evaluated."""
        enough = self._algorithm.n_env_steps >= self._config.run.num_timesteps
        return enough and not self._cycles

    def run_one(
        self, folder: RunFolder, after_cycle: Callable[[], None] = lambda: None
    ) -> Row:
        """Cycles, evaluates, logs and saves; returns the epoch's row.

        The workers share the evaluation episodes, so all of them have the same row.

        Args:
          folder: takes the row and the policies.
          after_cycle: called after every cycle.
        """
        self._run_cycles(after_cycle)
        self._comm.require_equal(self._learner.arrays(), "weights and statistics")
        policy = self._learner.policy(self._config.loop.test_with_polyak)
        row = self._row(self._cycles, self._evaluate(policy))
        self.rows.append(row)
        self._cycles = []
        folder.write(row, self._learner.arrays())
        self._console.epoch(row)
        interval = self._config.loop.video_interval
        if self._comm.rank == 0 and interval and row["epoch"] % interval == 0:
            self._film(policy, int(row["epoch"]), folder)
        return row

    def _run_cycles(self, after_cycle: Callable[[], None]) -> None:
        wanted = self._config.loop.n_cycles
        total = self._config.run.num_timesteps
        while len(self._cycles) < wanted and self._algorithm.n_env_steps < total:
            self._cycles.append(self._algorithm.cycle())
            self._console.cycle(self._algorithm.n_env_steps)
            after_cycle()

    def _evaluate(self, policy: Policy) -> Row:
        """Means over this epoch's evaluation episodes: other ones every epoch."""
        n, seed = self._config.loop.n_test_rollouts, self._config.run.seed
        first = len(self.rows) * n
        numbers = range(first + self._comm.rank, first + n, self._comm.size)
        starts = [Start(stream(seed, EVALUATION, n=k)) for k in numbers]
        sums = np.zeros(3)
        if starts:
            tests = self._collectors.collect(policy, starts)
            success, mean_q = tests.success, self._learner.mean_q(tests)
            counts = success[:, -1].sum(), success.any(axis=1).sum()
            sums = np.array([*counts, len(starts) * mean_q])
        means = (self._comm.sum(sums) / n).tolist()
        names = "test/success_rate", "test/success_any", "test/mean_Q"
        return dict(zip(names, means))

    def _row(self, cycles: list[Row], tests: Row) -> Row:
        algorithm, learner = self._algorithm, self._learner
        row = {
            "epoch": len(self.rows),
            "steps/env": algorithm.n_env_steps,
            "steps/episodes": algorithm.n_episodes,
            "steps/updates": algorithm.n_updates,
            "steps/skipped": algorithm.n_skipped,
            **tests,
        }
        row |= merged(cycles)
        for letter, norm in ("o", learner.obs_norm), ("g", learner.goal_norm):
            row[f"stats/{letter}_mean"] = float(norm.stats.mean.mean())
            row[f"stats/{letter}_std"] = float(norm.stats.std.mean())
        row["time/total"] = self._clock() - self._started
        return row

    def _film(self, policy: Policy, epoch: int, folder: RunFolder) -> None:
        """Films the first evaluation episode of an epoch that has just been added."""
        number = epoch * self._config.loop.n_test_rollouts
        start = Start(stream(self._config.run.seed, EVALUATION, n=number))
        frames = self._filmer.film(policy, start)
        write_video(folder.path / "videos" / f"epoch_{epoch}.mp4", frames)
