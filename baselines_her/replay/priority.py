"""Prioritised replay: a sum tree over stored transitions, and the sampler over it.

Schaul et al. 2016, "Prioritized Experience Replay" (arXiv:1511.05952), proportional
variant.  A priority belongs to a stored step (slot), although its goal may be replaced
by another one each time: it comes from the last update that used the slot.
"""

import numpy as np

from ..types import Index
from .buffer import ReplayBuffer, Strided


class SumTree:
    """Draws slots in proportion to their priorities, level by level for all draws.

    Every inner node is the float64 sum of its two children, computed again when one of
    them changes.  So the tree depends only on its leaves, and errors do not add up.
    """

    def __init__(self, capacity: int):
        """A tree of `capacity` slots without priorities."""
        size = 1 << (capacity - 1).bit_length()
        # leaves first, the root last
        self._levels = [np.zeros(size >> k) for k in range(size.bit_length())]
        self._n_filled = 0

    def __len__(self) -> int:
        """The number of slots that have priorities, which are the first ones."""
        return self._n_filled

    @property
    def total(self) -> float:
        """The sum of all priorities."""
        return float(self._levels[-1][0])

    @property
    def priorities(self) -> np.ndarray:
        """A view of the slots' priorities, [len(self)] float64."""
        return self._levels[0][: self._n_filled]

    def set(self, slots: np.ndarray, priorities: np.ndarray | float) -> None:
        """Sets the priorities of slots.

        Args:
          slots: [N]; together with earlier ones they must be the first slots, as in a
            ring that fills.  If a slot occurs twice, its last priority counts.
          priorities: [N], above 0.
        """
        if not len(slots):
            return
        self._levels[0][slots] = priorities  # NumPy assigns in order: the last stays
        self._n_filled = max(self._n_filled, int(slots.max()) + 1)
        nodes = slots
        for below, above in zip(self._levels, self._levels[1:]):
            if 4 * len(nodes) >= len(above):  # then adding up the whole level is faster
                np.add(below[0::2], below[1::2], out=above)
            else:
                nodes = nodes >> 1
                above[nodes] = below[2 * nodes] + below[2 * nodes + 1]

    def find(self, mass: np.ndarray) -> np.ndarray:
        """The slots [N] that contain the given points of the total.

        Args:
          mass: [N], points in [0, total].  Slots lie side by side, each as wide as its
            priority.
        """
        node = np.zeros(len(mass), np.int64)
        for level in self._levels[-2::-1]:
            node *= 2
            left = level.take(node)
            is_right = mass >= left
            mass = mass - left * is_right
            node += is_right
        # Rounding may move a point beyond the last slot that has a priority.
        return np.minimum(node, self._n_filled - 1)


def strata(n: int, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """One uniform number in each of `batch_size` equal parts of [0, 1], [n].

    Every batch has its own strata, so that no batch holds only the oldest slots.
    """
    part = np.arange(batch_size)
    uniform = rng.random((n // batch_size, batch_size))
    return ((part + uniform) / batch_size).reshape(-1)


class PrioritisedSampler:
    """Draws transition i with P(i) ~ (|TD error| + eps)^alpha (2016, section 3.3)."""

    def __init__(
        self,
        buffer: ReplayBuffer | Strided,
        batch_size: int,
        alpha: float = 0.6,
        beta0: float = 0.4,
        eps: float = 1e-6,
    ):
        """Prepares to draw from a buffer.

        Args:
          buffer: empty, or `load_state` must be called next.
          batch_size: rows per update.
          alpha: exponent of the priorities; 0: all equally likely.
          beta0: exponent of the importance weights at the run's first update.
          eps: added to every |TD error|.
        """
        self._buffer, self._batch_size = buffer, batch_size
        self._alpha, self._beta0, self._eps = alpha, beta0, eps
        self._tree = SumTree(buffer.capacity * buffer.horizon)
        self._largest = 1.0  # largest priority so far

    def add(self, slots: np.ndarray) -> None:
        """Gives new episodes at `slots` [E] the largest priority so far."""
        horizon = self._buffer.horizon
        steps = slots[:, None] * horizon + np.arange(horizon)
        self._tree.set(steps.reshape(-1), self._largest)

    def draw(self, n: int, rng: np.random.Generator) -> Index:
        """`n` transitions, batch after batch, with each batch stratified."""
        mass = strata(n, self._batch_size, rng) * self._tree.total
        return Index(*np.divmod(self._tree.find(mass), self._buffer.horizon))

    def weights(self, index: Index, progress: np.ndarray) -> np.ndarray:
        """Importance weights (N P(i))^-beta, divided by their batch's largest, [K*B].

        2016, section 3.4.  N is the number of stored transitions.

        Args:
          index: [K*B], as drawn.
          progress: [K], for each update: 0 at the run's first, 1 at its last.
        """
        p = self._tree.priorities[self._slots(index)] / self._tree.total
        beta = 1.0 - (1.0 - self._beta0) * (1.0 - progress)
        weight = (len(self._tree) * p).reshape(len(beta), -1) ** -beta[:, None]
        return (weight / weight.max(axis=1, keepdims=True)).reshape(-1)

    def update(self, index: Index, td_error: np.ndarray) -> None:
        """Sets priorities from TD errors [K*B] of drawn rows; a slot's last counts."""
        error = np.abs(td_error.astype(np.float64))
        priorities = (error + self._eps) ** self._alpha
        self._largest = max(self._largest, float(priorities.max()))
        self._tree.set(self._slots(index), priorities)

    def state(self) -> dict[str, np.ndarray]:
        """All priorities, for `load_state`."""
        largest = np.array(self._largest)
        return {"priorities": self._tree.priorities.copy(), "largest": largest}

    def load_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Restores what `state()` returned; the buffer must hold its episodes already.

        Raises:
          ValueError: the priorities do not fit the buffer's transitions.
        """
        found, wanted = arrays["priorities"], len(self._buffer) * self._buffer.horizon
        if found.shape != (wanted,) or not (found > 0.0).all():
            raise ValueError(
                f"the checkpoint must hold {wanted} priorities above 0, found "
                f"{found.shape}.  Remove the folder `checkpoint`."
            )
        self._largest = float(arrays["largest"])
        if wanted:
            self._tree.set(np.arange(wanted), found)

    def _slots(self, index: Index) -> np.ndarray:
        return index.episode * self._buffer.horizon + index.step
