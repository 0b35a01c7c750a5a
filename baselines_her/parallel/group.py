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
    """Environments of one kind.  Their episodes know nothing of each other."""

    def reset(self, i: int, seed: int) -> np.ndarray:
        """Begins an episode of environment i; returns its observation, [O]."""

    def step(self, some: Sequence[int], actions: np.ndarray) -> Outcome:
        """Takes one step with some of the environments; `actions` is [len(some), A]."""

    def metrics(self, i: int) -> dict[str, float]:
        """What the episode of environment i has been like.

        That is its `info["metrics"]`, and `success` if the environment reports one.
        """

    def close(self) -> None:
        """Closes them."""


class Together:
    """The environments of a `Group`, which write their outcomes into given arrays."""

    def __init__(self, group: Group):
        self._group = group
        self.reset, self.close = group.reset, group.close

    def step(self, some: Sequence[int], actions: np.ndarray, out: Outcome) -> None:
        """Takes one step with some of the environments.

        Args:
          some: their numbers.
          actions: [n, A] of all.
          out: arrays of all, whose rows `some` are written.
        """
        rows = slice(None) if len(some) == len(actions) else list(some)
        for array, values in zip(out, self._group.step(some, actions[rows])):
            array[rows] = values


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

    def step(self, some: Sequence[int], actions: np.ndarray, out: Outcome) -> None:
        """Takes one step with some of the environments; see `Together.step`."""
        for i in some:
            t = self._lengths[i]
            result = self._place_of(i).call(t, self._envs[i].step, actions[i].copy())
            observation, reward, terminated, truncated, info = result
            out.obs[i], out.reward[i] = flat(observation), reward
            out.terminated[i], out.truncated[i] = terminated, truncated
            if self._spec.terms:
                out.terms[i] = info["reward_terms"]
            self._lengths[i] = t + 1

    def close(self) -> None:
        """Closes the environments."""
        for env in self._envs:
            env.close()


def environments(
    factory: EnvFactory, spec: FlatSpec, n: int, place_of: PlaceOf
) -> Together | Separate:
    """n environments, in the group that their kind offers if it offers one.

    Args:
      factory: builds one environment.
      spec: its dimensions.
      n: how many.
      place_of: the episode that each of them is in, for messages.
    """
    first = factory()
    group = group_of(first, n)
    if group is not None:
        first.close()
        return Together(group)
    return Separate([first, *(factory() for _ in range(n - 1))], spec, place_of)


def group_of(env: gym.Env, n: int) -> Group | None:
    """The group of n that an environment's kind offers, or None.

    One in a wrapper that may change what happens offers none.
    """
    inner: Any = env
    while isinstance(inner, OMITTED):
        inner = inner.env
    if inner is env.unwrapped and hasattr(inner, "together"):
        return inner.together(n)
    return None
