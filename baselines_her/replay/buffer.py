"""Replay memory: a ring of whole episodes, and the uniform sampler over it.

A room's worth of arrays and one counter.  Rewards are not stored (see
`her_sampler`), nor is anything that an episode already says: one transition of a
Fetch task with an object takes 132 bytes.
"""

import numpy as np

from ..types import Demos, EnvSpec, Episodes, Index


class ReplayBuffer:
    """Keeps the newest `buffer_size` transitions, as whole episodes.

    The fields carry the names of `Episodes`, so relabelling reads the buffer in
    place.  Pages of memory are only touched as episodes arrive.
    """

    def __init__(self, spec: EnvSpec, buffer_size: int):
        """Reserves room.

        Args:
          spec: the environment's dimensions.
          buffer_size: transitions; at least one episode's worth.

        Raises:
          ValueError: `buffer_size` is smaller than one episode.
        """
        capacity = buffer_size // spec.horizon
        if capacity < 1:
            raise ValueError(
                f"buffer_size must hold at least one episode of {spec.horizon} steps, "
                f"found {buffer_size}.  Raise --buffer_size."
            )
        states = capacity, spec.horizon + 1
        self.obs = np.zeros((*states, spec.obs_dim), np.float32)
        self.achieved = np.zeros((*states, spec.goal_dim), np.float32)
        self.goal = np.zeros((capacity, spec.goal_dim), np.float32)
        self.action = np.zeros((capacity, spec.horizon, spec.action_dim), np.float32)
        self.n_added = 0

    def __len__(self) -> int:
        """Episodes stored."""
        return min(self.n_added, len(self.goal))

    @property
    def horizon(self) -> int:
        """T, the steps of every episode."""
        return self.action.shape[1]

    def add(self, episodes: Episodes | Demos) -> np.ndarray:
        """Stores episodes in their order, over the oldest ones; returns slots [E].

        Raises:
          ValueError: a stored number would not be finite: nothing is stored then.
        """
        for name in ("obs", "achieved", "goal", "action"):
            _require_finite(name, getattr(episodes, name))
        slots = (self.n_added + np.arange(len(episodes.goal))) % len(self.goal)
        for name in ("obs", "achieved", "goal", "action"):
            getattr(self, name)[slots] = getattr(episodes, name)
        self.n_added += len(slots)
        return slots


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

    def update(self, index: Index, td_error: np.ndarray) -> None:
        """Uniform sampling has no priorities to update."""


def _require_finite(name: str, array: np.ndarray) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"episodes must hold finite numbers, found {array[place]} in "
            f"{name}{list(place)}.  The environment or the policy produced it."
        )
