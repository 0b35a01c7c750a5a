"""Checks that a run with these settings could have left a checkpoint's counters."""

from typing import Any

from ..runs.foreign import printable
from ..settings.hac import HACConfig
from ..settings.her import HERConfig
from ..types import Arrays
from .state import MOST, refusal

COUNTERS = "n_cycles", "n_episodes", "n_updates", "n_skipped"


def require_counters(
    facts: dict[str, Any], arrays: Arrays, config: HERConfig | HACConfig, n_added: int
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
            raise refusal(name, f"which is {printable(facts[name], 100)}")
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
            raise refusal(name, f"which is {found} after {cycles} cycles")
