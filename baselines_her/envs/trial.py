"""A random episode for the check, and the rules for each of its steps."""

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from ..rollout import success
from .faults import Fault, Place, Refusal, exits_refused, refuse

MAX_HORIZON = 10_000
KEYS = ("observation", "achieved_goal", "desired_goal")


class Trace(NamedTuple):
    """One raw episode, in the environment's own precision."""

    obs: np.ndarray  # [T+1, O]
    achieved: np.ndarray  # [T+1, G]
    goal: np.ndarray  # [T+1, G]
    reward: np.ndarray  # [T]


def random_episode(env: gym.Env, place: Place, seed: int) -> Trace:
    """Plays one episode with random actions.

    Args:
      env: a goal environment.
      place: names the environment and the episode in messages.
      seed: for the environment and the actions.

    Raises:
      Refusal: a step breaks a rule.
      Fault: the environment raised an error.
    """
    with exits_refused():
        return _play(env, place, seed)


def _play(env: gym.Env, place: Place, seed: int) -> Trace:
    rng = np.random.default_rng(seed)
    observation = place.call(0, _reset, env, seed)
    observations, rewards = [observation], []
    high = env.action_space.high  # type: ignore[attr-defined]
    for t in range(MAX_HORIZON):
        action = rng.uniform(-high, high).astype(np.float32)
        kept = action.copy()
        result = place.call(t, env.step, action)
        observation, reward, terminated, truncated, info = _five(result)
        _check_step(observation, action, kept, terminated, t)
        _check_shapes(observation, env.observation_space)
        _check_success(info)
        observations.append(observation)
        rewards.append(reward)
        if truncated:
            obs, achieved, goal = (
                np.array([o[key] for o in observations], np.float64) for key in KEYS
            )
            return Trace(obs, achieved, goal, np.array(rewards, np.float64))
    refuse(
        f"episodes must end by truncation within {MAX_HORIZON} steps",
        "one that had not ended",
        "set max_episode_steps, or wrap it in gymnasium.wrappers.TimeLimit",
    )


def _five(result: Any) -> tuple:
    if not isinstance(result, tuple) or len(result) != 5:
        refuse(
            "step must return (observation, reward, terminated, truncated, info)",
            f"{len(result) if isinstance(result, tuple) else 'no'} values",
            "follow gymnasium's step(action)",
        )
    return result


def _reset(env: gym.Env, seed: int) -> dict[str, np.ndarray]:
    try:
        observation, _ = env.reset(seed=seed)
    except TypeError as error:
        refuse(
            "reset must take seed= and return (observation, info)",
            f"a TypeError ({error})",
            "follow gymnasium's reset(*, seed=None, options=None)",
        )
    _check_shapes(observation, env.observation_space)
    return observation


def _check_shapes(observation: dict[str, np.ndarray], spaces: Any) -> None:
    for key in KEYS:
        found, space = np.shape(observation[key]), spaces[key]
        if found != space.shape:
            refuse(
                f"{key} must have its space's shape {list(space.shape)}",
                f"{list(found)}",
                "correct the space or the observation",
            )


def _check_step(observation, action, kept, terminated, t):
    if terminated:
        refuse(
            "episodes must have a fixed length (hindsight needs what happens after "
            "success, too)",
            f"terminated=True at step {t + 1}",
            "return terminated=False and leave the end to the time limit "
            "(continuing_task=True in the maze environments)",
        )
    if not np.array_equal(action, kept):
        refuse(
            "step must not write into the action it is given",
            f"{kept} changed to {action}",
            "copy the action first",
        )
    if not isinstance(observation, dict):
        refuse(
            "step must return a dict observation",
            type(observation).__name__,
            "return a dict from step, as from reset",
        )


def _check_success(info):
    try:
        success(info)
    except Fault as error:
        raise Refusal(str(error)) from None
