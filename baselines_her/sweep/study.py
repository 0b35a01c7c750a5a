"""A study: what a sweep tries, and the storage in which Optuna keeps what was tried.

A trial whose process died (kill -9, power) is noticed by its missing heartbeat and
tried again with the same settings, in the same run folders, where its trainings
continue from their checkpoints.
"""

import json
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..config import from_flags, to_flags
from ..runs.files import write_atomically
from ..runs.foreign import printable
from .objective import Budget, Objective
from .space import Dimension, holds

HEARTBEAT, GRACE = 10, 45  # seconds
WARM_UP, STARTUP = 5, 5  # points of a trial and trials before anything is pruned
LOCKED = 60  # seconds to wait for a file that another process writes
SPEC, SWEEP = "sweep.json", "sweep"
FOLDER = "folder"  # attribute of a trial: where its runs are
RETRIES = 5


class Sweep(NamedTuple):
    """What a sweep tries; all processes that share a study must agree on it."""

    given: dict[str, Any]  # flags of all trials: alg, env, preset, ...
    space: list[Dimension]
    budget: Budget
    objective: Objective
    n_seeds: int
    sampler: str
    sampler_seed: int
    pruner: str
    hang_minutes: float = 30.0
    machine: dict[str, Any] = {}  # flags that say how many threads and processes

    def facts(self) -> dict[str, Any]:
        """As JSON can hold it."""
        budget = {k: v if np.isfinite(v) else None for k, v in
                  self.budget._asdict().items()}  # fmt: skip
        parts = {**self._asdict(), "budget": budget, "level": self.objective.level}
        parts["space"] = [d._asdict() | {"choices": [*d.choices]} for d in self.space]
        for name in "objective", "hang_minutes", "sampler_seed", "machine":
            del parts[name]  # may differ when a sweep continues, or elsewhere
        return parts


def open_study(sweep: Sweep, folder: Path, storage: str | None) -> Any:
    """The Optuna study in a folder, which is begun if there is none.

    Args:
      sweep: what it tries.
      folder: for the run folders and, by default, the storage.
      storage: a URL that several machines can share; default: study.db in the folder.

    Raises:
      ValueError: the folder holds another sweep.
      RuntimeError: the storage cannot be used, or Optuna is missing.
    """
    optuna, facts = import_optuna(), json.loads(json.dumps(sweep.facts()))
    _sampler(optuna, sweep, 0)  # refuses what it cannot do before anything is written
    _require_same(folder, facts)
    url = storage or f"sqlite:///{(folder / 'study.db').resolve()}"
    patience = {"connect_args": {"timeout": LOCKED}} if url.startswith("sqlite") else {}
    shared = _storage(optuna)(
        url,
        engine_kwargs=patience,
        heartbeat_interval=HEARTBEAT,
        grace_period=GRACE,
        heartbeat_stale_trial_callback=retry(optuna),
    )
    study = optuna.create_study(
        storage=shared,
        study_name=folder.resolve().name,
        direction=sweep.objective.direction,
        pruner=_pruner(optuna, sweep.pruner),
        load_if_exists=True,
    )
    kept = study.user_attrs.get(SWEEP)
    if kept is None:
        study.set_user_attr(SWEEP, facts)
    elif kept != facts:
        raise ValueError(
            f"the storage holds another sweep of the name {study.study_name}.  Choose "
            "another --out or --storage."
        )
    # so that what continues a study does not draw the same values again
    study.sampler = _sampler(optuna, sweep, len(study.get_trials(deepcopy=False)))
    return study


def begin_with_preset(study: Any, sweep: Sweep) -> None:
    """Makes the preset's own values the first trial of a new study.

    Values outside of the space are drawn.  A grid has no place for them.
    """
    if sweep.sampler == "grid" or study.get_trials(deepcopy=False):
        return
    own = preset_params(sweep)
    values = {d.name: own[d.name] for d in sweep.space if holds(d, own[d.name])}
    if values:
        study.enqueue_trial(values)


def preset_params(sweep: Sweep) -> dict[str, Any]:
    """The values that the settings of the space have without a trial."""
    own = to_flags(from_flags(**sweep.given))
    return {d.name: own.get(d.name) for d in sweep.space}


def forget_unbegun(study: Any) -> None:
    """Ends trials whose process died before anything was noted of them.

    Without a first heartbeat Optuna takes them for running for ever.
    """
    optuna = import_optuna()
    for trial in study.get_trials(deepcopy=False):
        if trial.state.name == "RUNNING" and FOLDER not in trial.user_attrs:
            age = datetime.now() - trial.datetime_start
            if age.total_seconds() > GRACE:
                study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def retry(optuna: Any) -> Callable[[Any, Any], None]:
    """Queues a trial again that has lost its process, with its settings and folder."""
    return optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)


def _storage(optuna: Any) -> Any:
    """Optuna's storage, whose heartbeat survives a failed write (a full disk)."""

    class Storage(optuna.storages.RDBStorage):
        def record_heartbeat(self, trial_id: int) -> None:
            try:
                super().record_heartbeat(trial_id)
            except optuna.exceptions.StorageInternalError:
                pass  # the next one follows soon; a missing one only ends the trial

    return Storage


def _require_same(folder: Path, facts: dict[str, Any]) -> None:
    path = folder / SPEC
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(facts, indent=2).encode())
        return
    try:
        found = json.loads(path.read_text())
        differing = [k for k in facts if found.get(k) != facts[k]]
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{printable(path)} is damaged: {error}") from None
    if differing:
        raise ValueError(
            f"the folder must be new or hold this sweep, found one with another "
            f"{differing[0]} in {printable(folder)}.  Choose another --out."
        )


def _sampler(optuna: Any, sweep: Sweep, n_before: int) -> Any:
    samplers, seed = optuna.samplers, sweep.sampler_seed + n_before
    if sweep.sampler == "random":
        return samplers.RandomSampler(seed=seed)
    if sweep.sampler == "grid":
        for dimension in sweep.space:
            if not dimension.choices:
                raise ValueError(
                    f"the grid needs choices for every setting, found a range for "
                    f"{dimension.name}.  Give choices, or --sampler=tpe."
                )
        grid = {d.name: [*d.choices] for d in sweep.space}
        return samplers.GridSampler(grid, seed=sweep.sampler_seed)
    return samplers.TPESampler(seed=seed, n_startup_trials=10, constant_liar=True)


def _pruner(optuna: Any, name: str) -> Any:
    pruners = optuna.pruners
    if name == "median":
        return pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=WARM_UP)
    if name == "halving":
        return pruners.SuccessiveHalvingPruner(min_resource=WARM_UP, reduction_factor=2)
    return pruners.NopPruner()


def import_optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise RuntimeError(
            "sweeps need the package optuna.  Install it: pip install "
            "'baselines-her[sweep]'."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # we tell what fails
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    return optuna
