"""HER's policy files: the arrays in them, and how to act with them."""

import itertools
from typing import Any

import gymnasium as gym
import numpy as np

from ..acting import names
from ..acting.normalizer import stats
from ..acting.policy import Policy
from ..settings.her import HERConfig
from ..types import Arrays, EnvSpec

MAX_DIM = 100_000


def read_spec(fields: dict[str, Any]) -> EnvSpec:
    """The spec in a policy file's header.

    Raises:
      ValueError: the environment check could not have produced it.
    """
    spec = EnvSpec(**{**fields, "max_action": tuple(fields["max_action"])})
    if spec.space is not None:
        raise ValueError("its environment has subgoals, which it does not use")
    dims = spec.obs_dim, spec.goal_dim, spec.action_dim, spec.horizon
    if not all(type(d) is int and 0 < d <= MAX_DIM for d in dims):
        raise ValueError(f"its dimensions must be 1 to {MAX_DIM}, found {dims}")
    if len(spec.max_action) != spec.action_dim or not isinstance(spec.env_id, str):
        raise ValueError(
            "its action limits or its environment id are of the wrong kind"
        )
    if not all(isinstance(m, float) and 0 < m < np.inf for m in spec.max_action):
        raise ValueError("its action limits must be positive numbers")
    if not all(
        r in (None, -1.0, 0.0, 1.0) for r in (spec.reward_low, spec.reward_high)
    ):
        raise ValueError("its rewards are of an unknown kind")
    return spec


def seen_dim(spec: EnvSpec, config: HERConfig) -> int:
    """Entries of what the networks see of a state."""
    return spec.obs_dim + spec.goal_dim * config.inputs.see_achieved


def network_sizes(spec: EnvSpec, config: HERConfig) -> dict[str, list[int]]:
    """Network -> widths from input to output."""
    n_in = seen_dim(spec, config) + spec.goal_dim
    hidden = [config.ddpg.hidden] * config.ddpg.layers
    actor = [n_in, *hidden, spec.action_dim]
    critic = [n_in + spec.action_dim, *hidden, 1]
    return {
        names.ACTOR: actor,
        names.CRITIC: critic,
        names.TARGET_ACTOR: actor,
        names.TARGET_CRITIC: critic,
    }


def shapes(spec: EnvSpec, config: HERConfig) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every array that a policy of these dimensions holds."""
    found: dict[str, tuple[int, ...]] = {}
    for network, sizes in network_sizes(spec, config).items():
        found |= names.layer_shapes(network, sizes)
    found |= names.moment_shapes(names.OBS_NORM, seen_dim(spec, config))
    return found | names.moment_shapes(names.GOAL_NORM, spec.goal_dim)


def learner_bytes(spec: EnvSpec, config: HERConfig) -> int:
    """The memory of the networks, their optimisers and the batches of one call.

    Two of the four networks are trained.  Adam keeps two moments for each of their
    weights, which are as many numbers as the weights of all four.
    """
    sizes = network_sizes(spec, config).values()
    weights = sum(
        (a + 1) * b for widths in sizes for a, b in itertools.pairwise(widths)
    )
    inputs = seen_dim(spec, config) + spec.goal_dim
    row = 2 * inputs + spec.action_dim + 4  # of a `Batch`
    n_updates = config.replay.per_chunk or config.ddpg.n_batches
    return 4 * (2 * weights + n_updates * config.ddpg.batch_size * row)


def policy(
    arrays: Arrays,
    spec: EnvSpec,
    config: HERConfig,
    header: dict[str, Any],
    use_target: bool | None = None,
) -> Policy:
    """The greedy policy.

    Args:
      arrays: from a policy file.
      spec: the environment's dimensions.
      config: the run's settings.
      header: the file's header, which the policy keeps.
      use_target: act with the target network; default: what the run evaluated
        (`test_with_polyak`).

    Raises:
      ValueError: training could not have left these statistics.
    """
    if use_target is None:
        use_target = config.ddpg.test_with_polyak
    network = names.TARGET_ACTOR if use_target else names.ACTOR
    layers = names.layers_from(arrays, network, config.ddpg.layers + 1)
    totals = [names.moments_from(arrays, n) for n in (names.OBS_NORM, names.GOAL_NORM)]
    limit = config.inputs.clip_obs * 1.001
    for total in totals:  # inputs are clipped before they are counted
        largest = limit * total.n_rows
        if (np.abs(total.sum) > largest).any() or (total.sumsq > limit * largest).any():
            raise ValueError(
                "a policy's statistics must be of inputs within "
                f"{config.inputs.clip_obs:g}, but those of the policy of {spec.env_id} "
                "are larger.  Train it again."
            )
    obs, goal = (stats(total, config.inputs.norm_eps) for total in totals)
    return Policy(layers, obs, goal, spec.max_action, config.inputs, header)


def fit(spec: EnvSpec, env: gym.Env, env_id: str) -> EnvSpec:
    """The spec with which a policy plays in `env`.

    Raises:
      ValueError: the environment's dimensions differ from the policy's.
    """
    wanted = spec.obs_dim, spec.goal_dim, spec.action_dim
    try:
        space: Any = env.observation_space
        sizes = [space[name].shape[0] for name in ("observation", "desired_goal")]
        found = (*sizes, env.action_space.shape[0])  # type: ignore[index]
    except (KeyError, TypeError, IndexError, AttributeError):
        raise ValueError(
            f"the policy of {spec.env_id} needs a goal environment, whose observations "
            f"are a Dict with a desired_goal, but {env_id} is not one.  Play it in the "
            "environment that it was trained in."
        ) from None
    if found != wanted:
        raise ValueError(
            f"the policy of {spec.env_id} has {wanted} observations, goal entries and "
            f"actions, but {env_id} has {found}.  Play it in the one it was trained in."
        )
    limit = getattr(env.spec, "max_episode_steps", None) or spec.horizon
    return spec._replace(env_id=env_id, horizon=limit)
