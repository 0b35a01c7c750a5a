"""Hindsight experience replay: one cycle is collect -> store -> relabel -> learn.

Andrychowicz et al. 2017 (arXiv:1707.01495), algorithm 1.  Every feature arrives as
data (sources, samplers, weights, masks), so this code is the same for all of them.
"""

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..acting.noise import noise_process
from ..acting.policy import Policy
from ..ddpg import DDPG
from ..demos.starts import training_start
from ..parallel.communicator import Solo
from ..replay.buffer import ReplayBuffer
from ..replay.sources import Source, demo_sources, fingerprint, replay_source
from ..rollout import evaluation_of
from ..seeding import DEMOS, RELABEL, REPLAY, generator
from ..settings.her import HERConfig
from ..types import (
    Arrays,
    Batch,
    Collectors,
    Communicator,
    Demos,
    EnvSpec,
    Episodes,
    Evaluation,
    Index,
    ObjectMotion,
    Pending,
    Row,
    Start,
    concatenate,
    merged,
)
from .her_state import require_counters
from .schedules import progress, scales, schedule
from .state import part_of, require_finite, require_like
from .tasks import Drive, Tasks

Critical = Callable[[], contextlib.AbstractContextManager[None]]


class Flight(NamedTuple):
    """Episodes that are being played, and what is needed to play them again."""

    policy: Policy  # without its noise
    first: int  # number of the first episode
    pending: Pending


class HER:
    """DDPG with hindsight; an `Algorithm`.

    Attributes:
      learner: networks, optimisers, statistics.
      n_iterations: cycles so far.
      n_episodes: training episodes so far, of all workers.
      n_updates: gradient steps so far.
      n_skipped: episodes dropped because a number was not finite.
    """

    def __init__(
        self,
        config: HERConfig,
        spec: EnvSpec,
        learner: DDPG,
        tasks: Tasks,
        collectors: Collectors,
        demos: Demos | None = None,
        motion: ObjectMotion | None = None,
        comm: Communicator = Solo(),
        critical: Critical = contextlib.nullcontext,
        clock: Callable[[], float] = time.perf_counter,
    ):
        """Connects the parts.

        Args:
          config: the resolved settings.
          spec: the environment's dimensions.
          learner: holds the networks.
          tasks: what is learned from a transition.
          collectors: play the episodes.
          demos: the demonstrations to learn from, already cut to `num_demo`.
          motion: finds the object, for `prioritization=energy`.
          comm: the other workers; each has its own episodes and draws.
          critical: opens a section in which no checkpoint may be taken; see
            `runs.stopping`.
          clock: returns seconds, for the columns `time/*`.
        """
        self._config, self._spec, self._clock = config, spec, clock
        self._tasks, self._collectors = tasks, collectors
        self._comm, self._critical = comm, critical
        self._flights: deque[Flight] = deque()
        self.learner, self._demos = learner, demos
        own = demo_sources(demos, spec, config)
        self._replay = replay_source(spec, config, motion)
        self._sources = [self._replay, *own]
        self._chunk = config.replay.per_chunk or config.ddpg.n_batches
        for source in own:
            self._observe(source, source.buffer, self._rng(DEMOS, 0))
        self.n_iterations = self.n_episodes = self.n_updates = self._n_submitted = 0
        self.n_skipped = 0

    @property
    def n_env_steps(self) -> int:
        """Training steps in the environment so far, of all workers."""
        return self.n_episodes * self._spec.horizon

    @property
    def ring(self) -> ReplayBuffer:
        """The replay buffer: what the policy collected."""
        return self._replay.buffer

    # -- one cycle -----------------------------------------------------------

    def iterate(self) -> Row:
        """One cycle: collects, stores, learns; returns its columns."""
        clock, comm = self._clock, self._comm
        started = clock()
        waited, exchanged = comm.waited, comm.exchanged
        if not self._flights:
            self._submit(self.learner.policy())
        episodes = self._flights[0].pending.result()
        collected = clock()
        with self._critical():
            self._land()
            rngs = [self._rng(p, self.n_iterations) for p in (REPLAY, RELABEL)]
            self._replay.sampler.add(self.ring.add(episodes))
            self._observe(self._replay, episodes, rngs[1])
            stored = clock()
            n_chunks = self._config.ddpg.n_batches // self._chunk
            metrics = merged([self._learn(*rngs) for _ in range(n_chunks)])
            self.learner.update_targets()
            self._count(episodes)
            sampling = metrics["time/sample"]
            metrics |= {
                "train/success_rate": float(episodes.success[:, -1].mean()),
                **self._tasks.columns(episodes),
                "time/collect": collected - started,
                "time/sample": stored - collected + sampling,
                "time/update": clock() - stored - sampling,
                "time/wait": comm.waited - waited,
                "time/exchange": comm.exchanged - exchanged,
            }
            means = comm.mean(np.array(list(metrics.values())))
        return dict(zip(metrics, means.tolist()))

    def _land(self) -> None:
        """Removes the oldest flight from the list; with `pipelined`, begins the next.

        With `pipelined` the players act with the policy of the cycle's start while the
        learner works, so episodes come from a policy that is one cycle old.
        """
        self._flights.popleft()
        if self._config.collect.pipelined:
            self._submit(self.learner.policy())

    def _submit(self, policy: Policy) -> None:
        seed, first = self._config.run.seed, self._n_submitted
        self._n_submitted += self._config.collect.num_env
        share = self._config.demos.demo_resets
        starts = [
            training_start(seed, self._comm.rank, n, self._demos, share)
            for n in range(first, self._n_submitted)
        ]
        collect = self._config.collect
        noise = noise_process(collect.noise, collect.ou_theta, collect.ou_dt)
        ahead = (first - self.n_iterations * collect.num_env) * self._comm.size
        steps = (self.n_episodes + ahead) * self._spec.horizon
        is_random = steps < collect.random_steps
        drive = Drive(collect.noise_eps, noise, collect.random_eps, is_random)
        actor = self._tasks.explorer(policy, drive)
        pending = self._collectors.submit(actor, starts)
        self._flights.append(Flight(policy, first, pending))

    def _observe(self, source: Source, episodes: Any, rng: np.random.Generator) -> None:
        """Adds network inputs from these episodes to the statistics.

        As many transitions as the episodes hold are drawn with replacement, and
        relabelled in the same way as the source's rows.
        """
        n_episodes, horizon, _ = episodes.action.shape
        flat = rng.integers(n_episodes * horizon, size=n_episodes * horizon)
        index = Index(*np.divmod(flat, horizon))
        self.learner.observe(*self._tasks.seen(source, episodes, index, rng))

    def _learn(
        self, replay_rng: np.random.Generator, relabel_rng: np.random.Generator
    ) -> Row:
        """Draws the batches of one compiled call, learns, returns columns."""
        started = self._clock()
        batch, drawn = self._draw(replay_rng, relabel_rng)
        sampling = self._clock() - started
        factors = scales(self.n_env_steps, self._config)
        td_error, metrics = self.learner.update(batch, factors)
        self._return_errors(drawn, td_error)
        self.n_updates += self._chunk
        weight = float(batch.weight.mean())
        return metrics | {"per/weight": weight, "time/sample": sampling}

    def _draw(
        self, replay_rng: np.random.Generator, relabel_rng: np.random.Generator
    ) -> tuple[Batch, list[Index]]:
        """Rows of all sources joined to a batch [K, B, ...], and their indices."""
        first, total = schedule(self.n_env_steps, self._spec, self._config)
        learned = self.n_updates % self._config.ddpg.n_batches  # in this cycle
        places = progress(first + learned, self._chunk, total)
        parts, drawn = [], []
        for source in self._sources:
            shape = self._chunk, source.batch_size
            index = source.sampler.draw(math.prod(shape), replay_rng)
            rows = self._tasks.rows(source, index, relabel_rng, self.learner)
            rows.is_demo[:] = source.is_demo
            rows.weight[:] = source.sampler.weights(index, places)
            parts.append(Batch(*(x.reshape(*shape, *x.shape[1:]) for x in rows)))
            drawn.append(index)
        return concatenate(parts, axis=1), drawn

    def _return_errors(self, drawn: list[Index], td_error: np.ndarray) -> None:
        """Passes each sampler the TD errors of the rows that it drew, from [K, B]."""
        start = 0
        for source, index in zip(self._sources, drawn):
            stop = start + source.batch_size
            source.sampler.update(index, td_error[:, start:stop].reshape(-1))
            start = stop

    def _count(self, episodes: Episodes) -> None:
        skipped = self._comm.sum(np.array(int(episodes.skipped.sum())))
        self.n_iterations += 1
        self.n_episodes += len(episodes.goal) * self._comm.size
        self.n_skipped += int(skipped)

    def _rng(self, purpose: int, n: int) -> np.random.Generator:
        """The generator of draw `n` for `purpose`, on this worker."""
        return generator(self._config.run.seed, purpose, self._comm.rank, n)

    # -- what an epoch needs --------------------------------------------------

    def policy(self) -> Policy:
        """A NumPy snapshot of the greedy policy that is evaluated."""
        return self._tasks.policy(self.learner, self._config.ddpg.test_with_polyak)

    def evaluate(self, starts: list[Start]) -> tuple[Evaluation, Row]:
        """Plays greedy episodes; returns their outcome and the critic's mean."""
        episodes = self._collectors.collect(self.policy(), starts)
        goals = self._tasks.goals(episodes, self.learner)
        seen = self._tasks.states(episodes)
        mean_q = self.learner.mean_q(seen, goals, episodes.action)
        return evaluation_of(episodes), {"test/mean_Q": mean_q}

    def arrays(self) -> dict[str, np.ndarray]:
        """What a policy file holds."""
        return self._tasks.arrays(self.learner)

    def status(self) -> Row:
        """Counters and statistics, as columns."""
        row: Row = {
            "steps/env": self.n_env_steps,
            "steps/episodes": self.n_episodes,
            "steps/updates": self.n_updates,
            "steps/skipped": self.n_skipped,
        }
        norms = ("o", self.learner.obs_norm), ("g", self.learner.goal_norm)
        for letter, norm in norms:
            row[f"stats/{letter}_mean"] = float(norm.stats.mean.mean())
            row[f"stats/{letter}_std"] = float(norm.stats.std.mean())
        return row

    def close(self) -> None:
        """Does nothing: the caller owns the collectors."""

    # -- what a checkpoint holds ---------------------------------------------

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and facts from which `load_state` continues, bit for bit.

        They are the same on all workers.  The replay buffer is not included: it is
        large, so `Checkpoints` appends its episodes in files of their own.
        """
        arrays = {f"learner/{k}": v for k, v in self.learner.state().items()}
        for flight in self._flights:
            lagged = flight.policy.arrays().items()
            arrays |= {f"flight/{flight.first}/{k}": v for k, v in lagged}
        return arrays, {
            "n_cycles": self.n_iterations,
            "n_episodes": self.n_episodes,
            "n_updates": self.n_updates,
            "n_skipped": self.n_skipped,
            "flights": [flight.first for flight in self._flights],
            "demos": fingerprint(self._demos),
        }

    def own_state(self) -> dict[str, np.ndarray]:
        """The part of the state that differs between workers, without the buffer."""
        kept = self._replay.sampler.state().items()
        return {f"sampler/{k}": v for k, v in kept}

    def load_own_state(self, arrays: Arrays) -> None:
        """Restores what `own_state()` returned."""
        require_finite(arrays)
        self._replay.sampler.load_state(part_of(arrays, "sampler/"))

    def take_dealt(self) -> None:
        """Treats the buffer's episodes, collected by other workers, as new ones."""
        self._replay.sampler.add(np.arange(len(self.ring)))

    def load_state(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        """Restores what `state()` returned; episodes in flight are played again.

        Raises:
          ValueError: the demonstrations have changed, or no run with these settings
            could have left this state.
        """
        if facts["demos"] != fingerprint(self._demos):
            raise ValueError(
                "a run must continue with the demonstrations that it began with, but "
                f"{self._config.demos.demo_file} has changed.  Restore the old file."
            )
        learned, n_added = part_of(arrays, "learner/"), self.ring.n_added
        require_like(learned, self.learner.state())
        require_counters(facts, learned, self._config, n_added)
        self.learner.load_state(learned)
        self.n_iterations = facts["n_cycles"]
        self.n_episodes = facts["n_episodes"]
        self.n_updates = facts["n_updates"]
        self.n_skipped = facts["n_skipped"]
        self._n_submitted = self.n_iterations * self._config.collect.num_env
        for first in facts["flights"]:
            lagged, policy = part_of(arrays, f"flight/{first}/"), self.learner.policy()
            require_like(lagged, policy.arrays())
            self._submit(policy.with_arrays(lagged))
