"""Replay memory: a ring of whole episodes.

It consists of arrays and one counter.  Rewards are not stored (see `her_sampler`), and
nothing is stored twice: one transition of a Fetch task with an object takes 132 bytes.
"""

import itertools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from ..types import EnvSpec
from ..versions import total_memory

MAX_SIZE = 10**9
FIELDS = ("obs", "achieved", "goal", "action")


def bytes_of(spec: EnvSpec, buffer_size: int) -> int:
    """The memory of a full replay buffer, in bytes."""
    states = (spec.obs_dim + spec.goal_dim) * (spec.horizon + 1) + spec.goal_dim
    numbers = states + spec.action_dim * spec.horizon
    return 4 * numbers * max(1, buffer_size // spec.horizon)


def require_memory(spec: EnvSpec, buffer_size: int, others: int = 0) -> None:
    """Refuses a replay buffer that does not fit into this machine's memory.

    Args:
      spec: the environment's dimensions.
      buffer_size: number of transitions.
      others: bytes of networks and batches.

    Raises:
      ValueError: the buffer alone, or together with the others, needs too much memory.
    """
    own, found = bytes_of(spec, buffer_size), total_memory()
    if found is None or own + others <= found:
        return
    have = f"of {found / 2**30:.1f}"
    if own > found:
        raise ValueError(
            f"the replay buffer must fit into memory, but {buffer_size:,} transitions "
            f"take {own / 2**30:.1f} GiB {have}.  Lower --buffer_size."
        )
    raise ValueError(
        "replay buffer, networks and batches must fit into memory together, but they "
        f"take {(own + others) / 2**30:.1f} GiB {have}.  Lower --hidden, --layers, "
        "--batch_size, --n_batches or --buffer_size."
    )


class ReplayBuffer:
    """Keeps the newest `buffer_size` transitions, as whole episodes.

    The fields have the names of `Episodes`, so relabelling reads the buffer without a
    copy.  Pages of memory are touched only when episodes arrive.
    """

    def __init__(
        self,
        spec: EnvSpec,
        buffer_size: int,
        more: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
    ):
        """Reserves memory.

        Args:
          spec: the environment's dimensions.
          buffer_size: number of transitions, at least one episode.
          more: further fields of `Episodes`, with their shapes in one episode.

        Raises:
          ValueError: `buffer_size` is smaller than one episode.
        """
        capacity = buffer_size // spec.horizon
        if capacity < 1:
            raise ValueError(
                f"buffer_size must hold at least one episode of {spec.horizon} steps, "
                f"found {buffer_size}.  Raise --buffer_size."
            )
        if buffer_size > MAX_SIZE:
            raise ValueError(
                f"buffer_size must be at most {MAX_SIZE:,} transitions, found "
                f"{buffer_size:,}.  Lower --buffer_size."
            )
        states = capacity, spec.horizon + 1
        self.obs = np.zeros((*states, spec.obs_dim), np.float32)
        self.achieved = np.zeros((*states, spec.goal_dim), np.float32)
        self.goal = np.zeros((capacity, spec.goal_dim), np.float32)
        self.action = np.zeros((capacity, spec.horizon, spec.action_dim), np.float32)
        for name, shape in more.items():
            setattr(self, name, np.zeros((capacity, *shape), np.float32))
        self._fields = *FIELDS, *more
        self.n_added = 0

    def __len__(self) -> int:
        """The number of stored episodes."""
        return min(self.n_added, len(self.goal))

    @property
    def capacity(self) -> int:
        """The number of episodes that fit."""
        return len(self.goal)

    @property
    def horizon(self) -> int:
        """T, the steps of every episode."""
        return self.action.shape[1]

    def add(self, episodes: Any) -> np.ndarray:
        """Stores episodes in place of the oldest ones, in order; returns slots [E].

        Args:
          episodes: `Episodes`, `Demos`, or anything with the buffer's fields.

        Raises:
          ValueError: a number is not finite; then nothing is stored.
        """
        for name in self._fields:
            _require_finite(name, getattr(episodes, name))
        slots = (self.n_added + np.arange(len(episodes.goal))) % len(self.goal)
        for name in self._fields:
            getattr(self, name)[slots] = getattr(episodes, name)
        self.n_added += len(slots)
        return slots

    # -- for checkpoints: episodes by their number since the start of the run --

    def spans(self, since: int) -> list[tuple[int, int]]:
        """Stored episodes from number `since` on, as contiguous [first, last)."""
        first, last = max(since, self.n_added - self.capacity), self.n_added
        wrap = last - last % self.capacity
        cuts = [first, wrap, last] if first < wrap < last else [first, last]
        return [(a, b) for a, b in itertools.pairwise(cuts) if a < b]

    def episodes(self, first: int, last: int) -> dict[str, np.ndarray]:
        """Views of the episodes in one range."""
        start = first % self.capacity
        piece = slice(start, start + last - first)
        return {name: getattr(self, name)[piece] for name in self._fields}

    def restore(self, first: int, fields: dict[str, np.ndarray]) -> None:
        """Restores the episodes of a range; the caller sets `n_added`.

        Raises:
          ValueError: they come from another environment or do not fit.
        """
        start = first % self.capacity
        piece = slice(start, start + len(fields["goal"]))
        for name in self._fields:
            room = getattr(self, name)[piece]
            if room.shape != fields[name].shape:
                raise ValueError(f"its episodes are not of this run ({name})")
            _require_finite(name, fields[name])
            room[...] = fields[name]


class Strided:
    """A buffer as samplers see it, whose transitions last for `period` steps.

    So an episode has T - period + 1 of them, which begin at its steps 0 .. T - period.
    """

    def __init__(self, buffer: ReplayBuffer, period: int):
        self._buffer, self._period = buffer, period
        self.obs, self.achieved = buffer.obs, buffer.achieved

    def __len__(self) -> int:
        """The number of stored episodes."""
        return len(self._buffer)

    @property
    def capacity(self) -> int:
        """The number of episodes that fit."""
        return self._buffer.capacity

    @property
    def horizon(self) -> int:
        """The number of such transitions in an episode."""
        return self._buffer.horizon - self._period + 1


def _require_finite(name: str, array: np.ndarray) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        place = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise ValueError(
            f"episodes must hold finite numbers, found {array[place]} in "
            f"{name}{list(place)}.  The environment or the policy produced it."
        )
