"""Checks before training whether hindsight can learn in an environment.

Every rule is checked by looking at the spaces or by playing a few random episodes.  Any
violation is reported in one sentence with a remedy.
"""

import math
from collections.abc import Callable

import gymnasium as gym
import numpy as np

from ..types import EnvSpec
from .faults import Place, refuse
from .inputs import input_warnings
from .rewards import check_rewards, check_rows, reward_function, reward_kind
from .trial import KEYS, Trace, random_episode

EPISODES = 1, 2, 1  # the seeds of the random episodes; the first one is used twice
# Attributes of the mazes of gymnasium-robotics (even wrapped) and of similar ones.
ENDS = (
    "continuing_task",
    True,
    "episodes must have a fixed length (hindsight needs what happens after success, "
    "too)",
    "which ends them at success",
)
MOVES = (
    "reset_target",
    False,
    "desired_goal must stay the same within an episode",
    "which moves it after a success",
)


def check(
    env: gym.Env,
    env_id: str,
    by_row: bool = False,
    clip_obs: float = math.inf,
    warn: Callable[[str], None] = lambda warning: None,
) -> EnvSpec:
    """Checks all rules and measures the dimensions.

    Args:
      env: a goal environment; it is reset and stepped.
      env_id: its name in messages and files.
      by_row: rewards are computed row by row, see `reward_function`.
      clip_obs: the limit at which the policy's inputs are clipped; default: none.
      warn: called with each sentence about inputs that the policy cannot tell apart.

    Returns:
      Its `EnvSpec`.

    Raises:
      ValueError: a rule is broken; the message says what was found and what to do.
      RuntimeError: the environment raised an error.
    """
    obs_dim, goal_dim = _check_observation_space(env.observation_space)
    max_action = _check_action_space(env.action_space)
    reward_fn = reward_function(env, by_row)
    for attribute in ENDS, MOVES:
        _check_attribute(env, *attribute)
    first, other, again = (
        random_episode(env, Place(env_id, f"episode {n + 1} of the check"), seed)
        for n, seed in enumerate(EPISODES)
    )
    _check_horizon(first, other)
    _check_repeatable(first, again)
    for trace in first, other:
        _check_numbers(trace)
        _check_goal_stays(trace)
    if not by_row:
        check_rows([first, other], reward_fn, reward_function(env, by_row=True))
    for trace in first, other:
        check_rewards(trace, reward_fn)
    for warning in input_warnings([first, other], clip_obs):
        warn(warning)
    low, high = reward_kind(first, reward_fn)
    horizon = len(first.reward)
    dims = obs_dim, goal_dim, len(max_action)
    return EnvSpec(env_id, *dims, max_action, horizon, low, high)


def _check_attribute(env: gym.Env, name: str, wanted: bool, rule: str, effect: str):
    """Checks an attribute: random episodes may be too rarely successful to show it."""
    try:
        found = env.get_wrapper_attr(name)
    except AttributeError:
        return
    if bool(found) != wanted:
        refuse(
            rule,
            f"{name}={found}, {effect}",
            f"make the environment with {name}={wanted}",
        )


def _check_observation_space(space: gym.Space) -> tuple[int, int]:
    if not isinstance(space, gym.spaces.Dict):
        refuse(
            f"the observation space must be a Dict with {', '.join(KEYS)}",
            f"{type(space).__name__}",
            "return goal observations (see gymnasium_robotics.core.GoalEnv)",
        )
    missing = [key for key in KEYS if key not in space.spaces]
    if missing:
        refuse(
            f"the observation space must have {', '.join(KEYS)}",
            f"no {', '.join(missing)}",
            "add what is missing to the Dict",
        )
    for key in KEYS:
        if (
            not isinstance(space[key], gym.spaces.Box)
            or len(space[key].shape or ()) != 1
        ):
            refuse(
                f"{key} must be a flat Box",
                str(space[key]),
                "flatten it (gymnasium.spaces.utils.flatten)",
            )
    obs_dim, achieved_dim, goal_dim = (gym.spaces.flatdim(space[key]) for key in KEYS)
    if achieved_dim != goal_dim:
        refuse(
            "achieved_goal and desired_goal must have one shape",
            f"[{achieved_dim}] and [{goal_dim}]",
            "make both the same quantity",
        )
    return obs_dim, goal_dim


def _check_action_space(space: gym.Space) -> tuple[float, ...]:
    if not isinstance(space, gym.spaces.Box) or len(space.shape) != 1:
        refuse("the action space must be a flat Box", str(space), "use a Box")
    if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
        refuse(
            "action limits must be finite",
            f"{space.low} .. {space.high}",
            "give the Box finite low and high",
        )
    if not (np.array_equal(space.low, -space.high) and (space.high > 0).all()):
        refuse(
            "action limits must be symmetric, [-m, m] with m > 0",
            f"{space.low} .. {space.high}",
            "wrap the environment in gymnasium.wrappers.RescaleAction(env, -1, 1)",
        )
    return tuple(float(m) for m in space.high)


def _check_horizon(first: Trace, other: Trace):
    lengths = len(first.reward), len(other.reward)
    if lengths[0] != lengths[1]:
        refuse(
            "every episode must have the same length",
            f"{lengths[0]} and {lengths[1]} steps",
            "end episodes by the time limit only",
        )


def _check_repeatable(first: Trace, again: Trace):
    for name, a, b in zip(Trace._fields, first, again):
        if a.shape != b.shape or not np.array_equal(a, b, equal_nan=True):
            refuse(
                "an episode must be the same after the same reset(seed=) and actions, "
                "regardless of earlier episodes",
                f"a different {name.replace('_', ' ')} the second time",
                "draw from self.np_random only, and reset all state in reset()",
            )


def _check_numbers(trace: Trace):
    for name, values in trace._asdict().items():
        if not np.isfinite(values).all():
            step = int(np.argwhere(~np.isfinite(values))[0][0])
            refuse(
                "observations, goals and rewards must be finite",
                f"{name} that is not at step {step}",
                "look for a division by zero or an unstable simulation",
            )


def _check_goal_stays(trace: Trace):
    moved = np.flatnonzero((trace.goal != trace.goal[0]).any(axis=1))
    if len(moved):
        refuse(
            "desired_goal must stay the same within an episode",
            f"another one at step {moved[0]}",
            "draw goals in reset() only (reset_target=False in the maze environments)",
        )
