"""Checks that a run with these settings could have left a checkpoint's arrays."""

import numpy as np

from ..runs.foreign import printable
from ..types import Arrays

MOST = 10**12  # of any counter
LARGEST = 3.4e38  # of any number: where float32 ends


def part_of(arrays: Arrays, prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin with `prefix`, without it."""
    named = ((k.removeprefix(prefix), k) for k in arrays if k.startswith(prefix))
    return {short: arrays[k] for short, k in named}


def require_like(arrays: Arrays, wanted: Arrays) -> None:
    """Refuses arrays of other names or shapes than `wanted`, or of impossible numbers.

    Raises:
      ValueError: names the first of them.
    """
    require_finite(arrays)
    odd = sorted({*arrays} ^ {*wanted})
    both = {*arrays} & {*wanted}
    odd += [name for name in both if arrays[name].shape != wanted[name].shape]
    rows = [name for name in arrays if name.endswith("/n_rows")]
    odd += [name for name in rows if not (arrays[name] == 0 or arrays[name] >= 1)]
    if odd:
        raise refusal(odd[0], "which does not fit the settings")


def require_finite(arrays: Arrays) -> None:
    """Refuses numbers that are not finite, or beyond all that float32 can hold.

    Raises:
      ValueError: names the first array that holds one.
    """
    for name, array in arrays.items():
        if not (np.abs(array) < LARGEST).all():
            raise refusal(name, "with numbers that are not finite")


def refusal(name: str, what: str) -> ValueError:
    return ValueError(
        "a checkpoint must hold what a run with its settings could leave, found "
        f"{printable(name, 100)}, {what}.  Remove the folder `checkpoint` to start "
        "again."
    )
