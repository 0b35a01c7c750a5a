"""Running mean and standard deviation of network inputs (NumPy, no TensorFlow).

Andrychowicz et al. 2017 (arXiv:1707.01495), appendix A: inputs are scaled to zero
mean and unit deviation by statistics over everything seen so far, then clipped.
"""

from typing import NamedTuple

import numpy as np


class Moments(NamedTuple):
    """Totals over n rows, in float64, so that increments can be summed and merged."""

    sum: np.ndarray  # [D]
    sumsq: np.ndarray  # [D]
    n_rows: np.ndarray  # []


class Stats(NamedTuple):
    """What is subtracted from a network's inputs, and what divides them."""

    mean: np.ndarray  # [D] float32
    std: np.ndarray  # [D] float32, at least norm_eps


def moments(rows: np.ndarray) -> Moments:
    """Sum, sum of squares and count of rows [B, D]."""
    rows = rows.astype(np.float64)
    return Moments(rows.sum(0), np.square(rows).sum(0), np.array(float(len(rows))))


def stats(total: Moments, norm_eps: float) -> Stats:
    """Mean and standard deviation; 0 and 1 if nothing has been seen yet.

    Args:
      total: sums over everything seen so far.
      norm_eps: the smallest standard deviation returned.
    """
    if total.n_rows == 0:
        zeros = np.zeros_like(total.sum, np.float32)
        return Stats(zeros, zeros + 1)
    mean = total.sum / total.n_rows
    variance = total.sumsq / total.n_rows - np.square(mean)
    std = np.sqrt(np.maximum(norm_eps**2, variance))
    return Stats(mean.astype(np.float32), std.astype(np.float32))


class Normalizer:
    """Keeps the totals of one input."""

    def __init__(self, dim: int, norm_eps: float):
        self._norm_eps = norm_eps
        self.total = Moments(np.zeros(dim), np.zeros(dim), np.zeros(()))

    def add(self, increment: Moments) -> None:
        """Adds the sums of new rows (already summed over workers)."""
        self.total = Moments(*map(np.add, self.total, increment))

    @property
    def stats(self) -> Stats:
        """Mean and standard deviation of everything added so far."""
        return stats(self.total, self._norm_eps)
