"""Counters of HER's checkpoints: could a run with these settings have left them?"""

from typing import Any

from ..runs.foreign import printable
from ..settings.her import HERConfig
from ..types import Arrays
from .state import MOST, refusal

COUNTERS = "n_cycles", "n_episodes", "n_updates", "n_skipped"


def require_counters(
    facts: dict[str, Any], arrays: Arrays, config: HERConfig, n_added: int
) -> None:
    """Refuses counters that contradict each other, the settings or the arrays.

    Args:
      facts: holds the counters.
      arrays: of the learner.
      config: resolved.
      n_added: episodes that this worker's replay buffer was given.

    Raises:
      ValueError: names the first of them.
    """
    for name in COUNTERS:
        if type(facts[name]) is not int or not 0 <= facts[name] < MOST:
            raise refusal(name, f"which is {printable(facts[name], 100)}")
    cycles, episodes, updates, _ = (facts[name] for name in COUNTERS)
    submitted = cycles * config.collect.num_env  # of each worker
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
