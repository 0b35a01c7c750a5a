"""Acting with a Gaussian policy, in NumPy, for all environments of a step at once.

Greedy by default (the mean); `stochastic` draws, as training does.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .chain import Chain, Clip, First, Normalise, Step, Stretch, dense_steps
from .names import Layers
from .normalizer import Moments

VARIANCE_EPS = 1e-8


class Inputs(NamedTuple):
    """What observations go through: x = clip((obs - mean) / deviation, +- limit)."""

    mean: np.ndarray  # [O] float32
    deviation: np.ndarray  # [O] float32
    limit: float


def deviation(total: Moments) -> np.ndarray:
    """sqrt(variance + 1e-8) of everything seen so far, [D] float64; 1 for nothing."""
    if total.n_rows == 0:
        return np.ones_like(total.sum)
    mean = total.sum / total.n_rows
    variance = np.maximum(total.sumsq / total.n_rows - np.square(mean), 0.0)
    return np.sqrt(variance + VARIANCE_EPS)


class GaussianPolicy:
    """u = mean(x) + std(x) eps; the environment's action lies within its limits.

    Attributes:
      inputs: the scaling of observations.
      header: what its file says about the policy; empty during training.
    """

    def __init__(
        self,
        layers: Layers,
        log_std: np.ndarray | None,
        inputs: Inputs,
        limits: tuple[np.ndarray, np.ndarray] | None,
        activation: str = "tanh",
        squash_mean: bool = False,
        stochastic: bool = False,
        state_std: tuple[float, float] = (0.0, -20.0),
        header: Mapping[str, Any] | None = None,
    ):
        """Takes a snapshot.

        Args:
          layers: from the observation to the mean; if `log_std` is None, to the mean
            and the logarithm of the deviation, side by side.
          log_std: [A], or None if it depends on the state.
          inputs: scaling of observations.
          limits: of the environment's actions, [A] each, or None.
          activation: of the hidden layers.
          squash_mean: the mean passes through tanh.
          stochastic: draw instead of taking the mean.
          state_std: if `log_std` is None: what is added to the network's output for
            it, and its smallest value.
          header: the one of the policy's file.
        """
        self._layers, self._log_std, self.inputs = layers, log_std, inputs
        self._limits, self._squash = limits, squash_mean
        self._kind, self._activation = activation, ACTIVATIONS[activation]
        self._is_stochastic, self._state_std = stochastic, state_std
        self.header = dict(header or {})

    def distribution(self, obs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean [N, A] and log_std ([A], or [N, A]) at observations [N, O]."""
        mean, deviation, limit = self.inputs
        x = (obs - mean) / deviation
        x = np.minimum(np.maximum(x, -limit), limit)
        for kernel, bias in self._layers[:-1]:
            x = self._activation(x @ kernel + bias)
        kernel, bias = self._layers[-1]
        x, log_std = x @ kernel + bias, self._log_std
        if log_std is None:
            x, log_std = np.split(x, 2, axis=-1)
            first, least = self._state_std
            log_std = np.maximum(log_std + np.float32(first), np.float32(least))
        return np.tanh(x) if self._squash else x, log_std

    def draw(self, obs: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """u = mean + std noise, [N, A] float32, not clipped."""
        mean, log_std = self.distribution(obs)
        return mean + np.exp(log_std) * noise

    def scaled(self, u: np.ndarray) -> np.ndarray:
        """The environment's action for u: [-1, 1] stretched to its limits."""
        if self._limits is None:
            return u
        low, high = self._limits
        u = np.minimum(np.maximum(u, -1.0), 1.0)
        return (low + (high - low) * (u + 1.0) * 0.5).astype(np.float32, copy=False)

    def act_all(self, obs: np.ndarray) -> np.ndarray:
        """The greedy actions [N, A] at observations [N, O]."""
        return self.scaled(self.distribution(obs)[0])

    def chain(self) -> Chain:
        """What the greedy policy computes, for exports."""
        mean, deviation, limit = self.inputs
        dense = dense_steps(
            self._layers, self._kind, "tanh" if self._squash else "none"
        )
        steps: list[Step] = [Normalise(mean, deviation), Clip(limit), *dense]
        if self._log_std is None:  # the mean is the first half of the outputs
            steps.append(First(len(dense[-1].bias) // 2))
        if self._limits is not None:
            steps.append(Stretch(*self._limits))
        return Chain({"observation": len(mean)}, False, tuple(steps), as_rows=True)

    def start(self, rng: np.random.Generator):
        """Begins an episode: a function from an observation [O] to an action [A]."""

        def act(obs: np.ndarray) -> np.ndarray:
            rows = obs[None].astype(np.float32, copy=False)
            if not self._is_stochastic:
                return self.act_all(rows)[0]
            mean, _ = self.distribution(rows)
            noise = rng.standard_normal(mean.shape, np.float32)
            return self.scaled(self.draw(rows, noise))[0]

        return act

    def __call__(self, observation: Any) -> np.ndarray:
        """The greedy action [A] for an environment's observation."""
        if isinstance(observation, dict):
            parts = [observation[name] for name in sorted(observation)]
            observation = np.concatenate(parts)
        return self.act_all(np.asarray(observation, np.float32)[None])[0]


def elu(x: np.ndarray) -> np.ndarray:
    """x where it is positive, else exp(x) - 1."""
    return np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0)))


def relu(x: np.ndarray) -> np.ndarray:
    """x where it is positive, else 0."""
    return np.maximum(x, 0.0)


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "relu": relu,
    "elu": elu,
}
