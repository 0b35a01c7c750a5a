"""Several levels with hindsight: one cycle is collect -> store -> learn at each level.

Levy et al. 2019, "Learning Multi-Level Hierarchies with Hindsight"
(arXiv:1712.00948), algorithm 1, with fixed periods.  One replay memory of whole
episodes serves all levels; each is a DDPG of its own.  One level is `her.HER` with the
task of the environment: the same draws in the same order, and so the same bits.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..acting.exploration import Explorer
from ..acting.hierarchy import Hierarchy
from ..acting.policy import Policy
from ..ddpg import DDPG
from ..demos.starts import training_start
from ..her_sampler import RewardFn
from ..parallel.communicator import Solo
from ..replay.buffer import ReplayBuffer
from ..rollout import evaluation_of
from ..seeding import RELABEL, REPLAY, generator
from ..settings.hac import HACConfig
from ..types import (
    Arrays,
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
    merged,
)
from .collection import Collection
from .hac_draw import Draws, Trainee, trainee_of
from .hac_levels import levels_of, network_config
from .hac_measures import measures, reached_shares
from .hac_policy import greedy, joined, prefix
from .hac_rows import level_inputs
from .her_state import require_counters
from .schedules import LEAST_LR, fade, progress, schedule
from .state import part_of, require_finite, require_like
from .tasks import drive_of

Critical = Callable[[], contextlib.AbstractContextManager[None]]
RECENT = 100  # training episodes that decide whether subgoals are tested


class Acting(NamedTuple):
    """What plays training episodes, as it was when they began."""

    policies: list[Policy]  # of the levels, without noise
    test_p: np.ndarray  # [L-1] share of tested decisions of the levels above the lowest

    def arrays(self) -> dict[str, np.ndarray]:
        """Its part of a checkpoint."""
        own = joined([policy.arrays() for policy in self.policies])
        return own | {"test_p": self.test_p}

    def with_arrays(self, arrays: Arrays) -> "Acting":
        """The same with other numbers."""
        again = [
            policy.with_arrays(part_of(arrays, prefix(n)))
            for n, policy in enumerate(self.policies)
        ]
        return Acting(again, arrays["test_p"])


class HAC:
    """DDPG with hindsight at several levels; an `Algorithm`.

    Attributes:
      learners: networks, optimisers, statistics of each level, the lowest first.
      n_updates: gradient steps of each level so far.
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
        self._collection = Collection(
            config.collect, spec.horizon, comm, self._snapshot, self._submit
        )
        self.learners, self._levels = learners, levels_of(config, spec)
        self.ring = ReplayBuffer(spec, config.replay.buffer_size, noted(spec, config))
        self._trainees = [
            trainee_of(level, learner, self.ring, config, motion)
            for level, learner in zip(self._levels, learners)
        ]
        self._chunk = config.replay.per_chunk or config.ddpg.n_batches
        self._draws = Draws(self.ring, rewards, self._chunk)
        # [n, L-1]: which share of its subgoals each level reached in recent episodes
        self._reached = np.zeros((0, len(learners) - 1))
        self.n_updates = 0

    @property
    def n_iterations(self) -> int:
        """Cycles so far."""
        return self._collection.n_cycles

    @property
    def n_env_steps(self) -> int:
        """Training steps in the environment so far, of all workers."""
        return self._collection.n_env_steps

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
            slots = self.ring.add(episodes)
            for trainee in self._trainees:
                trainee.sampler.add(slots)
                self._observe(trainee, episodes, rngs[1])
            stored = clock()
            n_chunks = self._config.ddpg.n_batches // self._chunk
            metrics = merged([self._learn(*rngs) for _ in range(n_chunks)])
            for learner in self.learners:
                learner.update_targets()
            self._collection.count(episodes)
            reached = self._count_reached(episodes)
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

    def _snapshot(self) -> Acting:
        policies = [learner.policy() for learner in self.learners]
        return Acting(policies, self._test_shares())

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

    def _submit(self, acting: Acting, numbers: range, steps: int) -> Pending:
        """Begins training episodes before which there were so many steps."""
        seed, rank = self._config.run.seed, self._comm.rank
        starts = [training_start(seed, rank, n, None, 0.0) for n in numbers]
        return self._collectors.submit(self._explorer(acting, steps), starts)

    def _explorer(self, acting: Acting, steps: int) -> Hierarchy:
        """The levels with noise, in episodes that begin after so many steps."""
        policies, test_p = acting
        drive, levels = drive_of(self._config.collect, steps), self._config.levels
        plain = greedy(policies, self._spec, self._config, {})
        own = drive.noise_eps, drive.random_share, self._spec.max_action, drive.noise
        actors = [plain.levels[0]._replace(explorer=Explorer(policies[0], *own))]
        subgoal_random = 1.0 if drive.is_random else levels.subgoal_random
        for one, share in zip(plain.levels[1:], test_p.tolist()):
            entries = (1.0,) * len(self._levels[0].space.columns)
            above = levels.subgoal_noise, subgoal_random
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

    def _learn(self, *rngs: np.random.Generator) -> Row:
        """Draws the batches of one compiled call of each level, learns.

        Args:
          *rngs: those that draw transitions and goals.
        """
        first, total = schedule(self.n_env_steps, self._spec, self._config)
        learned = self.n_updates % self._config.ddpg.n_batches  # in this cycle
        places = progress(first + learned, self._chunk, total)
        factors = Scales(lr=fade(self.n_env_steps, self._config.ddpg.lr_fade, LEAST_LR))
        row: Row = {"time/sample": 0.0}
        weights = []
        for trainee in self._trainees:
            started = self._clock()
            batch, index, columns = trainee.draw(self._draws, places, *rngs)
            row["time/sample"] += self._clock() - started
            td_error, metrics = trainee.learner.update(batch, factors)
            own = td_error[:, : trainee.n_rows].reshape(-1)
            trainee.sampler.update(index, own)
            row |= columns | _losses(trainee.level.number, metrics)
            weights.append(float(batch.weight.mean()))
        self.n_updates += self._chunk
        return row | {"per/weight": float(np.mean(weights))}

    def _count_reached(self, episodes: Episodes) -> Row:
        """Counts reached subgoals; returns their columns."""
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
            "steps/episodes": self._collection.n_episodes,
            "steps/updates": self.n_updates,
            "steps/skipped": self._collection.n_skipped,
        }

    def close(self) -> None:
        """Does nothing: the caller owns the collectors."""

    # -- what a checkpoint holds ---------------------------------------------

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and facts from which `load_state` continues, bit for bit."""
        arrays = joined([learner.state() for learner in self.learners])
        arrays["reached"] = self._reached
        for first, acting in self._collection.flights().items():
            lagged = acting.arrays().items()
            arrays |= {f"flight/{first}/{k}": v for k, v in lagged}
        return arrays, self._collection.facts() | {"n_updates": self.n_updates}

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
        self.n_updates = facts["n_updates"]
        acting, again = self._snapshot(), []
        for first in facts["flights"]:
            lagged = part_of(arrays, f"flight/{first}/")
            require_like(lagged, acting.arrays())
            again.append(acting.with_arrays(lagged))
        self._collection.load(facts, again)


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
