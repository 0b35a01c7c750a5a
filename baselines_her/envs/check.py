"""Is this an environment that hindsight can learn in?  Found out before training.

Every rule is checked by looking at the spaces or by playing a few random episodes;
what is broken is named in one sentence with a remedy.
"""

from typing import NamedTuple, NoReturn

import gymnasium as gym
import numpy as np

from ..her_sampler import RewardFn
from ..rollout import success
from ..types import EnvSpec

MAX_HORIZON = 10_000
KEYS = ("observation", "achieved_goal", "desired_goal")


class _Trace(NamedTuple):
    """One raw episode, in the environment's own precision."""

    obs: np.ndarray  # [T+1, O]
    achieved: np.ndarray  # [T+1, G]
    goal: np.ndarray  # [T+1, G]
    reward: np.ndarray  # [T]


def check(env: gym.Env, env_id: str) -> EnvSpec:
    """Proves the contract and measures the dimensions.

    Args:
      env: a goal environment; it is reset and stepped.
      env_id: its name in messages and files.

    Returns:
      Its `EnvSpec`.

    Raises:
      ValueError: what must hold, what was found, what to do.
    """
    obs_dim, goal_dim = _check_observation_space(env.observation_space)
    max_action = _check_action_space(env.action_space)
    reward_fn = reward_function(env)
    first, other, again = (_random_episode(env, seed) for seed in (1, 2, 1))
    _check_horizon(first, other)
    _check_repeatable(first, again)
    for trace in first, other:
        _check_numbers(trace)
        _check_goal_stays(trace)
        _check_reward(trace, reward_fn)
    low, high = _reward_kind(first, reward_fn)
    horizon = len(first.reward)
    dims = obs_dim, goal_dim, len(max_action)
    return EnvSpec(env_id, *dims, max_action, horizon, low, high)


def _check_observation_space(space: gym.Space) -> tuple[int, int]:
    if not isinstance(space, gym.spaces.Dict):
        _refuse(
            f"the observation space must be a Dict with {', '.join(KEYS)}",
            f"{type(space).__name__}",
            "return goal observations (see gymnasium_robotics.core.GoalEnv)",
        )
    missing = [key for key in KEYS if key not in space.spaces]
    if missing:
        _refuse(
            f"the observation space must have {', '.join(KEYS)}",
            f"no {', '.join(missing)}",
            "add what is missing to the Dict",
        )
    for key in KEYS:
        if (
            not isinstance(space[key], gym.spaces.Box)
            or len(space[key].shape or ()) != 1
        ):
            _refuse(
                f"{key} must be a flat Box",
                str(space[key]),
                "flatten it (gymnasium.spaces.utils.flatten)",
            )
    obs_dim, achieved_dim, goal_dim = (gym.spaces.flatdim(space[key]) for key in KEYS)
    if achieved_dim != goal_dim:
        _refuse(
            "achieved_goal and desired_goal must have one shape",
            f"[{achieved_dim}] and [{goal_dim}]",
            "make both the same quantity",
        )
    return obs_dim, goal_dim


def _check_action_space(space: gym.Space) -> tuple[float, ...]:
    if not isinstance(space, gym.spaces.Box) or len(space.shape) != 1:
        _refuse("the action space must be a flat Box", str(space), "use a Box")
    if not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
        _refuse(
            "action limits must be finite",
            f"{space.low} .. {space.high}",
            "give the Box finite low and high",
        )
    if not (np.array_equal(space.low, -space.high) and (space.high > 0).all()):
        _refuse(
            "action limits must be symmetric, [-m, m] with m > 0",
            f"{space.low} .. {space.high}",
            "wrap the environment in gymnasium.wrappers.RescaleAction(env, -1, 1)",
        )
    return tuple(float(m) for m in space.high)


def reward_function(env: gym.Env) -> RewardFn:
    """compute_reward as a function of (achieved, goal), with an empty info.

    Raises:
      ValueError: the environment has none.
    """
    try:
        compute_reward = env.get_wrapper_attr("compute_reward")
    except AttributeError:
        _refuse(
            "there must be a compute_reward(achieved_goal, desired_goal, info)",
            "none",
            "hindsight recomputes rewards with it",
        )
    return lambda achieved, goal: compute_reward(achieved, goal, {})


def _random_episode(env: gym.Env, seed: int) -> _Trace:
    rng = np.random.default_rng(seed)
    observation = _reset(env, seed)
    observations, rewards = [observation], []
    high = env.action_space.high  # type: ignore[attr-defined]
    for t in range(MAX_HORIZON):
        action = rng.uniform(-high, high).astype(np.float32)
        kept = action.copy()
        observation, reward, terminated, truncated, info = env.step(action)
        _check_step(observation, action, kept, terminated, t)
        _check_success(info)
        observations.append(observation)
        rewards.append(reward)
        if truncated:
            obs, achieved, goal = (
                np.array([o[key] for o in observations], np.float64) for key in KEYS
            )
            return _Trace(obs, achieved, goal, np.array(rewards, np.float64))
    _refuse(
        f"episodes must end by truncation within {MAX_HORIZON} steps",
        "one that goes on",
        "set max_episode_steps, or wrap it in gymnasium.wrappers.TimeLimit",
    )


def _reset(env: gym.Env, seed: int) -> dict[str, np.ndarray]:
    try:
        observation, _ = env.reset(seed=seed)
    except TypeError as error:
        _refuse(
            "reset must take seed= and return (observation, info)",
            f"a TypeError ({error})",
            "follow gymnasium's reset(*, seed=None, options=None)",
        )
    for key in KEYS:
        found, space = np.shape(observation[key]), env.observation_space[key]  # type: ignore[index]
        if found != space.shape:
            _refuse(
                f"{key} must have its space's shape {list(space.shape)}",
                f"{list(found)}",
                "correct the space or the observation",
            )
    return observation


def _check_step(observation, action, kept, terminated, t):
    if terminated:
        _refuse(
            "episodes must have a fixed length (hindsight needs what happens after "
            "success, too)",
            f"terminated=True at step {t + 1}",
            "return terminated=False and leave the end to the time limit "
            "(continuing_task=True in the maze environments)",
        )
    if not np.array_equal(action, kept):
        _refuse(
            "step must not write into the action it is given",
            f"{kept} changed to {action}",
            "copy the action first",
        )
    if not isinstance(observation, dict):
        _refuse("step must return a dict observation", str(type(observation)), "do so")


def _check_success(info):
    try:
        success(info)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def _check_horizon(first: _Trace, other: _Trace):
    lengths = len(first.reward), len(other.reward)
    if lengths[0] != lengths[1]:
        _refuse(
            "every episode must have the same length",
            f"{lengths[0]} and {lengths[1]} steps",
            "end episodes by the time limit only",
        )


def _check_repeatable(first: _Trace, again: _Trace):
    for name, a, b in zip(_Trace._fields, first, again):
        if a.shape != b.shape or not np.array_equal(a, b, equal_nan=True):
            _refuse(
                "an episode must be the same after the same reset(seed=) and actions, "
                "whatever came before",
                f"a different {name.replace('_', ' ')} the second time",
                "draw from self.np_random only, and reset all state in reset()",
            )


def _check_numbers(trace: _Trace):
    for name, values in trace._asdict().items():
        if not np.isfinite(values).all():
            step = int(np.argwhere(~np.isfinite(values))[0][0])
            _refuse(
                "observations, goals and rewards must be finite",
                f"{name} that is not at step {step}",
                "look for a division by zero or an unstable simulation",
            )


def _check_goal_stays(trace: _Trace):
    moved = np.flatnonzero((trace.goal != trace.goal[0]).any(axis=1))
    if len(moved):
        _refuse(
            "desired_goal must stay the same within an episode",
            f"another one at step {moved[0]}",
            "draw goals in reset() only (reset_target=False in the maze environments)",
        )


def _check_reward(trace: _Trace, reward_fn):
    """compute_reward: without info, vectorised, and the same as step's."""
    achieved, goal = trace.achieved[1:], trace.goal[1:]
    try:
        rewards = np.asarray(reward_fn(achieved, goal), np.float64)
    except Exception as error:
        _refuse(
            "compute_reward must work on rows of goals with an empty info",
            f"{type(error).__name__}: {error}",
            "compute it from achieved_goal [B, G] and desired_goal [B, G] alone",
        )
    if rewards.shape != trace.reward.shape:
        _refuse(
            "compute_reward must be vectorised: [B, G] goals give [B] rewards",
            f"shape {list(rewards.shape)} for {len(achieved)} rows",
            "reduce over the last axis only (axis=-1)",
        )
    wrong = np.flatnonzero(~np.isclose(rewards, trace.reward, rtol=1e-5, atol=1e-6))
    if len(wrong):
        t = wrong[0]
        _refuse(
            "compute_reward must equal the reward of step",
            f"{rewards[t]:g} and {trace.reward[t]:g} at step {t + 1}",
            "return self.compute_reward(achieved_goal, desired_goal, info) from step",
        )


def _reward_kind(trace: _Trace, reward_fn) -> tuple[float | None, float | None]:
    """(-1, 0) or (0, 1) for the two sparse kinds, else (None, None).

    Pairs of every state with every other show successes that random play misses.
    """
    n = len(trace.achieved)
    some = np.unique(np.linspace(0, n - 1, min(n, 50)).astype(int))
    achieved = np.repeat(trace.achieved[some], len(some), axis=0)
    goal = np.tile(trace.achieved[some], (len(some), 1))
    seen = {float(r) for r in np.unique(reward_fn(achieved, goal))}
    seen |= {float(r) for r in trace.reward}
    for kind in (-1.0, 0.0), (0.0, 1.0):
        if seen <= set(kind) and seen != {0.0}:
            return kind
    return None, None


def _refuse(rule: str, found: str, remedy: str) -> NoReturn:
    raise ValueError(f"{rule}; found {found}.  Remedy: {remedy}.")
