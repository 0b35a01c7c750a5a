"""The two networks: plain multi-layer perceptrons as tf.Modules.

Andrychowicz et al. 2017 (arXiv:1707.01495), appendix A: ReLU hidden layers, tanh
on the actor's output, a linear critic.  Weights are drawn by NumPy, so the same
seed gives the same network under any version of TensorFlow.
"""

import itertools

import numpy as np
import tensorflow as tf

from ..acting.names import layer_names

NORM_EPS = 1e-5


class MLP(tf.Module):
    """ReLU hidden layers and a linear output; Glorot-uniform kernels, zero biases."""

    def __init__(
        self,
        sizes: list[int],
        rng: np.random.Generator,
        name: str,
        normalise: bool = False,
    ):
        """Draws the weights.

        Args:
          sizes: widths from input to output.
          rng: draws the kernels, first layer first.
          name: prefix of the variables' names.
          normalise: hidden layers pass through `layer_norm` before their ReLU.
        """
        super().__init__(name=name)
        self._before_relu = layer_norm if normalise else tf.identity
        self.layers = []
        for n, (rows, columns) in enumerate(itertools.pairwise(sizes)):
            limit = np.sqrt(6.0 / (rows + columns))
            kernel = rng.uniform(-limit, limit, (rows, columns)).astype(np.float32)
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
            x = tf.nn.relu(self._before_relu(tf.matmul(x, kernel) + bias))
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
