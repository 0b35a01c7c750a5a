"""One cycle: collect -> store -> relabel -> learn.

Andrychowicz et al. 2017 (arXiv:1707.01495), algorithm 1.  Every feature arrives as
data (sources, samplers, weights, masks), so this reads the same for all of them.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..acting.exploration import Explorer
from ..acting.noise import noise_process
from ..acting.policy import Policy
from ..config import Config
from ..ddpg import DDPG
from ..demos.starts import training_start
from ..her_sampler import RewardFn, relabel
from ..parallel.communicator import Solo
from ..replay.buffer import ReplayBuffer
from ..replay.sources import Source, demo_sources, fingerprint, replay_source
from ..rollout import Actor, success_rates
from ..runs.logger import merged
from ..seeding import DEMOS, RELABEL, REPLAY, generator
from ..types import (
    Batch,
    Demos,
    EnvSpec,
    Episodes,
    Index,
    ObjectMotion,
    Start,
    concatenate,
)
from .schedules import progress, scales, schedule


class Collectors(Protocol):
    """Whoever plays the episodes; see `parallel.collectors`."""

    def submit(self, actor: Actor, starts: list[Start]) -> Any:
        """Begins one episode for each start; `.result()` of what it returns waits."""


class Flight(NamedTuple):
    """Episodes that are being played, and what it takes to play them again."""

    policy: Policy  # without its noise
    first: int  # number of the first episode
    pending: Any


class OffPolicy:
    """DDPG with hindsight: what `training` asks for once per cycle."""

    def __init__(
        self,
        config: Config,
        spec: EnvSpec,
        learner: DDPG,
        reward_fn: RewardFn,
        collectors: Collectors,
        demos: Demos | None = None,
        motion: ObjectMotion | None = None,
        comm=Solo(),
        clock: Callable[[], float] = time.perf_counter,
    ):
        """Joins the rooms.

        Args:
          config: resolved.
          spec: the environment's dimensions.
          learner: holds the networks.
          reward_fn: `compute_reward`, vectorised.
          collectors: play the episodes.
          demos: the ones to learn from, already cut to `num_demo`.
          motion: finds the object, for `prioritization=energy`.
          comm: the other workers; each has its own episodes and draws.
          clock: seconds, for the columns `time/*`.
        """
        self._config, self._spec, self._clock = config, spec, clock
        self._reward_fn, self._collectors = reward_fn, collectors
        self._comm, self._flights = comm, deque[Flight]()
        self.learner, self._demos = learner, demos
        own = demo_sources(demos, spec, config)
        self._sources = [replay_source(spec, config, motion), *own]
        self._chunk = config.replay.per_chunk or config.loop.n_batches
        for source in own:
            rng = generator(config.run.seed, DEMOS, comm.rank)
            learner.observe(self._hindsight_rows(source, source.buffer, rng))
        self.n_cycles = self.n_episodes = self.n_updates = self._n_submitted = 0
        self.n_skipped = 0
        self.is_whole = True  # no cycle is half done: `state` may be taken

    @property
    def n_env_steps(self) -> int:
        """Training steps in the environment so far, of all workers."""
        return self.n_episodes * self._spec.horizon

    @property
    def replay(self) -> ReplayBuffer:
        """What the policy collected."""
        return self._sources[0].buffer

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and counters from which `load_state` goes on, bit for bit.

        They are the same on all workers.  The replay buffer is not among them: it is
        large and has its own way to disk.
        """
        arrays = {f"learner/{k}": v for k, v in self.learner.state().items()}
        for flight in self._flights:
            lagged = flight.policy.arrays().items()
            arrays |= {f"flight/{flight.first}/{k}": v for k, v in lagged}
        return arrays, {
            "n_cycles": self.n_cycles,
            "n_episodes": self.n_episodes,
            "n_updates": self.n_updates,
            "n_skipped": self.n_skipped,
            "flights": [flight.first for flight in self._flights],
            "demos": fingerprint(self._demos),
        }

    def own_state(self) -> dict[str, np.ndarray]:
        """The same for what differs between workers, besides the replay buffer."""
        kept = self._sources[0].sampler.state().items()
        return {f"sampler/{k}": v for k, v in kept}

    def load_own_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes everything of `own_state()`."""
        self._sources[0].sampler.load_state(_part(arrays, "sampler/"))

    def take_dealt(self) -> None:
        """Treats the episodes in the replay buffer, which others collected, as new."""
        self._sources[0].sampler.add(np.arange(len(self.replay)))

    def load_state(
        self, arrays: dict[str, np.ndarray], counters: dict[str, Any]
    ) -> None:
        """Takes everything of `state()`; episodes in flight are played again.

        Raises:
          ValueError: the demonstrations are not the same.
        """
        if counters["demos"] != fingerprint(self._demos):
            raise ValueError(
                "the run must go on with the same demonstrations, found others in "
                f"{self._config.demos.demo_file}.  Put the first ones back."
            )
        self.learner.load_state(_part(arrays, "learner/"))
        self.n_cycles = int(counters["n_cycles"])
        self.n_episodes = int(counters["n_episodes"])
        self.n_updates = int(counters["n_updates"])
        self.n_skipped = int(counters["n_skipped"])
        self._n_submitted = self.n_cycles * self._config.collect.num_env
        for first in counters["flights"]:
            lagged = _part(arrays, f"flight/{first}/")
            self._submit(self.learner.policy().with_arrays(lagged))

    def cycle(self) -> dict[str, float]:
        """Collects, stores, learns; returns the metrics of this cycle."""
        clock, comm = self._clock, self._comm
        started, self.is_whole = clock(), False
        waited, exchanged = comm.waited, comm.exchanged
        episodes = self._next_episodes()
        collected = clock()
        rngs = self._rng(REPLAY), self._rng(RELABEL)
        replay = self._sources[0]
        replay.sampler.add(replay.buffer.add(episodes))
        self.learner.observe(self._hindsight_rows(replay, episodes, rngs[1]))
        stored = clock()
        n_chunks = self._config.loop.n_batches // self._chunk
        metrics = merged([self._learn(*rngs) for _ in range(n_chunks)])
        self.learner.update_targets()
        self._count(episodes)
        sampling = metrics["time/sample"]
        metrics |= {
            "train/success_rate": success_rates(episodes)[0],
            "time/collect": collected - started,
            "time/sample": stored - collected + sampling,
            "time/update": clock() - stored - sampling,
            "time/wait": comm.waited - waited,
            "time/exchange": comm.exchanged - exchanged,
        }
        means = comm.mean(np.array(list(metrics.values())))
        return dict(zip(metrics, means.tolist()))

    def _rng(self, purpose: int) -> np.random.Generator:
        """This cycle's draws for `purpose`, on this worker."""
        return generator(self._config.run.seed, purpose, self._comm.rank, self.n_cycles)

    def _learn(
        self, replay_rng: np.random.Generator, relabel_rng: np.random.Generator
    ) -> dict[str, float]:
        """Draws the batches of one compiled call, learns, returns the errors."""
        started = self._clock()
        batch, drawn = self._draw(replay_rng, relabel_rng)
        sampling = self._clock() - started
        factors = scales(self.n_env_steps, self._config)
        td_error, metrics = self.learner.update(batch, factors)
        self._return_errors(drawn, td_error)
        self.n_updates += self._chunk
        weight = float(batch.weight.mean())
        return metrics | {"per/weight": weight, "time/sample": sampling}

    def _next_episodes(self) -> Episodes:
        """This cycle's episodes; the next cycle's are begun before they are learned.

        Pipelined, the collectors play with the policy of the cycle's start while the
        learner works, so episodes are one cycle older than the policy they meet.
        """
        if not self._flights:
            self._submit(self.learner.policy())
        episodes = self._flights.popleft().pending.result()
        if self._config.collect.pipelined:
            self._submit(self.learner.policy())
        return episodes

    def _submit(self, policy: Policy) -> None:
        seed, first = self._config.run.seed, self._n_submitted
        self._n_submitted += self._config.collect.num_env
        share = self._config.demos.demo_resets
        starts = [
            training_start(seed, self._comm.rank, n, self._demos, share)
            for n in range(first, self._n_submitted)
        ]
        collect, limits = self._config.collect, self._spec.max_action
        noise = noise_process(collect.noise, collect.ou_theta, collect.ou_dt)
        ahead = (first - self.n_cycles * collect.num_env) * self._comm.size
        steps = (self.n_episodes + ahead) * self._spec.horizon
        random_eps = 1.0 if steps < collect.random_steps else collect.random_eps
        actor = Explorer(policy, collect.noise_eps, random_eps, limits, noise)
        pending = self._collectors.submit(actor, starts)
        self._flights.append(Flight(policy, first, pending))

    def _hindsight_rows(
        self, source: Source, episodes, rng: np.random.Generator
    ) -> Batch:
        """As many relabelled transitions as `episodes` hold, drawn with replacement."""
        n_episodes, horizon, _ = episodes.action.shape
        flat = rng.integers(n_episodes * horizon, size=n_episodes * horizon)
        index = Index(*np.divmod(flat, horizon))
        goals = {"n_episodes": n_episodes, **source.goals}
        return relabel(episodes, index, self._reward_fn, rng, **goals)

    def _draw(
        self, replay_rng: np.random.Generator, relabel_rng: np.random.Generator
    ) -> tuple[Batch, list[Index]]:
        """Rows of every source, joined to a batch [K, B, ...], and where they lie."""
        first, total = schedule(self.n_env_steps, self._spec, self._config)
        learned = self.n_updates % self._config.loop.n_batches  # in this cycle
        places = progress(first + learned, self._chunk, total)
        parts, drawn = [], []
        for source in self._sources:
            buffer, shape = source.buffer, (self._chunk, source.batch_size)
            index = source.sampler.draw(math.prod(shape), replay_rng)
            goals = {"n_episodes": len(buffer), **source.goals}
            rows = relabel(buffer, index, self._reward_fn, relabel_rng, **goals)
            rows.is_demo[:] = source.is_demo
            rows.weight[:] = source.sampler.weights(index, places)
            parts.append(Batch(*(x.reshape(*shape, *x.shape[1:]) for x in rows)))
            drawn.append(index)
        return concatenate(parts, axis=1), drawn

    def _return_errors(self, drawn: list[Index], td_error: np.ndarray) -> None:
        """Gives every sampler the TD errors [K, B] of the rows that it drew."""
        start = 0
        for source, index in zip(self._sources, drawn):
            stop = start + source.batch_size
            source.sampler.update(index, td_error[:, start:stop].reshape(-1))
            start = stop

    def _count(self, episodes: Episodes) -> None:
        skipped = self._comm.sum(np.array(int(episodes.skipped.sum())))
        self.n_cycles += 1
        self.n_episodes += len(episodes.goal) * self._comm.size
        self.n_skipped += int(skipped)
        self.is_whole = True  # last: a signal may save from here on


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, without it."""
    named = ((k.removeprefix(prefix), k) for k in arrays if k.startswith(prefix))
    return {short: arrays[k] for short, k in named}
