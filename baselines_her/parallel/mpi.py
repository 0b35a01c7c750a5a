"""Communicators: how workers agree on gradients, statistics and logs."""

import numpy as np


class Solo:
    """A single worker: every exchange returns what it was given."""

    rank, size = 0, 1

    def sum(self, array: np.ndarray) -> np.ndarray:
        """The sum of every worker's `array`."""
        return array
