"""Augmented random search: a linear policy learns without gradients.

Mania et al. 2018 (arXiv:1803.07055), algorithm 2, version V2 with all directions.  Each
iteration tries the weights moved by some random steps, forwards and back, for an
episode each, and moves them towards the better ones.
"""

import contextlib
import time
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np

from ..acting.gaussian_policy import GaussianPolicy, Inputs, deviation
from ..acting.names import OBS_NORM, moment_arrays, moment_shapes, moments_from
from ..acting.normalizer import Moments, moments
from ..envs.check_flat import check_flat
from ..envs.make import EnvFactory
from ..parallel.communicator import Solo
from ..parallel.vector import Vector
from ..seeding import EVALUATION, NOISE, TRAINING, generator, stream
from ..settings.ars import ARSConfig
from ..types import Arrays, Collectors, Communicator, Evaluation, FlatSpec, Row, Start
from . import Prepared
from .her import Critical
from .ppo import play_all
from .state import MOST, require_like

WEIGHTS, CLIP = "weights", 10.0


def prepare(
    env: gym.Env, config: ARSConfig, comm: Communicator, factory: EnvFactory
) -> Prepared:
    """Checks the environment before anything is built."""
    spec = check_flat(env, config.run.env)
    config = config.resolve(spec, comm.cores, comm.size)
    return Prepared(config, spec, factory, {}, [])


def build(
    prepared: Prepared,
    env: gym.Env,
    collectors: Collectors,
    comm: Communicator = Solo(),
    critical: Critical = contextlib.nullcontext,
) -> "RandomSearch":
    """The training, ready for its first iteration."""
    config, spec, factory, *_ = prepared
    seed, n = config.run.seed, config.search.directions
    training = partial(_training_seed, seed, comm.rank)
    vector = Vector(factory, spec, 2 * n, training, training)
    tested = partial(_test_seed, seed)
    tests = Vector(factory, spec, config.loop.n_test_rollouts, tested, tested)
    return RandomSearch(config, spec, vector, tests, comm)


def shapes(spec: FlatSpec, config: ARSConfig) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every array that a policy of these dimensions holds."""
    weights = {WEIGHTS: (spec.obs_dim, spec.action_dim)}
    return weights | moment_shapes(OBS_NORM, spec.obs_dim)


def policy(
    arrays: Arrays, spec: FlatSpec, config: ARSConfig, header: dict[str, Any]
) -> GaussianPolicy:
    """The policy in a file or of the training: one layer, and no noise."""
    bias = np.zeros(spec.action_dim, np.float32)
    limits = None
    if spec.low is not None and spec.high is not None:
        limits = np.array(spec.low, np.float32), np.array(spec.high, np.float32)
    inputs = scaling(moments_from(arrays, OBS_NORM))
    layers = [(np.array(arrays[WEIGHTS]), bias)]
    return GaussianPolicy(layers, bias, inputs, limits, header=header)


def scaling(total: Moments) -> Inputs:
    """How observations are scaled: to zero mean and unit deviation, then clipped."""
    mean = total.sum / max(float(total.n_rows), 1.0)
    spread = deviation(total)
    return Inputs(mean.astype(np.float32), spread.astype(np.float32), CLIP)


class RandomSearch:
    """Augmented random search; an `Algorithm`."""

    ring = None  # there is no replay memory

    def __init__(
        self,
        config: ARSConfig,
        spec: FlatSpec,
        vector: Vector,
        tests: Vector,
        comm: Communicator,
    ):
        """Connects the parts; stream 2 k and 2 k + 1 try direction k."""
        self._config, self._spec, self._comm = config, spec, comm
        self._vector, self._tests = vector, tests
        self.n_iterations = self.n_env_steps = self.n_episodes = 0
        self._weights = np.zeros((spec.obs_dim, spec.action_dim), np.float32)
        zeros = np.zeros(spec.obs_dim)
        self._total = Moments(zeros, zeros.copy(), np.zeros(()))

    # -- one iteration -------------------------------------------------------

    def iterate(self) -> Row:
        """Tries all directions, and moves the weights; returns this row's columns."""
        started, search, comm = time.perf_counter(), self._config.search, self._comm
        rng = generator(self._config.run.seed, NOISE, comm.rank, self.n_iterations)
        shape = search.directions, *self._weights.shape
        step = rng.standard_normal(shape, np.float32)
        signs = np.array([1.0, -1.0], np.float32)[:, None, None]
        tried = self._weights + search.noise * step[:, None] * signs
        returns, lengths, seen = self._try(tried.reshape(-1, *self._weights.shape))
        everyones = np.concatenate(comm.gather(returns))
        better = returns.reshape(-1, 2) @ np.array([1.0, -1.0])
        move = np.tensordot(better, step, 1) / len(better) / (everyones.std() + 1e-8)
        self._weights = self._weights + np.float32(search.step_size) * comm.mean(
            move.astype(np.float32)
        )
        self._total = Moments(*(a + comm.sum(b) for a, b in zip(self._total, seen)))
        self.n_env_steps += int(comm.sum(np.array(lengths.sum())))
        self.n_episodes += len(everyones)
        self.n_iterations += 1
        return {
            "train/return": float(everyones.mean()),
            "ars/weights": float(np.sqrt(np.square(self._weights).mean())),
            "time/collect": time.perf_counter() - started,
        }

    def _try(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, Moments]:
        """Plays an episode with each of the weights [N, O, A].

        Returns:
          Returns [N], lengths [N], and the moments of all observations.
        """
        vector, n = self._vector, len(weights)
        vector.begin(np.full(n, self.n_iterations))
        live, returns, lengths = np.ones(n, bool), np.zeros(n), np.zeros(n, int)
        scale = self.policy()
        mean, spread, limit = scale.inputs
        seen = moments(np.zeros((0, self._spec.obs_dim)))
        while live.any():
            seen = Moments(*map(np.add, seen, moments(vector.obs[live])))
            x = np.clip((vector.obs - mean) / spread, -limit, limit)
            action = np.einsum("no,noa->na", x, weights)
            outcome = vector.step(scale.scaled(action))
            returns += live * outcome.reward
            lengths += live
            live &= ~(outcome.terminated | outcome.truncated)
        vector.take_finished()  # it keeps a list of them, which nobody needs here
        return returns, lengths, seen

    # -- what an epoch needs --------------------------------------------------

    def policy(self) -> GaussianPolicy:
        """A snapshot of the policy."""
        return policy(self.arrays(), self._spec, self._config, {})

    def evaluate(self, starts: list[Start]) -> tuple[Evaluation, Row]:
        """Plays episodes side by side; returns their outcome."""
        return Evaluation(*play_all(self._tests, self.policy(), starts)), {}

    def arrays(self) -> dict[str, np.ndarray]:
        """What a policy file holds."""
        return {WEIGHTS: self._weights, **moment_arrays(OBS_NORM, self._total)}

    def status(self) -> Row:
        """Counters, as columns."""
        return {"steps/env": self.n_env_steps, "steps/episodes": self.n_episodes}

    def close(self) -> None:
        """Ends the processes that step environments."""
        self._vector.close()
        self._tests.close()

    # -- what a checkpoint holds ---------------------------------------------

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and facts that `load_state` takes."""
        counters = self.n_iterations, self.n_env_steps, self.n_episodes
        return self.arrays(), {"counters": [*counters]}

    def load_state(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        """Continues from `state()`, bit for bit.

        Raises:
          ValueError: no run with these settings can have left this.
        """
        require_like(arrays, self.arrays())
        counters = facts["counters"]
        if not all(type(n) is int and 0 <= n < MOST for n in counters):
            raise ValueError("the checkpoint's counters must be whole numbers")
        self._weights = np.array(arrays[WEIGHTS])
        self._total = moments_from(arrays, OBS_NORM)
        self.n_iterations, self.n_env_steps, self.n_episodes = counters

    def own_state(self) -> dict[str, np.ndarray]:
        """Nothing: every iteration begins new episodes."""
        return {}

    def load_own_state(self, arrays: Arrays) -> None:
        """Nothing to restore."""

    def take_dealt(self) -> None:
        """Another number of workers needs nothing: there are no stored episodes."""


def _training_seed(seed: int, rank: int, k: int, number: int) -> np.random.SeedSequence:
    """The seed of an episode; both trials of a direction begin in the same way."""
    return stream(seed, TRAINING, rank, k // 2, number)


def _test_seed(seed: int, k: int, number: int) -> np.random.SeedSequence:
    """The seed of an evaluation episode depends only on its number."""
    return stream(seed, EVALUATION, n=number)
