"""Energy-based prioritisation: episodes that moved the object most are drawn most.

Zhao & Tresp 2018, "Energy-Based Hindsight Experience Prioritization"
(arXiv:1810.01363), section 3: a whole episode has one weight, its steps are alike.
"""

import numpy as np

from ..types import Index, ObjectMotion
from .buffer import ReplayBuffer
from .priority import SumTree, strata

MASS, GRAVITY, MOST = 1.0, 9.81, 0.5  # kg, m/s^2, J a step


def trajectory_energy(position: np.ndarray, dt: float) -> np.ndarray:
    """What each episode lifted and pushed: the sum of its gains in energy, [E] joules.

    E_t = m g (z_t - z_0) + m/2 |(p_t - p_{t-1}) / dt|^2 with E_0 = 0; a step's gain
    E_t - E_{t-1} counts between 0 and `MOST`, which takes out falls and collisions.

    Args:
      position: [E, T+1, 3] of the object, metres.
      dt: seconds between two positions.
    """
    position = position.astype(np.float64)
    height = position[:, :, 2] - position[:, :1, 2]
    velocity = np.diff(position, axis=1) / dt
    energy = MASS * GRAVITY * height
    energy[:, 1:] += 0.5 * MASS * (velocity**2).sum(axis=-1)
    return np.diff(energy, axis=1).clip(0.0, MOST).sum(axis=1)


class EnergySampler:
    """Draws episode e with P(e) ~ its energy + eps, and any of its steps alike.

    As in the paper there are no importance weights: they are 1.
    """

    def __init__(
        self,
        buffer: ReplayBuffer,
        batch_size: int,
        motion: ObjectMotion,
        eps: float = 1e-6,
    ):
        """Takes the buffer to draw from.

        Args:
          buffer: empty, or `load_state` follows.
          batch_size: rows of each update.
          motion: finds the object in what is stored.
          eps: added to every episode's energy, so that all can be drawn.
        """
        self._buffer, self._batch_size = buffer, batch_size
        self._motion, self._eps = motion, eps
        self._tree = SumTree(buffer.capacity)

    def add(self, slots: np.ndarray) -> None:
        """New episodes, at `slots` [E], get the weights of their motion."""
        buffer, (position_of, dt) = self._buffer, self._motion
        position = np.asarray(position_of(buffer.obs[slots], buffer.achieved[slots]))
        wanted = len(slots), buffer.horizon + 1, 3
        if position.shape != wanted or not np.isfinite(position).all():
            raise ValueError(
                f"object_position must give finite numbers of shape {wanted}, found "
                f"shape {position.shape}.  Mend it in the environment."
            )
        self._tree.set(slots, trajectory_energy(position, dt) + self._eps)

    def draw(self, n: int, rng: np.random.Generator) -> Index:
        """`n` transitions, batch after batch, the episodes of a batch stratified."""
        mass = strata(n, self._batch_size, rng) * self._tree.total
        step = rng.integers(self._buffer.horizon, size=n)
        return Index(self._tree.find(mass), step)

    def weights(self, index: Index, progress: np.ndarray) -> np.ndarray:
        """1 for every row."""
        return np.ones(len(index.episode), np.float32)

    def update(self, index: Index, td_error: np.ndarray) -> None:
        """Energies do not depend on TD errors."""

    def state(self) -> dict[str, np.ndarray]:
        """Nothing: the weights follow from the episodes."""
        return {}

    def load_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Weighs the buffer's episodes again."""
        if len(self._buffer):
            self.add(np.arange(len(self._buffer)))
