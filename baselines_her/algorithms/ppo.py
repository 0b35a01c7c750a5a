"""Proximal policy optimisation: one iteration is collect -> scale -> learn.

Schulman et al. 2017 (arXiv:1707.06347), algorithm 1.  An iteration acts and learns with
the same statistics of observations; its data are added to them at its end.
"""

import contextlib
import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..acting.gaussian_policy import GaussianPolicy
from ..parallel.communicator import Solo
from ..parallel.vector import Vector
from ..ppo import PPO
from ..seeding import MINIBATCHES, generator
from ..settings.ppo import PPOConfig
from ..types import (
    Arrays,
    Communicator,
    Evaluation,
    Finished,
    FlatSpec,
    Rollout,
    Row,
    Start,
)
from .her import Critical
from .state import MOST, part_of, require_like


class OnPolicy:
    """PPO; an `Algorithm`.

    Attributes:
      learner: networks, optimiser, statistics.
      n_iterations: iterations so far.
    """

    ring = None

    def __init__(
        self,
        config: PPOConfig,
        spec: FlatSpec,
        learner: PPO,
        vector: Vector,
        tests: Vector,
        comm: Communicator = Solo(),
        critical: Critical = contextlib.nullcontext,
        clock: Callable[[], float] = time.perf_counter,
    ):
        """Connects the parts.

        Args:
          config: the resolved settings.
          spec: the environment's dimensions.
          learner: holds the networks.
          vector: the training environments.
          tests: the environments for evaluation.
          comm: the other workers; each has its own environments.
          critical: opens a section in which no checkpoint may be taken.
          clock: returns seconds, for the columns `time/*`.
        """
        self._config, self._spec, self._clock = config, spec, clock
        self.learner, self._vector, self._tests = learner, vector, tests
        self._comm, self._critical = comm, critical
        self.n_iterations = self.n_episodes = 0
        self._sums = np.zeros(len(vector))  # discounted returns so far, per stream
        nothing = Finished([0.0], [0], [[0.0] * len(spec.terms)])
        self._episode_row: Row = episode_row(nothing, spec.terms)
        self._kept: dict[str, np.ndarray] = vector.state()

    @property
    def n_env_steps(self) -> int:
        """Training steps in the environment so far, of all workers."""
        return self.n_iterations * self._config.rows * self._comm.size

    @property
    def _steps(self) -> int:
        """Steps of each environment per iteration."""
        return self._config.rollout.nsteps

    # -- one iteration -------------------------------------------------------

    def iterate(self) -> Row:
        """One iteration: collects, scales, learns; returns its columns."""
        clock, comm, config = self._clock, self._comm, self._config
        started, waited, exchanged = clock(), comm.waited, comm.exchanged
        rollout = self._collect()
        collected = clock()
        with self._critical():
            sums, carried = discounted(
                rollout.reward, rollout.ended, self._sums, config.ppo.gamma
            )
            if config.scaling.normalize_reward:
                self.learner.observe_returns(sums)
            rollout = self._scaled(rollout)
            order = self._order()
            metrics = self.learner.update(rollout, order, *self._schedules())
            std = self.learner.mean_std(rollout.obs[:, 0])
            if config.scaling.normalize_obs:
                self.learner.observe(rollout.obs)
            self._count(carried)
            metrics |= {
                "ppo/std": std,
                "time/collect": collected - started,
                "time/update": clock() - collected,
                "time/wait": comm.waited - waited,
                "time/exchange": comm.exchanged - exchanged,
            }
            metrics |= self._episode_row
            means = comm.mean(np.array(list(metrics.values())))
        return dict(zip(metrics, means.tolist()))

    def _collect(self) -> Rollout:
        """S steps of every environment, with the current policy and statistics."""
        n, steps = len(self._vector), self._config.rollout.nsteps
        o, a = self._spec.obs_dim, self._spec.action_dim
        rollout = Rollout(
            obs=np.empty((steps, n, o), np.float32),
            action=np.empty((steps, n, a), np.float32),
            reward=np.empty((steps, n), np.float64),
            next_obs=np.empty((steps, n, o), np.float32),
            terminated=np.empty((steps, n), bool),
            ended=np.empty((steps, n), bool),
        )
        policy, vector = self.learner.policy(), self._vector
        with threadpool_limits(1, user_api="blas"):
            for t in range(steps):
                rollout.obs[t] = vector.obs
                u = policy.draw(vector.obs, vector.noise())
                rollout.action[t] = u
                step = vector.step(policy.scaled(rollout.action[t]))
                rollout.reward[t], rollout.next_obs[t] = step.reward, step.next_obs
                rollout.terminated[t] = step.terminated
                rollout.ended[t] = step.terminated | step.truncated
        return Rollout(*(np.swapaxes(field, 0, 1) for field in rollout))

    def _scaled(self, rollout: Rollout) -> Rollout:
        """The rollout with scaled and clipped rewards."""
        limit = self._config.scaling.clip_input
        reward = rollout.reward / self.learner.reward_scale
        return rollout._replace(reward=np.clip(reward, -limit, limit))

    def _order(self) -> np.ndarray:
        """The rows' order in each pass, [passes, N * S]."""
        seed, rank = self._config.run.seed, self._comm.rank
        rng = generator(seed, MINIBATCHES, rank, self.n_iterations)
        rows = np.arange(self._config.rows, dtype=np.int32)
        passes = range(self._config.ppo.noptepochs)
        return np.stack([rng.permutation(rows) for _ in passes])

    def _schedules(self) -> tuple[float, float | None]:
        """The current factor of the learning rate, and log_std if it has a schedule."""
        config, steps = self._config, self.n_env_steps
        scale = 1.0
        if config.ppo.lr_schedule == "linear":
            scale = max(0.0, 1.0 - steps / config.run.num_timesteps)
        if config.network.std != "schedule":
            return scale, None
        first, last = np.exp(config.network.log_std_init), config.network.std_final
        share = min(1.0, steps / config.network.std_steps)
        return scale, float(np.log(first + share * (last - first)))

    def _count(self, carried: np.ndarray) -> None:
        own = self._vector.take_finished()
        self._sums = carried
        self._kept = self._vector.state()
        self.n_iterations += 1
        parts = self._comm.gather(own)
        found = Finished(*(list(itertools.chain(*field)) for field in zip(*parts)))
        self.n_episodes += len(found.returns)
        if found.returns:
            self._episode_row = episode_row(found, self._spec.terms)

    # -- what an epoch needs --------------------------------------------------

    def policy(self) -> GaussianPolicy:
        """A NumPy snapshot of the greedy policy."""
        return self.learner.policy()

    def evaluate(self, starts: list[Start]) -> tuple[Evaluation, Row]:
        """Plays greedy episodes side by side; returns their outcome."""
        with threadpool_limits(1, user_api="blas"):
            found = play_all(self._tests, self.policy(), starts)
        return Evaluation(*found), {}

    def arrays(self) -> dict[str, np.ndarray]:
        """What a policy file holds."""
        return self.learner.arrays()

    def status(self) -> Row:
        """Counters, as columns."""
        updates = self._config.ppo.noptepochs * (self._config.ppo.nminibatches or 1)
        return {
            "steps/env": self.n_env_steps,
            "steps/episodes": self.n_episodes,
            "steps/updates": self.n_iterations * updates,
        }

    def close(self) -> None:
        """Ends the processes that step environments."""
        self._vector.close()
        self._tests.close()

    # -- what a checkpoint holds ---------------------------------------------

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and facts, the same on all workers, that `load_state` takes."""
        arrays = {f"learner/{k}": v for k, v in self.learner.state().items()}
        facts = {"n_iterations": self.n_iterations, "n_episodes": self.n_episodes}
        return arrays, facts | {"episode_row": self._episode_row}

    def own_state(self) -> dict[str, np.ndarray]:
        """This worker's unfinished episodes."""
        streams = {f"stream/{k}": v for k, v in self._kept.items()}
        return streams | {"sums": self._sums}

    def load_state(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        """Continues from `state()`, bit for bit.

        Raises:
          ValueError: no run with these settings can have left this.
        """
        learner = part_of(arrays, "learner/")
        require_like(learner, self.learner.state())
        counters = facts["n_iterations"], facts["n_episodes"]
        row = facts["episode_row"]
        if not all(type(n) is int and 0 <= n < MOST for n in counters):
            raise ValueError(
                "the checkpoint's counters must be whole numbers from 0 on"
            )
        if {*row} != {*self._episode_row} or not np.isfinite([*row.values()]).all():
            raise ValueError("the checkpoint's returns must be finite numbers")
        self.learner.load_state(learner)
        self.n_iterations, self.n_episodes = counters
        self._episode_row = dict(row)

    def load_own_state(self, arrays: Arrays) -> None:
        """Plays this worker's unfinished episodes again.

        Raises:
          ValueError: no run with these settings can have left this.
        """
        streams, n = part_of(arrays, "stream/"), len(self._vector)
        require_streams(streams, n, self._spec, self.n_iterations * self._steps)
        if arrays["sums"].shape != (n,) or not np.isfinite(arrays["sums"]).all():
            raise ValueError("the checkpoint's sums must be a finite number per stream")
        self._vector.load_state(streams)
        self._sums = np.array(arrays["sums"])
        self._kept = self._vector.state()

    def take_dealt(self) -> None:
        """Begins a new episode in every stream when the number of workers has changed.

        Their numbers are higher than those of all earlier episodes.
        """
        first = self.n_iterations * self._steps
        self._vector.begin(np.full(len(self._vector), first))
        self._kept = self._vector.state()


def episode_row(found: Finished, terms: tuple[str, ...]) -> Row:
    """Columns: means over training episodes.

    Args:
      found: the episodes, at least one.
      terms: names of the reward's terms; one column `reward/<term>` each.
    """
    row = {
        "train/return": float(np.mean(found.returns)),
        "train/length": float(np.mean(found.lengths)),
    }
    means = np.mean(found.terms, axis=0)
    return row | {f"reward/{name}": float(x) for name, x in zip(terms, means)}


def require_streams(streams: Arrays, n: int, spec: FlatSpec, most: int) -> None:
    """Refuses unfinished episodes that no run can have left.

    Args:
      streams: of `Vector.state`.
      n: environments.
      spec: their dimensions.
      most: steps of each environment so far.

    Raises:
      ValueError: what does not fit.
    """
    wanted = {"numbers", "sums", *(f"actions/{k}" for k in range(n))}
    wanted |= {"terms"} if spec.terms else set()
    if {*streams} != wanted or streams["numbers"].shape != (n,):
        raise ValueError(f"the checkpoint must hold {n} unfinished episodes")
    actions = [streams[f"actions/{k}"] for k in range(n)]
    fits = all(a.ndim == 2 and a.shape[1] == spec.action_dim for a in actions)
    if not fits or any(len(a) > most or not np.isfinite(a).all() for a in actions):
        raise ValueError(f"an unfinished episode has at most {most} finite actions")
    sums, numbers = streams["sums"], streams["numbers"]
    if sums.shape != (n,) or not np.isfinite(sums).all():
        raise ValueError("an unfinished episode has a finite sum of rewards")
    terms = streams.get("terms", np.zeros((n, len(spec.terms))))
    if terms.shape != (n, len(spec.terms)) or not np.isfinite(terms).all():
        raise ValueError("an unfinished episode has a finite sum of each reward term")
    if not ((numbers >= 0) & (numbers < MOST)).all():
        raise ValueError("an unfinished episode has a number from 0 on")


def discounted(
    reward: np.ndarray, ended: np.ndarray, before: np.ndarray, gamma: float
) -> tuple[np.ndarray, np.ndarray]:
    """G_t = r_t + gamma (1 - ended_{t-1}) G_{t-1}, carried across iterations.

    Args:
      reward: [N, S].
      ended: [N, S] bool.
      before: [N], what the last iteration carried over.
      gamma: discount.

    Returns:
      The sums [N, S], and what is carried over [N].
    """
    total, sums = before, []
    for t in range(reward.shape[1]):
        total = reward[:, t] + gamma * total
        sums.append(total)
        total = total * ~ended[:, t]
    return np.stack(sums, axis=1), total


def play_all(
    vector: Vector, policy: GaussianPolicy, starts: list[Start]
) -> tuple[np.ndarray, np.ndarray]:
    """One greedy episode for each start, side by side: returns and lengths, [E].

    Args:
      vector: its episode n begins in the same way as start number n.
      policy: acts for all streams at once.
      starts: of the evaluation episodes.
    """
    numbers = np.array([start.seed.spawn_key[2] for start in starts])
    returns, lengths = np.zeros(len(starts)), np.zeros(len(starts), int)
    n = len(vector)
    for first in range(0, len(starts), n):
        some = numbers[first : first + n]
        own = slice(first, first + len(some))
        vector.begin(np.resize(some, n))  # streams without a start repeat others
        live = np.ones(n, bool)
        total, steps = np.zeros(n), np.zeros(n, int)
        while live[: len(some)].any():
            step = vector.step(policy.act_all(vector.obs))
            total += live * step.reward
            steps += live
            live &= ~(step.terminated | step.truncated)
        returns[own], lengths[own] = total[: len(some)], steps[: len(some)]
    return returns, lengths
