"""Checks before training whether PPO can learn in an environment.

Observations are flat Boxes, or Dicts of them; actions are flat Boxes.  Episodes may end
early or be cut off.  Any violation is reported in one sentence with a remedy.
"""

from typing import Any

import gymnasium as gym
import numpy as np

from ..types import FlatSpec
from .faults import refuse

STEPS = 200  # of each trial; an episode may be longer


def check_flat(env: gym.Env, env_id: str) -> FlatSpec:
    """Checks all rules and measures the dimensions.

    Args:
      env: an environment; it is reset and stepped.
      env_id: its name in messages and files.

    Raises:
      Refusal: a rule is broken; the message says what was found and what to do.
    """
    obs_dim = _observation_dim(env.observation_space)
    low, high = _action_limits(env.action_space)
    action_dim = int(np.prod(env.action_space.shape))  # type: ignore[arg-type]
    limit = getattr(env.spec, "max_episode_steps", None)
    terms = tuple(getattr(env.unwrapped, "reward_terms", ()))
    spec = FlatSpec(env_id, obs_dim, action_dim, low, high, limit, terms)
    first, other, again = (_trial(env, spec, seed) for seed in (1, 2, 1))
    del other
    for name, one, two in zip(("observations", "rewards"), first, again):
        if not np.array_equal(one, two):
            refuse(
                "an episode must be the same after the same reset(seed=) and actions, "
                "regardless of earlier episodes",
                f"different {name} the second time",
                "draw from self.np_random only, and reset all state in reset()",
            )
    return spec


def _observation_dim(space: gym.Space) -> int:
    boxes = space.spaces.values() if isinstance(space, gym.spaces.Dict) else [space]
    sizes = []
    for box in boxes:
        if not isinstance(box, gym.spaces.Box) or len(box.shape) != 1:
            refuse(
                "observations must be a flat Box, or a Dict of flat Boxes",
                str(box),
                "flatten them (gymnasium.wrappers.FlattenObservation)",
            )
        sizes.append(box.shape[0])
    return sum(sizes)


def _action_limits(
    space: gym.Space,
) -> tuple[tuple[float, ...] | None, tuple[float, ...] | None]:
    if isinstance(space, gym.spaces.Discrete | gym.spaces.MultiDiscrete):
        refuse(
            "actions must be continuous: a flat Box",
            f"discrete ones ({space})",
            "choose another algorithm, since this one has no discrete policy",
        )
    if not isinstance(space, gym.spaces.Box) or len(space.shape) != 1:
        refuse("the action space must be a flat Box", str(space), "use a Box")
    low, high = space.low, space.high
    finite = np.isfinite(low) & np.isfinite(high)
    if not finite.any():
        return None, None
    if not finite.all():
        refuse(
            "action limits must be finite for all entries, or for none",
            f"{low} .. {high}",
            "give the Box finite low and high",
        )
    if not (low < high).all():
        refuse(
            "the lower action limits must be below the upper ones",
            f"{low} .. {high}",
            "correct the Box",
        )
    return tuple(map(float, low)), tuple(map(float, high))


def _trial(env: gym.Env, spec: FlatSpec, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Observations and rewards of `STEPS` random steps."""
    rng, count = np.random.default_rng(seed), 0
    observations = [_checked(_reset(env, seed), spec, "reset")]
    rewards: list[float] = []
    while len(rewards) < STEPS:
        action = _random_action(spec, rng)
        kept = action.copy()
        result = env.step(action)
        if not (isinstance(result, tuple) and len(result) == 5):
            refuse(
                "step must return (observation, reward, terminated, truncated, info)",
                f"{type(result).__name__} of {len(result)}"
                if isinstance(result, tuple)
                else type(result).__name__,
                "follow gymnasium's Env",
            )
        observation, terminated, truncated = result[0], result[2], result[3]
        reward: Any = result[1]
        if not np.array_equal(action, kept):
            refuse(
                "step must not write into the action it is given",
                f"{kept} changed to {action}",
                "copy the action first",
            )
        if np.ndim(reward) or not np.isfinite(reward):
            refuse("rewards must be finite numbers", f"{reward!r}", "correct step()")
        _require_terms(result[4], spec)
        observations.append(_checked(observation, spec, "step"))
        rewards.append(float(reward))
        if terminated or truncated:
            count += 1
            observations.append(
                _checked(_reset(env, seed + 1000 * count), spec, "reset")
            )
    return np.array(observations), np.array(rewards)


def _require_terms(info: Any, spec: FlatSpec) -> None:
    """An environment that names `reward_terms` must report them at every step."""
    if not spec.terms:
        return
    found = np.asarray(info.get("reward_terms", ()), np.float64)
    if found.shape != (len(spec.terms),) or not np.isfinite(found).all():
        refuse(
            f'info["reward_terms"] must hold {len(spec.terms)} finite numbers, since '
            "the environment has the attribute reward_terms",
            f"{found}",
            "return one number per term, or remove the attribute",
        )


def _random_action(spec: FlatSpec, rng: np.random.Generator) -> np.ndarray:
    if spec.low is None or spec.high is None:
        return rng.standard_normal(spec.action_dim, np.float32)
    return rng.uniform(spec.low, spec.high).astype(np.float32)


def _reset(env: gym.Env, seed: int) -> Any:
    try:
        result = env.reset(seed=seed)
    except TypeError as error:
        refuse(
            "reset must take seed= and return (observation, info)",
            f"a TypeError ({error})",
            "follow gymnasium's reset(*, seed=None, options=None)",
        )
    if not (isinstance(result, tuple) and len(result) == 2):
        refuse(
            "reset must return (observation, info)",
            type(result).__name__,
            "return an info dictionary too",
        )
    return result[0]


def _checked(observation: Any, spec: FlatSpec, method: str) -> np.ndarray:
    if isinstance(observation, dict):
        parts = [np.asarray(observation[name]) for name in sorted(observation)]
        observation = np.concatenate(parts)
    observation = np.asarray(observation, np.float64)
    if observation.shape != (spec.obs_dim,):
        refuse(
            f"{method} must return the {spec.obs_dim} numbers of its observation space",
            f"{list(observation.shape)}",
            "correct the space or the observation",
        )
    if not np.isfinite(observation).all():
        refuse(
            "observations must be finite",
            f"others after {method}",
            "look for a division by zero or an unstable simulation",
        )
    return observation
