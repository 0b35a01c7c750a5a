"""Acting, in NumPy: a snapshot of the actor.

It acts on one observation at a time, so an action's bits do not depend on how many
environments are stepped together.  A step takes microseconds; a TensorFlow call would
take a hundred.  Every actor has a method `start(rng) -> act(obs, achieved, goal)`.
"""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..settings.her import InputConfig
from ..types import Act
from .chain import Chain, Clip, Normalise, Scale, dense_steps
from .names import Layers, layer_arrays, layers_from
from .normalizer import Stats


class Policy:
    """The greedy policy pi(obs, goal) = max_action * tanh(MLP(inputs)).

    Attributes:
      header: what its file says about the policy (environment, config, versions,
        steps, success); empty during training.
    """

    def __init__(
        self,
        layers: Layers,
        obs_stats: Stats,
        goal_stats: Stats,
        max_action: tuple[float, ...],
        inputs: InputConfig,
        header: Mapping[str, Any] | None = None,
    ):
        self._layers, self._goal_dim = layers, len(goal_stats.mean)
        self._mean = np.concatenate([obs_stats.mean, goal_stats.mean])
        self._std = np.concatenate([obs_stats.std, goal_stats.std])
        self._max_action = np.array(max_action, np.float32)
        self._inputs = inputs
        self.header = dict(header or {})

    def act(self, obs, achieved, goal) -> np.ndarray:
        """The greedy action [A] (or [N, A] for rows), float32.

        Args:
          obs: [O] or [N, O].
          achieved: [G] or [N, G], used only with `relative_goals` or `see_achieved`.
          goal: [G] or [N, G].
        """
        config = self._inputs
        goal = goal - achieved if config.relative_goals else goal
        parts = [obs, achieved, goal] if config.see_achieved else [obs, goal]
        x = np.concatenate(parts, axis=-1).astype(np.float32, copy=False)
        x = clip(x, config.clip_obs)
        x = clip((x - self._mean) / self._std, config.norm_clip)
        for kernel, bias in self._layers[:-1]:
            x = np.maximum(x @ kernel + bias, 0.0)
        kernel, bias = self._layers[-1]
        return np.tanh(x @ kernel + bias) * self._max_action

    @property
    def input_mean(self) -> np.ndarray:
        """The mean of observations and goals so far, [O + G]."""
        return self._mean

    def chain(self) -> Chain:
        """What `act` computes, for exports."""
        config, n_goal = self._inputs, self._goal_dim
        seen = {"achieved_goal": n_goal} if config.see_achieved else {}
        n_obs = len(self._mean) - n_goal - sum(seen.values())
        return Chain(
            {"observation": n_obs, **seen, "desired_goal": n_goal},
            config.relative_goals,
            (
                Clip(config.clip_obs),
                Normalise(self._mean, self._std),
                Clip(config.norm_clip),
                *dense_steps(self._layers, "relu", "tanh"),
                Scale(self._max_action),
            ),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The weights and statistics that the policy uses, for `with_arrays`."""
        statistics = {"mean": self._mean, "std": self._std}
        return statistics | layer_arrays("", self._layers)

    def with_arrays(self, arrays: Mapping[str, np.ndarray]) -> "Policy":
        """This policy with other weights and statistics."""
        other = copy.copy(self)
        other._mean, other._std = arrays["mean"], arrays["std"]
        other._layers = layers_from(arrays, "", len(self._layers))
        return other

    def start(self, rng: np.random.Generator) -> Act:
        """Begins an episode; the greedy policy needs no randomness."""
        return self.act

    def __call__(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """The greedy action for an environment's observation dictionary."""
        return self.act(
            np.asarray(observation["observation"], np.float32),
            np.asarray(observation["achieved_goal"], np.float32),
            np.asarray(observation["desired_goal"], np.float32),
        )


def clip(x, limit):
    """`x` clipped to +- limit; two ufuncs cost a third of `np.clip`."""
    return np.minimum(np.maximum(x, -limit), limit)
