"""What a trial is judged by: its last scores, or the minutes to a level."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..runs.history import PROGRESS, read_columns
from ..runs.table import reached, score_of

POINTS = 20  # intermediate values of a trial, evenly spaced over its budget
TAIL = 0.15  # the share of the budget whose evaluations count at a point
SLACK = 0.01  # an evaluation this little later counts at the point, too
UNREACHED = 2.0  # a level that is not reached counts as up to this many budgets


class Budget(NamedTuple):
    """How long each training of a trial may be."""

    steps: float = np.inf  # env steps
    minutes: float = np.inf  # of training, start-up not counted

    def spent(self, curve: "Curve") -> np.ndarray:
        """The share of the budget that is spent at each evaluation, [epochs]."""
        return np.maximum(curve.steps / self.steps, curve.minutes / self.minutes)


class Curve(NamedTuple):
    """The evaluations of a run so far, [epochs] each."""

    steps: np.ndarray
    minutes: np.ndarray
    scores: np.ndarray


class Objective(NamedTuple):
    """What is optimised: the last scores, or the minutes to a level."""

    level: float | None = None  # needs a budget in minutes

    @property
    def direction(self) -> str:
        """As Optuna names it."""
        return "maximize" if self.level is None else "minimize"

    @property
    def sign(self) -> float:
        """1 if larger values are better, else -1."""
        return 1.0 if self.level is None else -1.0


def read_curve(folder: Path) -> Curve:
    """The curve of a run; empty before its first evaluation.

    Raises:
      ValueError: its progress.csv is damaged.
    """
    if not (folder / PROGRESS).exists():
        return Curve(*np.zeros((3, 0)))
    score = score_of(folder, None)
    columns = read_columns(folder, ["steps/env", "time/total", score.column])
    steps, seconds, scores = columns.values()
    return Curve(steps, seconds / 60.0, np.nan_to_num(scores, nan=-1e9))


def value_of(curve: Curve, budget: Budget, objective: Objective, folder: Path) -> float:
    """The value of one training.

    A level that is not reached counts as the whole budget and a part of another one,
    which is the larger the lower the last scores were.  A run ends itself at its last
    env step, so every evaluation is within a budget of steps.

    Raises:
      ValueError: there was no evaluation within the minutes of the budget.
    """
    n_within = int(np.searchsorted(curve.minutes, budget.minutes, side="right"))
    if n_within == 0:
        raise ValueError("a training must have an evaluation within its budget.")
    within = Curve(*(values[:n_within] for values in curve))
    score = _score_at(within, budget.spent(within), 1.0)
    if objective.level is None:
        return score
    n = reached_at(within, objective, folder)
    if n is not None:
        return float(within.minutes[n])
    missing = 1.0 - np.clip(score / objective.level, 0.0, 1.0)
    return float(budget.minutes * (1.0 + (UNREACHED - 1.0) * missing))


def reached_at(curve: Curve, objective: Objective, folder: Path) -> int | None:
    """The evaluation at which the level is reached, if there is one and it is."""
    if objective.level is None or not len(curve.scores):
        return None
    return reached(curve.scores, objective.level, score_of(folder, None))


class Outcome(NamedTuple):
    """What one training has come to."""

    value: float
    minutes: float  # of training
    steps: int  # env steps
    is_reached: bool  # the level, if there is one


def outcome_of(
    curve: Curve, budget: Budget, objective: Objective, folder: Path
) -> Outcome:
    """The outcome of one training; arguments and errors are those of `value_of`."""
    value = value_of(curve, budget, objective, folder)
    n = reached_at(curve, objective, folder)
    is_reached = n is not None and bool(curve.minutes[n] <= budget.minutes)
    return Outcome(value, float(curve.minutes[-1]), int(curve.steps[-1]), is_reached)


def points(curve: Curve, budget: Budget) -> list[tuple[int, float]]:
    """(point, score) at each POINTS-th part of the budget that is spent.

    The score at a point is the mean of the evaluations in the TAIL of the budget before
    it, or the last one if there is none.  So trials whose evaluations are further apart
    are compared over the same stretch.
    """
    spent = budget.spent(curve)
    known = [p for p in range(1, POINTS + 1) if (spent <= p / POINTS + SLACK).any()]
    return [
        (point, _score_at(curve, spent, point / POINTS))
        for point in known
        if spent[-1] >= point / POINTS - 1e-9
    ]


def _score_at(curve: Curve, spent: np.ndarray, share: float) -> float:
    """The mean score in the stretch of the budget that ends at `share`."""
    last = len(spent) if share >= 1.0 else int((spent <= share + SLACK).sum())
    first = int((spent <= share - TAIL + 1e-9).sum())
    return float(curve.scores[min(first, last - 1) : last].mean())
