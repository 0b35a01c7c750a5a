"""Checks that a run with these settings could have left a checkpoint."""

from typing import Any

import numpy as np

from ..runs.foreign import printable
from ..settings.her import HERConfig
from ..types import Arrays

COUNTERS = "n_cycles", "n_episodes", "n_updates", "n_skipped"
MOST = 10**12  # of any counter
LARGEST = 3.4e38  # of any number: the limit of float32


def require_like(arrays: Arrays, wanted: Arrays) -> None:
    """Refuses arrays whose names or shapes differ from `wanted`, or impossible numbers.

    Raises:
      ValueError: names the first one.
    """
    require_finite(arrays)
    odd = sorted({*arrays} ^ {*wanted})
    both = {*arrays} & {*wanted}
    odd += [name for name in both if arrays[name].shape != wanted[name].shape]
    rows = [name for name in arrays if name.endswith("/n_rows")]
    odd += [name for name in rows if not (arrays[name] == 0 or arrays[name] >= 1)]
    if odd:
        raise _refusal(odd[0], "which does not fit the settings")


def require_finite(arrays: Arrays) -> None:
    """Refuses numbers that are not finite or too large for float32.

    Raises:
      ValueError: names the first array that holds one.
    """
    for name, array in arrays.items():
        if not (np.abs(array) < LARGEST).all():
            raise _refusal(name, "with numbers that are not finite")


def require_counters(
    facts: dict[str, Any], arrays: Arrays, config: HERConfig, n_added: int
) -> None:
    """Refuses counters that contradict each other, the settings or the arrays.

    Args:
      facts: holds the counters.
      arrays: the learner's arrays.
      config: the resolved settings.
      n_added: episodes added to this worker's replay buffer so far.

    Raises:
      ValueError: names the first one.
    """
    for name in COUNTERS:
        if type(facts[name]) is not int or not 0 <= facts[name] < MOST:
            raise _refusal(name, f"which is {printable(facts[name], 100)}")
    cycles, episodes, updates, _ = (facts[name] for name in COUNTERS)
    submitted = cycles * config.collect.num_env  # by each worker
    steps = [int(arrays[f"adam/{name}/step"]) for name in ("actor", "critic")]
    agrees = {
        "n_episodes": max(submitted, n_added) <= episodes,
        "n_updates": {updates, *steps} == {cycles * config.ddpg.n_batches},
        "flights": facts["flights"] in ([], [submitted]),
    }
    for name, holds in agrees.items():
        if not holds:
            found = printable(facts[name], 100)
            raise _refusal(name, f"which is {found} after {cycles} cycles")


def _refusal(name: str, what: str) -> ValueError:
    return ValueError(
        "a checkpoint must hold what a run with its settings could leave, found "
        f"{printable(name, 100)}, {what}.  Remove the folder `checkpoint` to start "
        "again."
    )
