"""Who draws stored transitions: the protocol of samplers, and the uniform one."""

from typing import Protocol

import numpy as np

from ..types import Index
from .buffer import ReplayBuffer


class Sampler(Protocol):
    """Chooses stored transitions.  Relabelling knows nothing of it."""

    def add(self, slots: np.ndarray) -> None:
        """Takes note of new episodes at `slots` [E], over those that lay there."""

    def draw(self, n: int, rng: np.random.Generator) -> Index:
        """`n` = K*B transitions, batch after batch."""

    def weights(self, index: Index, progress: np.ndarray) -> np.ndarray:
        """Importance weights [K*B]; `progress` [K] goes from 0 to 1 over the run."""

    def update(self, index: Index, td_error: np.ndarray) -> None:
        """Takes the TD errors [K*B] of the rows drawn."""

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint must hold beside the buffer."""

    def load_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes everything of `state()`; the buffer is filled already."""


class UniformSampler:
    """Every stored transition is equally likely."""

    def __init__(self, buffer: ReplayBuffer):
        self._buffer = buffer

    def add(self, slots: np.ndarray) -> None:
        """Uniform sampling keeps no book of new episodes."""

    def draw(self, n: int, rng: np.random.Generator) -> Index:
        """`n` transitions, with replacement."""
        flat = rng.integers(len(self._buffer) * self._buffer.horizon, size=n)
        return Index(*np.divmod(flat, self._buffer.horizon))

    def weights(self, index: Index, progress: np.ndarray) -> np.ndarray:
        """1 for every row."""
        return np.ones(len(index.episode), np.float32)

    def update(self, index: Index, td_error: np.ndarray) -> None:
        """Uniform sampling has no priorities to update."""

    def state(self) -> dict[str, np.ndarray]:
        """Nothing: the buffer is all that counts."""
        return {}

    def load_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Uniform sampling remembers nothing."""
