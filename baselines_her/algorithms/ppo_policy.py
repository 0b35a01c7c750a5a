"""PPO's policy files: the arrays in them, and how to act with them."""

from typing import Any

import gymnasium as gym
import numpy as np

from ..acting.ppo_arrays import policy, shapes
from ..types import FlatSpec

MAX_DIM, MAX_TERMS = 100_000, 1000
__all__ = ["fit", "policy", "read_spec", "shapes"]


def read_spec(fields: dict[str, Any]) -> FlatSpec:
    """The spec in a policy file's header.

    Raises:
      ValueError: the environment check could not have produced it.
    """
    limits = {k: fields[k] and tuple(fields[k]) for k in ("low", "high")}
    terms = tuple(fields.get("terms", ()))
    spec = FlatSpec(**{**fields, **limits, "terms": terms})
    dims = spec.obs_dim, spec.action_dim
    if not all(type(d) is int and 0 < d <= MAX_DIM for d in dims):
        raise ValueError(f"its dimensions must be 1 to {MAX_DIM}, found {dims}")
    if not isinstance(spec.env_id, str):
        raise ValueError("its environment id must be text")
    if len(terms) > MAX_TERMS or not all(isinstance(term, str) for term in terms):
        raise ValueError(f"its reward terms must be at most {MAX_TERMS} names")
    horizon = spec.horizon
    if horizon is not None and not (type(horizon) is int and 0 < horizon < 10**9):
        raise ValueError(f"its horizon must be a whole number, found {horizon!r}")
    if (spec.low is None) != (spec.high is None):
        raise ValueError("its action limits must have both ends")
    if spec.low is not None and spec.high is not None:
        low, high = np.array(spec.low, float), np.array(spec.high, float)
        fits = low.shape == high.shape == (spec.action_dim,)
        if not (fits and np.isfinite([low, high]).all() and (low < high).all()):
            raise ValueError(
                "its action limits must be finite, with the lower one first"
            )
    return spec


def fit(spec: FlatSpec, env: gym.Env, env_id: str) -> FlatSpec:
    """The spec with which a policy plays in `env`.

    Raises:
      ValueError: the environment's dimensions differ from the policy's.
    """
    actions = env.action_space
    n_actions = int(np.prod(actions.shape)) if actions.shape else 0
    found = gym.spaces.flatdim(env.observation_space), n_actions
    wanted = spec.obs_dim, spec.action_dim
    if not isinstance(actions, gym.spaces.Box) or found != wanted:
        raise ValueError(
            f"the policy of {spec.env_id} has {wanted} observations and actions, but "
            f"{env_id} has {found}.  Play it in the one it was trained in."
        )
    limit = getattr(env.spec, "max_episode_steps", None) or spec.horizon
    return spec._replace(env_id=env_id, horizon=limit)
