"""Multi-layer perceptrons as tf.Modules.

NumPy draws the weights, so the same seed gives the same network with any version of
TensorFlow.  Andrychowicz et al. 2017 (arXiv:1707.01495), appendix A, for DDPG: ReLU
hidden layers, tanh on the actor's output, a linear critic.
"""

import itertools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ..acting.names import layer_names

NORM_EPS = 1e-5
ACTIVATIONS = {"tanh": tf.tanh, "relu": tf.nn.relu, "elu": tf.nn.elu}

Draw = Callable[[np.random.Generator, int, int, bool], np.ndarray]


def glorot_uniform(
    rng: np.random.Generator, rows: int, columns: int, is_last: bool
) -> np.ndarray:
    """A kernel [rows, columns], uniform within sqrt(6 / (rows + columns))."""
    limit = np.sqrt(6.0 / (rows + columns))
    return rng.uniform(-limit, limit, (rows, columns))


def orthogonal(last_gain: float, gain: float = float(np.sqrt(2.0))) -> Draw:
    """Draws orthogonal kernels (Saxe et al. 2014); the last one has its own gain."""

    def draw(
        rng: np.random.Generator, rows: int, columns: int, is_last: bool
    ) -> np.ndarray:
        tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(tall)
        q *= np.sign(np.diag(r))  # makes the draw uniform
        kernel = q if rows >= columns else q.T
        return (last_gain if is_last else gain) * kernel

    return draw


class MLP(tf.Module):
    """Hidden layers and a linear output; zero biases."""

    def __init__(
        self,
        sizes: list[int],
        rng: np.random.Generator,
        name: str,
        normalise: bool = False,
        activation: str = "relu",
        draw: Draw = glorot_uniform,
    ):
        """Draws the weights.

        Args:
          sizes: widths from input to output.
          rng: draws the kernels, those of the first layer first.
          name: prefix of the variables' names.
          normalise: hidden layers pass through `layer_norm` before their activation.
          activation: of the hidden layers.
          draw: makes the kernels.
        """
        super().__init__(name=name)
        self._before = layer_norm if normalise else tf.identity
        self._activation = ACTIVATIONS[activation]
        self.layers = []
        for n, (rows, columns) in enumerate(itertools.pairwise(sizes)):
            is_last = n == len(sizes) - 2
            kernel = draw(rng, rows, columns, is_last).astype(np.float32)
            bias = np.zeros(columns, np.float32)
            kernel_name, bias_name = layer_names(name, n)
            self.layers.append(
                (
                    tf.Variable(kernel, name=kernel_name),
                    tf.Variable(bias, name=bias_name),
                )
            )

    def __call__(self, x):
        """[B, sizes[0]] -> [B, sizes[-1]]."""
        for kernel, bias in self.layers[:-1]:
            x = self._activation(self._before(tf.matmul(x, kernel) + bias))
        kernel, bias = self.layers[-1]
        return tf.matmul(x, kernel) + bias

    @property
    def weights(self) -> list[tf.Variable]:
        """Kernel and bias of each layer, first layer first."""
        return [variable for layer in self.layers for variable in layer]


def layer_norm(x):
    """Each row of x [B, H] shifted and scaled to mean 0 and variance 1.

    Ba et al. 2016 (arXiv:1607.06450), eq. 3, without gain and bias.
    """
    mean, variance = tf.nn.moments(x, axes=[1], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + NORM_EPS)


def unit_action(actor: MLP, x):
    """The actor's actions [B, A] at inputs [B, O+G], in units of their limits."""
    return tf.tanh(actor(x))


def q_value(critic: MLP, x, action):
    """The critic's values [B] at inputs [B, O+G] and unit actions [B, A]."""
    return critic(tf.concat([x, action], axis=1))[:, 0]
