"""Hindsight experience replay: one cycle is collect -> store -> relabel -> learn.

Andrychowicz et al. 2017 (arXiv:1707.01495), algorithm 1.  Every feature arrives as
data (sources, samplers, weights, masks), so this code is the same for all of them.
"""

import contextlib
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

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
    Evaluation,
    Index,
    ObjectMotion,
    Pending,
    Row,
    Start,
    concatenate,
    merged,
)
from .collection import Collection
from .her_state import require_counters
from .schedules import progress, scales, schedule
from .state import part_of, require_finite, require_like
from .tasks import Tasks, drive_of

Critical = Callable[[], contextlib.AbstractContextManager[None]]


class HER:
    """DDPG with hindsight; an `Algorithm`.

    Attributes:
      learner: networks, optimisers, statistics.
      n_updates: gradient steps so far.
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
        self.learner, self._demos = learner, demos
        self._collection = Collection(
            config.collect, spec.horizon, comm, learner.policy, self._submit
        )
        own = demo_sources(demos, spec, config)
        self._replay = replay_source(spec, config, motion)
        self._sources = [self._replay, *own]
        self._chunk = config.replay.per_chunk or config.ddpg.n_batches
        for source in own:
            self._observe(source, source.buffer, self._rng(DEMOS, 0))
        self.n_updates = 0

    @property
    def n_iterations(self) -> int:
        """Cycles so far."""
        return self._collection.n_cycles

    @property
    def n_env_steps(self) -> int:
        """Training steps in the environment so far, of all workers."""
        return self._collection.n_env_steps

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
        episodes = self._collection.result()
        collected = clock()
        with self._critical():
            self._collection.land()
            rngs = [self._rng(p, self.n_iterations) for p in (REPLAY, RELABEL)]
            self._replay.sampler.add(self.ring.add(episodes))
            self._observe(self._replay, episodes, rngs[1])
            stored = clock()
            n_chunks = self._config.ddpg.n_batches // self._chunk
            metrics = merged([self._learn(*rngs) for _ in range(n_chunks)])
            self.learner.update_targets()
            self._collection.count(episodes)
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

    def _submit(self, policy: Policy, numbers: range, steps: int) -> Pending:
        """Begins training episodes before which there were so many steps."""
        seed, share = self._config.run.seed, self._config.demos.demo_resets
        starts = [
            training_start(seed, self._comm.rank, n, self._demos, share)
            for n in numbers
        ]
        drive = drive_of(self._config.collect, steps)
        return self._collectors.submit(self._tasks.explorer(policy, drive), starts)

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
            "steps/episodes": self._collection.n_episodes,
            "steps/updates": self.n_updates,
            "steps/skipped": self._collection.n_skipped,
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
        for first, policy in self._collection.flights().items():
            lagged = policy.arrays().items()
            arrays |= {f"flight/{first}/{k}": v for k, v in lagged}
        facts = {"n_updates": self.n_updates, "demos": fingerprint(self._demos)}
        return arrays, self._collection.facts() | facts

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
        self.n_updates = facts["n_updates"]
        policy, again = self.learner.policy(), []
        for first in facts["flights"]:
            lagged = part_of(arrays, f"flight/{first}/")
            require_like(lagged, policy.arrays())
            again.append(policy.with_arrays(lagged))
        self._collection.load(facts, again)
