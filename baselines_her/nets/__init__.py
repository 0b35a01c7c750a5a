"""TensorFlow's side: losses, networks, optimiser.

TensorFlow prints to stderr when it is imported; it is imported here first, silently.
"""

from ..quiet import quiet_stderr

with quiet_stderr():
    import tensorflow as tf

__all__ = ["tf"]
