"""Checks the facts in a checkpoint (all but arrays) before a run continues."""

import math
from typing import Any

from ..algorithms import entry
from ..config import Config
from ..types import Algorithm
from .json_file import require_kinds

KINDS = {"config": dict, "versions": dict, "counters": dict, "epochs": dict}
LARGEST = 10**15  # largest number of steps or seconds


def require_facts(
    facts: Any, algorithm: Algorithm, config: Config, columns: set[str]
) -> None:
    """Refuses facts that are incomplete, of the wrong type or impossible.

    The algorithm checks the counters itself.

    Args:
      facts: of the checkpoint.
      algorithm: of the run that continues.
      config: its settings.
      columns: the names that its rows may have.

    Raises:
      ValueError: the message says what is wrong.
    """
    require_kinds(facts, KINDS, "its facts")
    if not all(isinstance(text, str) for text in facts["versions"].values()):
        raise ValueError("its versions must be text")
    if "learner_threads" not in facts["config"]:
        raise ValueError("its settings must hold learner_threads")
    epochs = facts["epochs"]
    require_kinds(epochs, {"rows": list, "cycles": list}, "its epochs")
    _require_number("its seconds", epochs["seconds"])
    if not 0 <= epochs["seconds"] <= LARGEST:
        raise ValueError(f"its seconds must be 0 or more, found {epochs['seconds']}")
    algorithm_entry = entry(config.run.alg)
    needed = {"epoch", "steps/env", algorithm_entry.score}
    for n, row in enumerate(epochs["rows"]):
        _require_row(row, columns, needed)
        if row["epoch"] != n or not 0 <= row["steps/env"] <= LARGEST:
            raise ValueError(f"row {n} is of another epoch or step")
    of_epochs = {"epoch", "time/total", *algorithm.status()}
    own = {name for name in columns - of_epochs if not name.startswith("test/")}
    if len(epochs["cycles"]) > config.loop.n_cycles:
        raise ValueError(f"an epoch has {config.loop.n_cycles} cycles, found more")
    for row in epochs["cycles"]:
        _require_row(row, own, {*epochs["cycles"][0]})


def _require_row(row: Any, known: set[str], needed: set[str]) -> None:
    """Refuses a row that lacks a needed column or has an unknown one."""
    require_kinds(row, {}, "a row")
    if not needed <= {*row} <= known:
        odd = sorted((needed - {*row}) | ({*row} - known))
        raise ValueError(f"a row lacks the column {odd[0]}, or must not hold it")
    for name, value in row.items():
        _require_number(name, value)


def _require_number(name: str, value: Any) -> None:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, found {value!r}")
