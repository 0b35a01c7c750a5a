"""Environments of one process that are stepped together.

Most are stepped one after the other.  An environment may offer more: a method
`together(n)` that returns a `Group` of n of its kind, which computes with arrays of n.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np

from ..envs.faults import Place
from ..envs.make import EnvFactory
from ..envs.state import Simulated
from ..rollout import flat
from ..types import FlatSpec

PlaceOf = Callable[[int], Place]  # which episode an environment is in
# Wrappers that a group may leave out: its environments check themselves.
OMITTED = Simulated, gym.wrappers.OrderEnforcing, gym.wrappers.PassiveEnvChecker


class Outcome(NamedTuple):
    """A step of n environments."""

    obs: Any  # [n, O] what followed
    reward: Any  # [n]
    terminated: Any  # [n] bool
    truncated: Any  # [n] bool, terminated or not
    terms: Any  # [n, K] of the reward; K may be 0


class Group(Protocol):
    """Some environments of one kind.  Their episodes know nothing of each other."""

    def reset(self, i: int, seed: int) -> np.ndarray:
        """Begins an episode of environment i; returns its observation, [O]."""

    def step(self, some: Sequence[int], actions: np.ndarray) -> Outcome:
        """Takes one step with some of the environments; `actions` is [n, A]."""

    def close(self) -> None:
        """Closes them."""


class Separate:
    """Environments that are stepped one after the other."""

    def __init__(self, envs: list[gym.Env], spec: FlatSpec, place_of: PlaceOf):
        self._envs, self._spec, self._place_of = envs, spec, place_of
        self._lengths = [0] * len(envs)

    def reset(self, i: int, seed: int) -> np.ndarray:
        """Begins an episode of environment i; returns its observation."""
        call = self._place_of(i).call
        observation, _ = call(0, self._envs[i].reset, seed=seed)
        self._lengths[i] = 0
        return flat(observation)

    def step(self, some: Sequence[int], actions: np.ndarray) -> Outcome:
        """Takes one step with some of the environments."""
        return Outcome(*zip(*(self._step(i, a) for i, a in zip(some, actions))))

    def close(self) -> None:
        """Closes the environments."""
        for env in self._envs:
            env.close()

    def _step(self, i: int, action: np.ndarray) -> tuple[Any, ...]:
        t = self._lengths[i]
        result = self._place_of(i).call(t, self._envs[i].step, action.copy())
        observation, reward, terminated, truncated, info = result
        self._lengths[i] = t + 1
        terms = info["reward_terms"] if self._spec.terms else ()
        return flat(observation), reward, terminated, truncated, terms


def group_of(factory: EnvFactory, spec: FlatSpec, n: int, place_of: PlaceOf) -> Group:
    """n environments, in the group that their kind offers if it offers one.

    Args:
      factory: builds one environment.
      spec: its dimensions.
      n: how many.
      place_of: the episode that each of them is in, for messages.
    """
    first = factory()
    inner: Any = first
    while isinstance(inner, OMITTED):
        inner = inner.env
    if inner is first.unwrapped and hasattr(inner, "together"):
        first.close()
        return inner.together(n)
    return Separate([first, *(factory() for _ in range(n - 1))], spec, place_of)
