"""Samplers, which draw stored transitions: the protocol, and the uniform one."""

from typing import Protocol

import numpy as np

from ..types import Index
from .buffer import ReplayBuffer, Strided


class Sampler(Protocol):
    """Chooses stored transitions; independent of relabelling."""

    def add(self, slots: np.ndarray) -> None:
        """Registers new episodes at `slots` [E], which replace those stored there."""

    def draw(self, n: int, rng: np.random.Generator) -> Index:
        """`n` = K*B transitions, batch after batch."""

    def weights(self, index: Index, progress: np.ndarray) -> np.ndarray:
        """Importance weights [K*B]; `progress` [K] rises from 0 to 1 during the run."""

    def update(self, index: Index, td_error: np.ndarray) -> None:
        """Receives the TD errors [K*B] of the rows drawn."""

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint must hold in addition to the buffer."""

    def load_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Restores what `state()` returned; the buffer is already filled."""


class UniformSampler:
    """Every stored transition is equally likely."""

    def __init__(self, buffer: ReplayBuffer | Strided):
        self._buffer = buffer

    def add(self, slots: np.ndarray) -> None:
        """Does nothing: uniform sampling needs no record of new episodes."""

    def draw(self, n: int, rng: np.random.Generator) -> Index:
        """`n` transitions, with replacement."""
        flat = rng.integers(len(self._buffer) * self._buffer.horizon, size=n)
        return Index(*np.divmod(flat, self._buffer.horizon))

    def weights(self, index: Index, progress: np.ndarray) -> np.ndarray:
        """1 for every row."""
        return np.ones(len(index.episode), np.float32)

    def update(self, index: Index, td_error: np.ndarray) -> None:
        """Does nothing: uniform sampling has no priorities to update."""

    def state(self) -> dict[str, np.ndarray]:
        """Empty: uniform sampling depends only on the buffer."""
        return {}

    def load_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Does nothing: uniform sampling has no state."""
