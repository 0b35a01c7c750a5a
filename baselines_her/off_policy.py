"""One cycle: collect -> store -> relabel -> learn.

Andrychowicz et al. 2017 (arXiv:1707.01495), algorithm 1.  Every feature arrives as
data (sources, samplers, weights, masks), so this reads the same for all of them.
"""

import hashlib
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from .config import Config
from .ddpg import DDPG
from .demo_starts import training_start
from .her_sampler import RewardFn, future_p, relabel
from .policy import Explorer, Policy
from .replay.buffer import ReplayBuffer, UniformSampler
from .rollout import Actor, success_rates
from .streams import DEMOS, RELABEL, REPLAY, generator
from .types import Batch, Demos, EnvSpec, Episodes, Index, Start, concatenate


class Collectors(Protocol):
    """Whoever plays the episodes; see `parallel.collectors`."""

    def submit(self, actor: Actor, starts: list[Start]) -> Any:
        """Begins one episode for each start; `.result()` of what it returns waits."""


class Source(NamedTuple):
    """Where rows of a batch come from."""

    buffer: ReplayBuffer
    sampler: UniformSampler
    batch_size: int  # rows of every update's batch
    is_demo: float = 0.0  # 1 if they are demonstrations


def replay_source(spec: EnvSpec, config: Config) -> Source:
    """What the policy collects; demonstrations take their rows from its share."""
    buffer, demos = ReplayBuffer(spec, config.replay.buffer_size), config.demos
    demo_rows = demos.demo_batch_size if demos.demo_file is not None else 0
    return Source(buffer, UniformSampler(buffer), config.ddpg.batch_size - demo_rows)


def demo_sources(demos: Demos | None, spec: EnvSpec, config: Config) -> list[Source]:
    """Nothing, or the demonstrations."""
    if demos is None:
        return []
    buffer = ReplayBuffer(spec, len(demos.goal) * spec.horizon)
    buffer.add(demos)
    size = config.demos.demo_batch_size
    return [Source(buffer, UniformSampler(buffer), size, is_demo=1.0)]


def fingerprint(demos: Demos | None) -> str | None:
    """A digest of the demonstrations' numbers."""
    if demos is None:
        return None
    parts = demos.obs, demos.achieved, demos.goal, demos.action
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def bc_scale(env_steps: int, bc_fade: int) -> float:
    """Factor of the cloning weight: 1, or falling to 0 over `bc_fade` env steps."""
    return max(0.0, 1.0 - env_steps / bc_fade) if bc_fade else 1.0


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
          clock: seconds, for the columns `time/*`.
        """
        self._config, self._spec, self._clock = config, spec, clock
        self._reward_fn, self._collectors = reward_fn, collectors
        self._flights: deque[Flight] = deque()
        self.learner, self._demos = learner, demos
        own = demo_sources(demos, spec, config)
        self._sources = [replay_source(spec, config), *own]
        for source in own:
            rows = self._hindsight_rows(
                source.buffer, generator(config.run.seed, DEMOS)
            )
            learner.observe(rows)
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

        The replay buffer is not among them: it is large and has its own way to disk.
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
        parts = {k.removeprefix("learner/"): v for k, v in arrays.items()}
        self.learner.load_state(parts)
        self.n_cycles = int(counters["n_cycles"])
        self.n_episodes = self._n_submitted = int(counters["n_episodes"])
        self.n_updates = int(counters["n_updates"])
        self.n_skipped = int(counters["n_skipped"])
        for first in counters["flights"]:
            name = f"flight/{first}/"
            lagged = {k.removeprefix(name): v for k, v in arrays.items() if name in k}
            self._submit(self.learner.policy().with_arrays(lagged))

    def cycle(self) -> dict[str, float]:
        """Collects, stores, learns; returns the metrics of this cycle."""
        clock, seed, n = self._clock, self._config.run.seed, self.n_cycles
        started, self.is_whole = clock(), False
        episodes = self._next_episodes()
        collected = clock()
        relabel_rng = generator(seed, RELABEL, n=n)
        replay = self._sources[0]
        replay.sampler.add(replay.buffer.add(episodes))
        self.learner.observe(self._hindsight_rows(episodes, relabel_rng))
        batch, drawn = self._draw(generator(seed, REPLAY, n=n), relabel_rng)
        sampled = clock()
        scale = bc_scale(self.n_env_steps, self._config.demos.bc_fade)
        td_error, metrics = self.learner.update(batch, scale)
        self._return_errors(drawn, td_error)
        self.learner.update_targets()
        self._count(episodes)
        return metrics | {
            "train/success_rate": success_rates(episodes)[0],
            "time/collect": collected - started,
            "time/sample": sampled - collected,
            "time/update": clock() - sampled,
        }

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
            training_start(seed, n, self._demos, share)
            for n in range(first, self._n_submitted)
        ]
        collect, limits = self._config.collect, self._spec.max_action
        actor = Explorer(policy, collect.noise_eps, collect.random_eps, limits)
        pending = self._collectors.submit(actor, starts)
        self._flights.append(Flight(policy, first, pending))

    def _hindsight_rows(self, episodes, rng: np.random.Generator) -> Batch:
        """As many relabelled transitions as `episodes` hold, drawn with replacement."""
        n_episodes, horizon, _ = episodes.action.shape
        flat = rng.integers(n_episodes * horizon, size=n_episodes * horizon)
        return self._relabel(episodes, Index(*np.divmod(flat, horizon)), rng)

    def _draw(
        self, replay_rng: np.random.Generator, relabel_rng: np.random.Generator
    ) -> tuple[Batch, list[Index]]:
        """Rows of every source, joined to a batch [K, B, ...], and where they lie."""
        n_updates = self._config.loop.n_batches
        parts, drawn = [], []
        for source in self._sources:
            index = source.sampler.draw(n_updates * source.batch_size, replay_rng)
            rows = self._relabel(source.buffer, index, relabel_rng)
            rows.is_demo[:] = source.is_demo
            shape = n_updates, source.batch_size
            parts.append(Batch(*(x.reshape(*shape, *x.shape[1:]) for x in rows)))
            drawn.append(index)
        return concatenate(parts, axis=1), drawn

    def _relabel(self, episodes, index: Index, rng: np.random.Generator) -> Batch:
        her = self._config.her
        return relabel(
            episodes,
            index,
            self._reward_fn,
            rng,
            strategy=her.replay_strategy,
            hindsight_p=future_p(her.replay_strategy, her.replay_k),
            relative_goals=self._config.inputs.relative_goals,
        )

    def _return_errors(self, drawn: list[Index], td_error: np.ndarray) -> None:
        """Gives every sampler the TD errors [K, B] of the rows that it drew."""
        start = 0
        for source, index in zip(self._sources, drawn):
            stop = start + source.batch_size
            source.sampler.update(index, td_error[:, start:stop].reshape(-1))
            start = stop

    def _count(self, episodes: Episodes) -> None:
        self.n_cycles += 1
        self.n_episodes += len(episodes.goal)
        self.n_skipped += int(episodes.skipped.sum())
        self.n_updates += self._config.loop.n_batches
        self.is_whole = True  # last: a signal may save from here on
