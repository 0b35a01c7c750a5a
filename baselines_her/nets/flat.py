"""Tensors as one vector, so that workers exchange them in one message."""

import math

import tensorflow as tf


def flatten(tensors):
    """Joins tensors of any shapes to one vector."""
    return tf.concat([tf.reshape(x, [-1]) for x in tensors], axis=0)


def unflatten(vector, like):
    """Cuts a vector into tensors of the shapes of `like`."""
    sizes = [math.prod(x.shape) for x in like]
    parts = tf.split(vector, sizes)
    return [tf.reshape(part, x.shape) for part, x in zip(parts, like)]
