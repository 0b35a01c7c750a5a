"""What several levels look up and build before their first cycle."""

import contextlib
import dataclasses
import math
from typing import Any

import gymnasium as gym

from ..ddpg import DDPG
from ..envs.goal_spaces import goal_space
from ..envs.make import EnvFactory
from ..parallel.communicator import Solo
from ..replay.buffer import require_memory
from ..seeding import WEIGHTS, generator
from ..settings.hac import HACConfig
from ..types import Collectors, Communicator, EnvSpec, GoalSpace
from . import Prepared, her_setup
from .hac import HAC, Critical, noted
from .hac_levels import levels_of, network_config, network_spec
from .her_policy import learner_bytes


def prepare(
    env: gym.Env, config: HACConfig, comm: Communicator, factory: EnvFactory
) -> Prepared:
    """Checks the environment, as for HER, and looks up the space of subgoals.

    Args:
      env: this process's own environment.
      config: the settings, not resolved yet.
      comm: the workers.
      factory: builds more environments; not needed here.

    Raises:
      ValueError: the environment or a setting breaks a rule.
    """
    if config.run.load_path is not None:
        raise ValueError(
            "alg=hac cannot start from a policy file, found --load_path="
            f"{config.run.load_path}.  Continue a run with --resume, or drop "
            "--load_path."
        )
    if config.levels.levels > 1:  # rewards of the levels below are -1 and 0 too
        her = dataclasses.replace(config.her, shift_rewards=True)
        config = dataclasses.replace(config, her=her)
    prepared = her_setup.prepare(env, config.flat(), comm, factory)
    spec: EnvSpec = prepared.spec
    if config.levels.levels > 1:
        _require_sparse(spec)
        levels = config.levels
        space = goal_space(env, spec, levels.subgoal_space)
        spec = spec._replace(space=with_threshold(space, levels.subgoal_threshold))
    config = config.resolve(spec, comm.cores, comm.size)
    require_memory(spec, config.replay.buffer_size, _other_bytes(spec, config))
    return prepared._replace(config=config, spec=spec)


def build(
    prepared: Prepared,
    env: gym.Env,
    collectors: Collectors,
    comm: Communicator = Solo(),
    critical: Critical = contextlib.nullcontext,
) -> HAC:
    """The training, ready for its first cycle."""
    config, spec, parts, *_ = prepared
    rng = generator(config.run.seed, WEIGHTS)
    learners = [
        _learner(*sizes, rng, comm)
        for sizes in (
            (network_spec(level, spec, config), network_config(level, config))
            for level in levels_of(config, spec)
        )
    ]
    rewards, motion = parts.rewards, parts.motion
    return HAC(config, spec, learners, rewards, collectors, motion, comm, critical)


def with_threshold(space: GoalSpace, factor: float) -> GoalSpace:
    """The space with its thresholds times a factor."""
    return space._replace(threshold=tuple(factor * x for x in space.threshold))


def _learner(spec: EnvSpec, config: Any, rng: Any, comm: Communicator) -> DDPG:
    learner = DDPG(spec, config.ddpg, config.inputs, rng, comm=comm)
    learner.synchronise()
    return learner


def _require_sparse(spec: EnvSpec) -> None:
    if spec.reward_low is None:
        raise ValueError(
            "several levels need rewards of -1 and 0, or 0 and 1, since those of the "
            f"lower levels are such, found others in {spec.env_id}.  Use an "
            "environment with sparse rewards, or --levels=1."
        )


def _other_bytes(spec: EnvSpec, config: HACConfig) -> int:
    """The memory of subgoals, and of all levels' networks and batches."""
    n_episodes = config.replay.buffer_size // spec.horizon
    numbers = sum(math.prod(shape) for shape in noted(spec, config).values())
    learned = sum(
        learner_bytes(network_spec(level, spec, config), network_config(level, config))
        for level in levels_of(config, spec)
    )
    return 4 * n_episodes * numbers + learned
