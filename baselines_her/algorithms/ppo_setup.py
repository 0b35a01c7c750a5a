"""What PPO looks up and builds before its first iteration."""

import contextlib
from functools import partial
from itertools import pairwise
from typing import NamedTuple, cast

import gymnasium as gym
import numpy as np

from ..acting.ppo_arrays import network_sizes
from ..envs.check_flat import check_flat
from ..envs.make import EnvFactory
from ..parallel.communicator import Solo
from ..parallel.vector import Vector
from ..ppo import PPO
from ..runs.policy_file import read_start
from ..seeding import EVALUATION, NOISE, TRAINING, WEIGHTS, generator, stream
from ..settings.ppo import PPOConfig
from ..types import Collectors, Communicator, FlatSpec
from ..versions import total_memory
from . import Prepared
from .her import Critical
from .ppo import OnPolicy

MOST_TESTS = 32  # test environments side by side


class Parts(NamedTuple):
    """What PPO needs in addition to settings and the environment."""

    factory: EnvFactory


def prepare(
    env: gym.Env, config: PPOConfig, comm: Communicator, factory: EnvFactory
) -> Prepared:
    """Checks the environment.

    Args:
      env: this process's own environment.
      config: the settings, not resolved yet.
      comm: the workers.
      factory: builds more environments.

    Raises:
      ValueError: the environment or a setting breaks a rule.
    """
    spec = check_flat(env, config.run.env)
    config = config.resolve(spec, comm.cores, comm.size)
    require_memory(spec, config)
    return Prepared(config, spec, Parts(factory), {}, [])


def build(
    prepared: Prepared,
    env: gym.Env,
    collectors: Collectors,
    comm: Communicator = Solo(),
    critical: Critical = contextlib.nullcontext,
) -> OnPolicy:
    """The training, ready for its first iteration.

    Raises:
      ValueError: the policy in `load_path` does not fit.
    """
    config, spec, (factory,), *_ = prepared
    learner = PPO(spec, config, generator(config.run.seed, WEIGHTS), comm)
    if config.run.load_path:
        _load(learner, prepared)
    learner.synchronise()
    seed, rank, n = config.run.seed, comm.rank, config.rollout.num_env
    more = config.rollout.steppers or 1, config.machine.collector_timeout
    training = partial(_training_seed, seed, TRAINING, rank)
    noise = partial(_training_seed, seed, NOISE, rank)
    vector = Vector(factory, spec, n, training, noise, *more)
    n_tests = min(-(-config.loop.n_test_rollouts // comm.size), MOST_TESTS)
    tested = partial(_test_seed, seed)
    tests = Vector(factory, spec, n_tests, tested, tested, *more)
    return OnPolicy(config, spec, learner, vector, tests, comm, critical)


def _training_seed(
    seed: int, purpose: int, rank: int, k: int, number: int
) -> np.random.SeedSequence:
    """The seed of a training episode; it differs between streams and workers."""
    return stream(seed, purpose, rank, k, number)


def _test_seed(seed: int, k: int, number: int) -> np.random.SeedSequence:
    """The seed of an evaluation episode; it depends only on the episode's number."""
    return stream(seed, EVALUATION, n=number)


def require_memory(spec: FlatSpec, config: PPOConfig) -> None:
    """Refuses networks and rollouts that do not fit into this machine's memory.

    Weights count three times (Adam has two moments), rows three times (as they are
    collected, as tensors, within the program).

    Raises:
      ValueError: they take more than all of it.
    """
    sizes = network_sizes(spec, config).values()
    weights = sum((a + 1) * b for widths in sizes for a, b in pairwise(widths))
    row = 2 * spec.obs_dim + spec.action_dim + 8
    wanted, found = 4 * 3 * (weights + config.rows * row), total_memory()
    if found is not None and wanted > found:
        raise ValueError(
            "networks and the steps of an iteration must fit into memory, but they "
            f"take {wanted / 2**30:.1f} GiB of {found / 2**30:.1f}.  Lower "
            "--hidden_sizes, --num_env or --nsteps."
        )


def _load(learner: PPO, prepared: Prepared) -> None:
    """Starts from the policy in `load_path`."""
    config, spec, *_ = prepared
    file = read_start(config.run.load_path, config.run.alg)
    found, wanted = (
        _shape(cast(PPOConfig, file.config), file.spec),
        _shape(config, spec),
    )
    if found != wanted:
        raise ValueError(
            f"load_path must hold a policy {wanted}, found one {found}.  Match --env "
            "and the networks' settings."
        )
    learner.load_arrays(file.arrays)


def _shape(config: PPOConfig, spec: FlatSpec) -> str:
    net = config.network
    return (
        f"with {spec.obs_dim} inputs, {spec.action_dim} actions, hidden layers "
        f"{net.hidden_sizes} {net.activation}{' shared' * net.shared_trunk} "
        f"{net.head_sizes}, std {net.std}"
    )
