"""Energy-based prioritisation: draws episodes that move the object more often.

Zhao & Tresp 2018, "Energy-Based Hindsight Experience Prioritization"
(arXiv:1810.01363), section 3: an episode has one weight, and all its steps are equally
likely.  The authors' code (github.com/ruizhaogit/EnergyBasedPrioritization) differs in
one point: it takes the energies to the power of 1/1.01.
"""

import numpy as np

from ..types import Index, ObjectMotion
from .buffer import ReplayBuffer, Strided
from .priority import SumTree, strata

MASS, GRAVITY, INERTIA = 1.0, 9.81, 1.0  # kg, m/s^2, kg m^2
MOST = 0.5  # joules per step


def trajectory_energy(
    position: np.ndarray,
    dt: float,
    rotation: np.ndarray | None = None,
    most: float = MOST,
) -> np.ndarray:
    """The sum of each episode's gains in energy, [E] joules.

    E_t = m g (z_t - z_0) + m/2 |(p_t - p_{t-1}) / dt|^2 + I/2 |(a_t - a_{t-1}) / dt|^2
    with E_0 = 0 and a_t the Euler angles of the rotation.  A step's gain E_t - E_{t-1}
    is clipped to [0, `most`], which removes falls and collisions (and the jumps of an
    Euler angle from pi to -pi, which the authors' code does not undo either).

    Args:
      position: [E, T+1, 3] of the object, in metres.
      dt: seconds between two positions.
      rotation: [E, T+1, 4] quaternions, w first; default: ignore the rotation.
      most: joules that a step can gain; the authors take 0.5 for Fetch, 2.5 for Hand.
    """
    position = position.astype(np.float64)
    height = position[:, :, 2] - position[:, :1, 2]
    velocity = np.diff(position, axis=1) / dt
    energy = MASS * GRAVITY * height
    energy[:, 1:] += 0.5 * MASS * (velocity**2).sum(axis=-1)
    if rotation is not None:
        spin = np.diff(euler_angles(rotation.astype(np.float64)), axis=1) / dt
        energy[:, 1:] += 0.5 * INERTIA * (spin**2).sum(axis=-1)
    return np.diff(energy, axis=1).clip(0.0, most).sum(axis=1)


def euler_angles(quaternion: np.ndarray) -> np.ndarray:
    """Angles about x, y and z [..., 3] of quaternions [..., 4], w first."""
    w, x, y, z = np.moveaxis(quaternion, -1, 0)
    about_x = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x**2 + y**2))
    about_y = np.arcsin(np.clip(2 * (w * y - z * x), -1, 1))
    about_z = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y**2 + z**2))
    return np.stack([about_x, about_y, about_z], axis=-1)


class EnergySampler:
    """Draws episode e with P(e) ~ its energy + eps, and its steps uniformly.

    As in the paper, all importance weights are 1.
    """

    def __init__(
        self,
        buffer: ReplayBuffer | Strided,
        batch_size: int,
        motion: ObjectMotion,
        eps: float,
    ):
        """Prepares to draw from a buffer.

        Args:
          buffer: empty, or `load_state` must be called next.
          batch_size: rows per update.
          motion: finds the object in stored episodes.
          eps: added to every episode's energy, so that each can be drawn.
        """
        self._buffer, self._batch_size = buffer, batch_size
        self._motion, self._eps = motion, eps
        self._tree = SumTree(buffer.capacity)

    def add(self, slots: np.ndarray) -> None:
        """Sets the weights of new episodes at `slots` [E] from their motion."""
        buffer, motion = self._buffer, self._motion
        states = buffer.obs[slots], buffer.achieved[slots]
        position = np.asarray(motion.position(*states))
        wanted = *states[1].shape[:2], 3
        if position.shape != wanted or not np.isfinite(position).all():
            raise ValueError(
                f"object_position must give finite numbers of shape {wanted}, found "
                f"shape {position.shape}.  Correct it in the environment."
            )
        rotation = motion.rotation and motion.rotation(*states)
        energy = trajectory_energy(position, motion.dt, rotation, motion.most)
        self._tree.set(slots, energy + self._eps)

    def draw(self, n: int, rng: np.random.Generator) -> Index:
        """`n` transitions, batch after batch, with episodes stratified in each."""
        mass = strata(n, self._batch_size, rng) * self._tree.total
        step = rng.integers(self._buffer.horizon, size=n)
        return Index(self._tree.find(mass), step)

    def weights(self, index: Index, progress: np.ndarray) -> np.ndarray:
        """1 for every row."""
        return np.ones(len(index.episode), np.float32)

    def update(self, index: Index, td_error: np.ndarray) -> None:
        """Does nothing: energies do not depend on TD errors."""

    def state(self) -> dict[str, np.ndarray]:
        """Empty: the weights can be computed from the episodes."""
        return {}

    def load_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Computes the weights of the buffer's episodes again."""
        if len(self._buffer):
            self.add(np.arange(len(self._buffer)))
