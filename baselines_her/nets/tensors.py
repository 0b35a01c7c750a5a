"""Helpers of the compiled programs: check, join and split tensors."""

import math

import numpy as np
import tensorflow as tf


def all_finite(*lists):
    """[] bool: every number of every tensor in the lists is finite."""
    checks = [tf.reduce_all(tf.math.is_finite(x)) for part in lists for x in part]
    return tf.reduce_all(tf.stack(checks))


def require_applied(applied: np.ndarray, terms: dict[str, np.ndarray]) -> None:
    """Raises an error if an update of a cycle was not finite.

    Args:
      applied: [K] bool, whether each update was applied.
      terms: [K] each, the terms of the losses.

    Raises:
      RuntimeError: names the update and the terms.
    """
    if applied.all():
        return
    k = int(np.argmin(applied))
    bad = [name for name, values in terms.items() if not np.isfinite(values[k])]
    raise RuntimeError(
        f"update {k + 1} of {len(applied)} in this cycle must have finite losses and "
        f"gradients, but {', '.join(bad) or 'a gradient'} is not; it was not applied, "
        "nor were later ones.  Lower --Q_lr and --pi_lr, or check the environment's "
        "observations and rewards."
    )


def flatten(tensors):
    """Joins tensors of any shapes into one vector."""
    return tf.concat([tf.reshape(x, [-1]) for x in tensors], axis=0)


def unflatten(vector, like):
    """Splits a vector into tensors with the shapes of `like`."""
    sizes = [math.prod(x.shape) for x in like]
    parts = tf.split(vector, sizes)
    return [tf.reshape(part, x.shape) for part, x in zip(parts, like)]
