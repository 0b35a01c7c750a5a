"""Trials of a study: each is one or several trainings, and ends, fails or is pruned."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..algorithms import entry
from ..config import from_flags
from ..runs.foreign import printable
from .objective import POINTS, Curve, Outcome, outcome_of, points
from .space import suggest
from .study import FOLDER, Sweep, forget_unbegun, import_optuna, retry
from .training import Interrupted, Watch, train

# attributes of a trial
ERROR, MINUTES, STEPS, REACHED = "error", "minutes", "steps", "reached"
MOST_FAILURES = 5  # in a row
ENDLESS = 10**9  # env steps of a training whose budget is in minutes


def run_trials(
    study: Any,
    sweep: Sweep,
    folder: Path,
    n_trials: int,
    on_trial: Callable[[Any], None] = lambda trial: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Runs trials until `n_trials` of the study have ended, here or elsewhere.

    A trial that fails counts; one whose process died or was ended by a signal does not.

    Args:
      study: from `open_study`.
      sweep: what it tries.
      folder: for the run folders.
      n_trials: of the study, earlier ones included.
      on_trial: called with each trial that has ended here.
      sleep: waits for seconds.

    Raises:
      RuntimeError: so many trials failed one after the other that something else than
        their settings must be wrong.
    """
    optuna = import_optuna()
    failures: list[str] = []  # of the latest trials here, without a success between

    def told(study: Any, trial: Any) -> None:
        if ERROR in trial.user_attrs:
            failures.append(trial.user_attrs[ERROR])
        else:
            failures.clear()
        on_trial(trial)

    def objective(trial: Any) -> float:
        return _attempt(study, trial, sweep, folder, optuna)

    while True:
        _require_hope(failures)
        optuna.storages.fail_stale_trials(study)
        forget_unbegun(study)
        trials = study.get_trials(deepcopy=False)
        n_ended, n_running = n_of(trials)
        if n_ended >= n_trials:
            return
        if n_ended + n_running >= n_trials:
            sleep(1.0)  # another process works on the last ones, or has died
            continue
        try:
            study.optimize(
                objective,
                n_trials=1,
                catch=(ValueError, RuntimeError, OSError),
                callbacks=[told],
            )
        except AssertionError:  # Optuna's, if another process took this trial for dead
            continue


def _attempt(study: Any, trial: Any, sweep: Sweep, folder: Path, optuna: Any) -> float:
    """Runs a trial; notes why it failed, or queues it again if it was cut off."""
    try:
        return _run_trial(trial, sweep, folder, optuna)
    except (KeyboardInterrupt, Interrupted):
        retry(optuna)(study, study.get_trials()[trial.number])
        raise
    except (ValueError, RuntimeError, OSError) as error:
        trial.set_user_attr(ERROR, str(error))
        raise


def _require_hope(failures: list[str]) -> None:
    """Raises RuntimeError after MOST_FAILURES trials in a row that failed."""
    if len(failures) >= MOST_FAILURES:
        raise RuntimeError(
            f"{len(failures)} trials in a row have failed, the last one with: "
            f"{printable(failures[-1], 300)}.  Correct the cause; the same command "
            "continues."
        )


def n_of(trials: list[Any]) -> tuple[int, int]:
    """How many trials have ended, and how many are running."""
    ended = sum(
        t.state.name in ("COMPLETE", "PRUNED")
        or (t.state.name == "FAIL" and ERROR in t.user_attrs)
        for t in trials
    )
    return ended, sum(t.state.name == "RUNNING" for t in trials)


def value_of_trial(trial: Any) -> float | None:
    """Its value; None unless it is complete (Optuna gives pruned ones a score)."""
    return trial.value if trial.state.name == "COMPLETE" else None


def line_of(trial: Any) -> str:
    """A trial in a line."""
    shown = " ".join(f"{k}={text_of(v)}" for k, v in trial.params.items())
    found = value_of_trial(trial)
    value = "" if found is None else f" {found:.4g}"
    error = printable(trial.user_attrs.get(ERROR, ""), 300)
    state = trial.state.name.lower().replace("fail", "failed")
    return f"trial {trial.number:>3} {state}{value}  {shown}  {error}".rstrip()


def text_of(value: Any) -> str:
    """A value for a line or a table: four digits, switches as 0 and 1."""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def flags_of(sweep: Sweep, params: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The flags of one training."""
    flags = {**sweep.given, **params, **spacing(sweep.given, params), "seed": seed}
    steps = sweep.budget.steps
    flags["num_timesteps"] = int(steps) if np.isfinite(steps) else ENDLESS
    flags |= {k: v for k, v in sweep.machine.items() if k not in flags}
    return {k: int(v) if isinstance(v, bool) else v for k, v in flags.items()}


def spacing(given: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, int]:
    """`n_cycles` for which a trial's evaluations are as far apart as without `params`.

    Where an iteration's length is tried (PPO's nsteps), trials with long ones would
    otherwise have fewer and later evaluations, and be judged by them.
    """
    usual, own = from_flags(**given), from_flags(**{**given, **params})
    rows, own_rows = (getattr(config, "rows", 0) for config in (usual, own))
    if rows == own_rows or "n_cycles" in {**given, **params}:
        return {}
    return {"n_cycles": max(1, round(usual.loop.n_cycles * rows / own_rows))}


def _ignore(curve: Curve) -> None:
    """Nothing is compared."""


def train_seeds(
    sweep: Sweep,
    params: Mapping[str, Any],
    folder: Path,
    seeds: range,
    on_curve: Callable[[Curve], None] = _ignore,
) -> list[Outcome]:
    """The outcome of the training of each seed, in `folder`/seed<n>.

    Args:
      sweep: says how to train.
      params: the settings of the trial.
      folder: for the run folders.
      seeds: of the trainings, one after the other.
      on_curve: called with the curve of the first one, whenever it has grown.
    """
    found = []
    for seed in seeds:
        place = folder / f"seed{seed}"
        seen = on_curve if seed == seeds[0] else _ignore
        parts = sweep.budget, sweep.hang_minutes, seen, sweep.objective
        watch = Watch(place, *parts)
        curve = train(flags_of(sweep, params, seed), place, watch)
        found.append(outcome_of(curve, sweep.budget, sweep.objective, place))
    return found


def _run_trial(trial: Any, sweep: Sweep, folder: Path, optuna: Any) -> float:
    algorithm = entry(sweep.given.get("alg", "her"))
    params = suggest(trial, sweep.space, sweep.given, algorithm)
    name = trial.user_attrs.get(FOLDER) or f"trial_{trial.number:04}"
    trial.set_user_attr(FOLDER, name)
    from_flags(**flags_of(sweep, params, 0))  # values that exclude each other
    comparison = _Comparison(trial, sweep, optuna.TrialPruned)
    seeds = range(sweep.n_seeds)
    found = train_seeds(sweep, params, folder / name, seeds, comparison.compare)
    if found[0].is_reached:
        comparison.stay()
    trial.set_user_attr(MINUTES, sum(one.minutes for one in found))
    trial.set_user_attr(STEPS, sum(one.steps for one in found))
    trial.set_user_attr(REACHED, sum(one.is_reached for one in found))
    return float(np.mean([one.value for one in found]))


class _Comparison:
    """Reports the scores of a trial, and ends it if it is hopeless beside others."""

    def __init__(self, trial: Any, sweep: Sweep, pruned: type[Exception]):
        self._trial, self._budget, self._pruned = trial, sweep.budget, pruned
        self._sign, self._point, self._score = sweep.objective.sign, 0, 0.0

    def compare(self, curve: Curve) -> None:
        """Takes in a longer curve.

        Raises:
          TrialPruned: it is hopeless, and a part of its budget is left.
        """
        before = self._point
        for point, score in points(curve, self._budget):
            if point > before:
                self._report(point, score)
        if before < self._point < POINTS and self._trial.should_prune():
            raise self._pruned

    def stay(self) -> None:
        """Reports the last score for the rest of the budget."""
        for point in range(self._point + 1, POINTS + 1):
            self._report(point, self._score)

    def _report(self, point: int, score: float) -> None:
        self._trial.report(self._sign * score, point)
        self._point, self._score = point, score
