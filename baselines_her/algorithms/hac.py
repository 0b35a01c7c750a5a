"""Several levels with hindsight: one cycle is collect -> store -> learn at each level.

Levy et al. 2019, "Learning Multi-Level Hierarchies with Hindsight"
(arXiv:1712.00948), algorithm 1, with fixed periods.  One replay memory of whole
episodes serves all levels; each is a DDPG of its own.  One level is `her.HER` with the
task of the environment: the same draws in the same order, and so the same bits.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..acting.exploration import Explorer
from ..acting.hierarchy import Hierarchy
from ..acting.noise import noise_process
from ..acting.policy import Policy
from ..ddpg import DDPG
from ..her_sampler import RewardFn
from ..parallel.communicator import Solo
from ..replay.buffer import ReplayBuffer, Strided
from ..replay.samplers import Sampler
from ..replay.sources import replay_sampler
from ..rollout import evaluation_of
from ..seeding import RELABEL, REPLAY, TRAINING, generator, stream
from ..settings.hac import HACConfig
from ..types import (
    Arrays,
    Batch,
    Collectors,
    Communicator,
    EnvSpec,
    Episodes,
    Evaluation,
    Index,
    ObjectMotion,
    Pending,
    Row,
    Scales,
    Start,
    concatenate,
    merged,
)
from .hac_levels import levels_of, network_config
from .hac_measures import measures, reached_shares
from .hac_policy import greedy, joined, prefix
from .hac_rows import Level, decision_rows, level_inputs, level_rows
from .her_state import require_counters
from .schedules import LEAST_LR, fade, progress, schedule
from .state import part_of, require_finite, require_like

Critical = Callable[[], contextlib.AbstractContextManager[None]]
RECENT = 100  # training episodes that decide whether subgoals are tested


class Flight(NamedTuple):
    """Episodes that are being played, and what is needed to play them again."""

    policies: list[Policy]  # of the levels, without noise
    test_p: np.ndarray  # [L-1] share of tested decisions of the levels above the lowest
    first: int  # number of the first episode
    pending: Pending


class Trainee(NamedTuple):
    """One level with its learner, and how its rows are drawn."""

    level: Level
    learner: DDPG
    sampler: Sampler
    n_rows: int  # in every batch, from any step
    n_decisions: int  # in every batch, decisions themselves; 0 at level 0


class HAC:
    """DDPG with hindsight at several levels; an `Algorithm`.

    Attributes:
      learners: networks, optimisers, statistics of each level, the lowest first.
      n_iterations: cycles so far.
      n_episodes: training episodes so far, of all workers.
      n_updates: gradient steps of each level so far.
      n_skipped: episodes dropped because a number was not finite.
    """

    def __init__(
        self,
        config: HACConfig,
        spec: EnvSpec,
        learners: list[DDPG],
        rewards: RewardFn,
        collectors: Collectors,
        motion: ObjectMotion | None = None,
        comm: Communicator = Solo(),
        critical: Critical = contextlib.nullcontext,
        clock: Callable[[], float] = time.perf_counter,
    ):
        """Connects the parts.

        Args:
          config: the resolved settings.
          spec: the environment's dimensions, with the space of subgoals.
          learners: one for each level.
          rewards: of the environment; -1 and 0 with several levels.
          collectors: play the episodes.
          motion: finds the object, for `prioritization=energy`.
          comm: the other workers; each has its own episodes and draws.
          critical: opens a section in which no checkpoint may be taken; see
            `runs.stopping`.
          clock: returns seconds, for the columns `time/*`.
        """
        self._config, self._spec, self._clock = config, spec, clock
        self._rewards, self._collectors = rewards, collectors
        self._comm, self._critical = comm, critical
        self._flights: deque[Flight] = deque()
        self.learners, self._levels = learners, levels_of(config, spec)
        self.ring = ReplayBuffer(spec, config.replay.buffer_size, noted(spec, config))
        self._trainees = [
            self._trainee(level, learner, motion)
            for level, learner in zip(self._levels, learners)
        ]
        self._chunk = config.replay.per_chunk or config.ddpg.n_batches
        # [n, L-1]: which share of its subgoals each level reached in recent episodes
        self._reached = np.zeros((0, len(learners) - 1))
        self.n_iterations = self.n_episodes = self.n_updates = self._n_submitted = 0
        self.n_skipped = 0

    def _trainee(
        self, level: Level, learner: DDPG, motion: ObjectMotion | None
    ) -> Trainee:
        """With k hindsight goals for each own one, 1 row of k + 2 is a decision."""
        size, k = self._config.ddpg.batch_size, self._config.her.replay_k
        n_decisions = round(size / (k + 2)) if level.number else 0
        stored = Strided(self.ring, level.period) if level.number else self.ring
        rows = size - n_decisions
        sampler = replay_sampler(self._config.replay, stored, rows, motion)
        return Trainee(level, learner, sampler, rows, n_decisions)

    @property
    def n_env_steps(self) -> int:
        """Training steps in the environment so far, of all workers."""
        return self.n_episodes * self._spec.horizon

    # -- one cycle -----------------------------------------------------------

    def iterate(self) -> Row:
        """One cycle: collects, stores, learns; returns its columns."""
        clock, comm = self._clock, self._comm
        started = clock()
        waited, exchanged = comm.waited, comm.exchanged
        if not self._flights:
            self._submit(self._snapshot(), self._test_shares())
        episodes = self._flights[0].pending.result()
        collected = clock()
        with self._critical():
            self._land()
            rngs = [self._rng(p, self.n_iterations) for p in (REPLAY, RELABEL)]
            slots = self.ring.add(episodes)
            for trainee in self._trainees:
                trainee.sampler.add(slots)
                self._observe(trainee, episodes, rngs[1])
            stored = clock()
            n_chunks = self._config.ddpg.n_batches // self._chunk
            metrics = merged([self._learn(*rngs) for _ in range(n_chunks)])
            for learner in self.learners:
                learner.update_targets()
            reached = self._count(episodes)
            sampling = metrics["time/sample"]
            metrics |= {
                "train/success_rate": float(episodes.success[:, -1].mean()),
                **reached,
                "time/collect": collected - started,
                "time/sample": stored - collected + sampling,
                "time/update": clock() - stored - sampling,
                "time/wait": comm.waited - waited,
                "time/exchange": comm.exchanged - exchanged,
            }
            means = comm.mean(np.array(list(metrics.values())))
        return dict(zip(metrics, means.tolist()))

    def _land(self) -> None:
        """Removes the oldest flight; with `pipelined`, begins the next (see `her`)."""
        self._flights.popleft()
        if self._config.collect.pipelined:
            self._submit(self._snapshot(), self._test_shares())

    def _snapshot(self) -> list[Policy]:
        return [learner.policy() for learner in self.learners]

    def _test_shares(self) -> np.ndarray:
        """The share of tested decisions of each level above the lowest, [L-1].

        None before the level below reaches `test_from` of its subgoals: it would be
        penalised for what it cannot do yet.
        """
        share, enough = (
            self._config.levels.subgoal_test_p,
            self._config.levels.test_from,
        )
        if not len(self._reached):
            return np.zeros(len(self.learners) - 1)
        return np.where(self._reached.mean(axis=0) >= enough, share, 0.0)

    def _submit(self, policies: list[Policy], test_p: np.ndarray) -> None:
        seed, first = self._config.run.seed, self._n_submitted
        self._n_submitted += self._config.collect.num_env
        starts = [
            Start(stream(seed, TRAINING, self._comm.rank, n))
            for n in range(first, self._n_submitted)
        ]
        ahead = first - self.n_iterations * self._config.collect.num_env
        steps = (self.n_episodes + ahead * self._comm.size) * self._spec.horizon
        actor = self._explorer(policies, test_p, steps)
        pending = self._collectors.submit(actor, starts)
        self._flights.append(Flight(policies, test_p, first, pending))

    def _explorer(
        self, policies: list[Policy], test_p: np.ndarray, steps: int
    ) -> Hierarchy:
        """The levels with noise, in episodes that begin after so many steps."""
        collect, levels = self._config.collect, self._config.levels
        is_random = steps < collect.random_steps
        plain = greedy(policies, self._spec, self._config, {})
        noise = noise_process(collect.noise, collect.ou_theta, collect.ou_dt)
        limits, random_eps = self._spec.max_action, collect.random_eps
        own = collect.noise_eps, 1.0 if is_random else random_eps, limits, noise
        actors = [plain.levels[0]._replace(explorer=Explorer(policies[0], *own))]
        for one, share in zip(plain.levels[1:], test_p.tolist()):
            entries = (1.0,) * len(self._levels[0].space.columns)
            above = levels.subgoal_noise, 1.0 if is_random else levels.subgoal_random
            explorer = Explorer(one.policy, *above, entries)
            actors.append(one._replace(explorer=explorer, test_p=share))
        return plain._replace(levels=tuple(actors))

    def _observe(
        self, trainee: Trainee, episodes: Episodes, rng: np.random.Generator
    ) -> None:
        """Adds inputs of these episodes to a level's statistics, relabelled as rows."""
        n_episodes, horizon, _ = episodes.action.shape
        n_starts = horizon - trainee.level.period + 1
        flat = rng.integers(n_episodes * n_starts, size=n_episodes * n_starts)
        index = Index(*np.divmod(flat, n_starts))
        seen = level_inputs(episodes, index, trainee.level, self._rewards, rng)
        trainee.learner.observe(*seen)

    def _learn(
        self, replay_rng: np.random.Generator, relabel_rng: np.random.Generator
    ) -> Row:
        """Draws the batches of one compiled call of each level, learns."""
        first, total = schedule(self.n_env_steps, self._spec, self._config)
        learned = self.n_updates % self._config.ddpg.n_batches  # in this cycle
        places = progress(first + learned, self._chunk, total)
        factors = Scales(lr=fade(self.n_env_steps, self._config.ddpg.lr_fade, LEAST_LR))
        row: Row = {"time/sample": 0.0}
        weights = []
        for trainee in self._trainees:
            started = self._clock()
            batch, index, columns = self._draw(trainee, places, replay_rng, relabel_rng)
            row["time/sample"] += self._clock() - started
            td_error, metrics = trainee.learner.update(batch, factors)
            own = td_error[:, : trainee.n_rows].reshape(-1)
            trainee.sampler.update(index, own)
            row |= columns | _losses(trainee.level.number, metrics)
            weights.append(float(batch.weight.mean()))
        self.n_updates += self._chunk
        return row | {"per/weight": float(np.mean(weights))}

    def _draw(
        self,
        trainee: Trainee,
        places: np.ndarray,
        replay_rng: np.random.Generator,
        relabel_rng: np.random.Generator,
    ) -> tuple[Batch, Index, Row]:
        """Rows [K, B, ...] of a level, the transitions of those with priorities."""
        level, ring, name = trainee.level, self.ring, prefix(trainee.level.number)
        index = trainee.sampler.draw(self._chunk * trainee.n_rows, replay_rng)
        common = level, self._rewards, relabel_rng, len(ring)
        rows, actions = level_rows(ring, index, *common)
        index = index if actions is None else actions.drawn
        rows.weight[:] = trainee.sampler.weights(index, places)
        parts, columns = [self._by_update(rows, trainee.n_rows)], {}
        if actions is not None:
            n = self._chunk * trainee.n_decisions
            n_steps = self._spec.horizon // level.period
            flat = replay_rng.integers(len(ring) * n_steps, size=n)
            episode, decision = np.divmod(flat, n_steps)
            decided = Index(episode, decision * level.period)
            more, missed = decision_rows(ring, decided, *common)
            parts.append(self._by_update(more, trainee.n_decisions))
            n_all = self._chunk * self._config.ddpg.batch_size
            columns = {
                f"{name}penalty": float(missed.sum()) / n_all,
                f"{name}clipped": actions.clipped,
                f"{name}redrawn": actions.redrawn,
            }
        return concatenate(parts, axis=1), index, columns

    def _by_update(self, rows: Batch, size: int) -> Batch:
        """[K * size, ...] -> [K, size, ...]."""
        return Batch(*(x.reshape(self._chunk, size, *x.shape[1:]) for x in rows))

    def _count(self, episodes: Episodes) -> Row:
        """Counts episodes and reached subgoals; returns the columns of the latter."""
        skipped = self._comm.sum(np.array(int(episodes.skipped.sum())))
        self.n_iterations += 1
        self.n_episodes += len(episodes.goal) * self._comm.size
        self.n_skipped += int(skipped)
        shares = self._comm.mean(reached_shares(episodes, self._levels))
        kept = max(1, RECENT // self._comm.size)  # each row stands for all workers
        self._reached = np.concatenate([self._reached, shares])[-kept:]
        row: Row = {}
        for n in range(len(self.learners) - 1):
            row[f"{prefix(n)}train_reached"] = float(shares[:, n].mean())
            row[f"{prefix(n + 1)}tested"] = float(episodes.tested[:, n].mean())
        return row

    def _rng(self, purpose: int, n: int) -> np.random.Generator:
        """The generator of draw `n` for `purpose`, on this worker."""
        return generator(self._config.run.seed, purpose, self._comm.rank, n)

    # -- what an epoch needs --------------------------------------------------

    def policy(self) -> Hierarchy:
        """A NumPy snapshot of the greedy policy that is evaluated."""
        use_target = self._config.ddpg.test_with_polyak
        policies = [learner.policy(use_target) for learner in self.learners]
        header = {"alg": self._config.run.alg, "spec": self._spec._asdict()}
        return greedy(policies, self._spec, self._config, header)

    def evaluate(self, starts: list[Start]) -> tuple[Evaluation, Row]:
        """Plays greedy episodes; returns their outcome and each level's columns."""
        episodes = self._collectors.collect(self.policy(), starts)
        configs = [network_config(level, self._config) for level in self._levels]
        gammas: Any = [config.ddpg.gamma for config in configs]  # numbers once resolved
        found = measures(episodes, self._levels, self.learners, self._rewards, gammas)
        return evaluation_of(episodes), found

    def arrays(self) -> dict[str, np.ndarray]:
        """What a policy file holds."""
        return joined([learner.arrays() for learner in self.learners])

    def status(self) -> Row:
        """Counters, as columns."""
        return {
            "steps/env": self.n_env_steps,
            "steps/episodes": self.n_episodes,
            "steps/updates": self.n_updates,
            "steps/skipped": self.n_skipped,
        }

    def close(self) -> None:
        """Does nothing: the caller owns the collectors."""

    # -- what a checkpoint holds ---------------------------------------------

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and facts from which `load_state` continues, bit for bit."""
        arrays = joined([learner.state() for learner in self.learners])
        arrays["reached"] = self._reached
        for flight in self._flights:
            lagged = joined([policy.arrays() for policy in flight.policies])
            lagged["test_p"] = flight.test_p
            arrays |= {f"flight/{flight.first}/{k}": v for k, v in lagged.items()}
        return arrays, {
            "n_cycles": self.n_iterations,
            "n_episodes": self.n_episodes,
            "n_updates": self.n_updates,
            "n_skipped": self.n_skipped,
            "flights": [flight.first for flight in self._flights],
        }

    def own_state(self) -> dict[str, np.ndarray]:
        """The part of the state that differs between workers, without the buffer."""
        return {
            f"sampler{n}/{k}": v
            for n, trainee in enumerate(self._trainees)
            for k, v in trainee.sampler.state().items()
        }

    def load_own_state(self, arrays: Arrays) -> None:
        """Restores what `own_state()` returned."""
        require_finite(arrays)
        for n, trainee in enumerate(self._trainees):
            trainee.sampler.load_state(part_of(arrays, f"sampler{n}/"))

    def take_dealt(self) -> None:
        """Treats the buffer's episodes, collected by other workers, as new ones."""
        for trainee in self._trainees:
            trainee.sampler.add(np.arange(len(self.ring)))

    def load_state(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        """Restores what `state()` returned; episodes in flight are played again.

        Raises:
          ValueError: no run with these settings could have left this state.
        """
        for n, learner in enumerate(self.learners):
            learned = part_of(arrays, prefix(n))
            require_like(learned, learner.state())
            require_counters(facts, learned, self._config, self.ring.n_added)
            learner.load_state(learned)
        self._reached = require_shares(arrays["reached"], len(self.learners) - 1)
        self.n_iterations = facts["n_cycles"]
        self.n_episodes = facts["n_episodes"]
        self.n_updates = facts["n_updates"]
        self.n_skipped = facts["n_skipped"]
        self._n_submitted = self.n_iterations * self._config.collect.num_env
        for first in facts["flights"]:
            lagged, policies = part_of(arrays, f"flight/{first}/"), self._snapshot()
            wanted = joined([policy.arrays() for policy in policies])
            wanted["test_p"] = np.zeros(len(policies) - 1)
            require_like(lagged, wanted)
            again = [
                policy.with_arrays(part_of(lagged, prefix(n)))
                for n, policy in enumerate(policies)
            ]
            self._submit(again, lagged["test_p"])


def noted(spec: EnvSpec, config: HACConfig) -> dict[str, tuple[int, ...]]:
    """What the replay memory keeps of an episode besides HER's fields: their shapes."""
    if spec.space is None:
        return {}
    below, entries = config.levels.levels - 1, len(spec.space.columns)
    return {
        "subgoal": (below, spec.horizon, entries),
        "tested": (below, spec.horizon),
    }


def require_shares(found: np.ndarray, n_below: int) -> np.ndarray:
    """Shares [n, L-1] from a checkpoint.

    Raises:
      ValueError: they are not.
    """
    fits = found.ndim == 2 and found.shape[1] == n_below and len(found) <= RECENT
    if not (fits and (found >= 0.0).all() and (found <= 1.0).all()):
        raise ValueError(
            "a checkpoint must hold the shares of reached subgoals, found others.  "
            "Remove the folder `checkpoint` to start again."
        )
    return found


def _losses(number: int, metrics: Row) -> Row:
    """A learner's metrics as the columns of its level."""
    names = {"critic": "loss/critic", "policy": "loss/policy", "target": "q/target"}
    return {f"{prefix(number)}{ours}": metrics[name] for ours, name in names.items()}
