"""The TensorFlow part: losses, networks, optimiser.

TensorFlow prints to stderr when it is imported and when it first looks for devices (a
machine without a GPU gets "failed call to cuInit"); both happen here first, silently.
"""

from ..quiet import quiet_stderr
from ..versions import available_cores

try:
    with quiet_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()
except ModuleNotFoundError as error:
    raise RuntimeError(
        f"training needs TensorFlow, which cannot be imported ({error}).  Run: pip "
        "install 'tensorflow>=2.16,<2.22'"
    ) from None

__all__ = ["tf", "use_threads"]


def use_threads(n: int) -> None:
    """Makes the compiled programs use `n` threads.

    The sums of large batches depend on this number, so equal runs need equal numbers.
    TensorFlow accepts it only once per process.

    Raises:
      ValueError: TensorFlow already uses another number.
    """
    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads() == n:
        return
    try:
        threading.set_intra_op_parallelism_threads(n)
    except RuntimeError:
        found = threading.get_intra_op_parallelism_threads() or available_cores()
        if found == n:
            return
        raise ValueError(
            f"learner_threads must stay the same within one process, found {n} after "
            f"{found}.  Start a new process."
        ) from None
