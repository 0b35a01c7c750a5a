"""Diagonal Gaussians over actions: functions of values.

Per-row numbers are [B]: a sum over the action's own dimensions, never [B, A].
"""

import math

import tensorflow as tf

HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


def log_prob(action, mean, log_std):
    """log pi(u) = -sum_A ((u - mean) / std)^2 / 2 + log std + log(2 pi) / 2, [B].

    Args:
      action: [B, A].
      mean: [B, A].
      log_std: [A], or [B, A] if it depends on the state.
    """
    z = (action - mean) * tf.exp(-log_std)
    return -tf.reduce_sum(0.5 * tf.square(z) + log_std + HALF_LOG_2PI, axis=1)


def entropy(mean, log_std):
    """sum_A log std + log(2 pi e) / 2, [B].

    Args:
      mean: [B, A]; only its number of rows matters.
      log_std: [A] or [B, A].
    """
    return tf.reduce_sum(log_std + 0.5 + HALF_LOG_2PI + 0.0 * mean, axis=1)


def kl_divergence(old_mean, old_log_std, mean, log_std):
    """KL(old || new) of diagonal Gaussians, [B].

    sum_A log(std / old_std) + (old_std^2 + (old_mean - mean)^2) / (2 std^2) - 1/2.
    """
    variance, old_variance = tf.exp(2.0 * log_std), tf.exp(2.0 * old_log_std)
    distance = old_variance + tf.square(old_mean - mean)
    return tf.reduce_sum(
        log_std - old_log_std + distance / (2.0 * variance) - 0.5, axis=1
    )
