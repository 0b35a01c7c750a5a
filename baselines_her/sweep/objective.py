"""What a trial is judged by: its last scores, or the minutes to a level."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..runs.history import PROGRESS, read_columns
from ..runs.table import LAST, reached, score_of

POINTS = 20  # intermediate values of a trial, evenly spaced over its budget
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
    """What is optimised."""

    level: float | None = None  # None: the last scores; else the minutes to this score

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
    which is the larger the lower the best scores were.

    Raises:
      ValueError: there was no evaluation within the budget.
    """
    within = budget.spent(curve) <= 1.0 + 1e-9
    if not within.any():
        raise ValueError("a training must have an evaluation within its budget.")
    minutes, scores = curve.minutes[within], curve.scores[within]
    if objective.level is None:
        return float(scores[-LAST:].mean())
    n = reached(scores, objective.level, score_of(folder, None))
    if n is not None:
        return float(minutes[n])
    whole = budget.minutes if np.isfinite(budget.minutes) else float(minutes[-1])
    missing = 1.0 - np.clip(scores[-LAST:].mean() / objective.level, 0.0, 1.0)
    return float(whole * (1.0 + (UNREACHED - 1.0) * missing))


def points(curve: Curve, budget: Budget) -> list[tuple[int, float]]:
    """(point, score) at each POINTS-th part of the budget that is spent.

    The score at a point is the mean of the last evaluations up to it.
    """
    spent, found = budget.spent(curve), []
    for point in range(1, POINTS + 1):
        until = np.flatnonzero(spent <= point / POINTS + 1e-9)
        if not len(until) or spent[-1] < point / POINTS - 1e-9:
            continue
        found.append((point, float(curve.scores[until][-LAST:].mean())))
    return found
