"""TensorFlow's side: losses, networks, optimiser.

TensorFlow prints to stderr when it is imported and when it first looks for devices (a
machine without a GPU gets "failed call to cuInit"); both happen here first, silently.
"""

from ..quiet import quiet_stderr

with quiet_stderr():
    import tensorflow as tf

    tf.config.list_physical_devices()

__all__ = ["tf"]
