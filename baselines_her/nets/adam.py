"""Adam with accessible moments, so that they can be saved and compared.

Kingma & Ba 2015 (arXiv:1412.6980), algorithm 1 in the form at the end of section 2:
the bias corrections are part of the step size.
"""

import tensorflow as tf


class Adam(tf.Module):
    """Step: theta -= scale lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)."""

    def __init__(
        self,
        variables: list[tf.Variable],
        learning_rate: float,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        super().__init__(name="adam")
        self.variables_ = variables
        self.learning_rate, self.epsilon = learning_rate, epsilon
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.step = tf.Variable(0, dtype=tf.int64, name="step")
        self.first = [tf.Variable(tf.zeros_like(v)) for v in variables]
        self.second = [tf.Variable(tf.zeros_like(v)) for v in variables]

    def apply(self, gradients, applies, scale=1.0) -> None:
        """Takes one step, or none if `applies` is false.

        Args:
          gradients: one for each variable.
          applies: [] bool tensor; gradients that are not finite must not change
            variables or moments.
          scale: factor of the learning rate; [] float32 tensor or number.
        """
        step = self.step + tf.cast(applies, tf.int64)
        t = tf.cast(tf.maximum(step, 1), tf.float32)
        rate = (
            (scale * self.learning_rate)
            * tf.sqrt(1.0 - tf.pow(self.beta_2, t))
            / (1.0 - tf.pow(self.beta_1, t))
        )
        self.step.assign(step)
        for variable, m, v, g in zip(
            self.variables_, self.first, self.second, gradients
        ):
            new_m = self.beta_1 * m + (1.0 - self.beta_1) * g
            new_v = self.beta_2 * v + (1.0 - self.beta_2) * tf.square(g)
            new = variable - rate * new_m / (tf.sqrt(new_v) + self.epsilon)
            variable.assign(tf.where(applies, new, variable))
            m.assign(tf.where(applies, new_m, m))
            v.assign(tf.where(applies, new_v, v))
