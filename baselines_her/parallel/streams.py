"""Environments that are stepped side by side, and the memory that they share.

An episode is a function of its stream and its number, from which its seed is derived.
So it does not matter which process steps it.
"""

import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..envs.faults import Place, exits_refused
from ..envs.make import EnvFactory
from ..rollout import reset_seed
from ..types import FlatSpec
from .group import Outcome, environments

SeedOf = Callable[[int, int], np.random.SeedSequence]  # (stream, episode) -> its seed


class Table:
    """The inputs and outputs of N environments, in a file that all processes map.

    Attributes:
      action: [N, A] float32, the next action.
      next_obs: [N, O] float32, what followed the action.
      obs: [N, O] float32, what the policy sees next; after an end, of a new episode.
      reward: [N] float64.
      terminated: [N] bool.
      truncated: [N] bool, truncated and not terminated.
      terms: [N, K] float64, the terms of the reward.
      command: [1] int64, the number of the step to take.
      done: [processes] int64, the last step that each process took; -1: it failed.
    """

    def __init__(self, path: Path, spec: FlatSpec, n: int, processes: int):
        """Maps the file at `path`, which is created if it does not exist."""
        o, a = spec.obs_dim, spec.action_dim
        layout = {
            "command": ((1,), np.int64),
            "done": ((max(processes, 1),), np.int64),
            "reward": ((n,), np.float64),
            "action": ((n, a), np.float32),
            "next_obs": ((n, o), np.float32),
            "obs": ((n, o), np.float32),
            "terminated": ((n,), bool),
            "truncated": ((n,), bool),
            "terms": ((n, len(spec.terms)), np.float64),
        }
        sizes = [64 * (-(-_bytes(*kind) // 64)) for kind in layout.values()]
        if not path.exists():
            path.write_bytes(bytes(sum(sizes)))
        with path.open("r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
        found, start = {}, 0
        for (name, (shape, dtype)), size in zip(layout.items(), sizes):
            count = int(np.prod(shape))
            found[name] = np.frombuffer(memory, dtype, count, start).reshape(shape)
            start += size
        self.command, self.done = found["command"], found["done"]
        self.action, self.next_obs = found["action"], found["next_obs"]
        self.obs, self.reward = found["obs"], found["reward"]
        self.terminated, self.truncated = found["terminated"], found["truncated"]
        self.terms = found["terms"]


class Streams:
    """The environments of one process, a share of those in the table."""

    def __init__(
        self,
        factory: EnvFactory,
        spec: FlatSpec,
        table: Table,
        share: range,
        seed_of: SeedOf,
    ):
        """Builds the environments; call `begin` next.

        Args:
          factory: builds one environment.
          spec: the environments' dimensions.
          table: receives their outputs.
          share: their numbers in the table.
          seed_of: returns the seed of an episode.
        """
        self._spec, self._table, self._seed_of = spec, table, seed_of
        self._share, n = share, len(share)
        self._everyone, self._numbers = range(n), [0] * n
        self._envs = environments(factory, spec, n, self._place)
        own = slice(share.start, share.stop)
        self._action, self._obs = table.action[own], table.obs[own]
        outputs = "next_obs", "reward", "terminated", "truncated", "terms"
        self._out = Outcome(*(getattr(table, name)[own] for name in outputs))

    def begin(self, numbers: np.ndarray, actions: list[np.ndarray]) -> None:
        """Begins episode `numbers[k]` in every stream k and repeats its actions so far.

        Args:
          numbers: [N], episode numbers of all streams.
          actions: of all streams, [steps, A] each.

        Raises:
          ValueError: an episode ends earlier than the first time.
        """
        for i, k in enumerate(self._share):
            self._numbers[i] = int(numbers[k])
            self._reset(i)
        own = [actions[k] for k in self._share]
        for t in range(max(map(len, own), default=0)):
            some = [i for i in self._everyone if t < len(own[i])]
            for i in some:
                self._action[i] = own[i][t]
            self._envs.step(some, self._action, self._out)
            for i in some:
                self._require_unfinished(i, t)
                self._obs[i] = self._out.obs[i]

    def step(self) -> None:
        """Takes the table's actions; an episode that ends is followed by a reset."""
        out = self._out
        with exits_refused():
            self._envs.step(self._everyone, self._action, out)
            self._obs[:] = out.obs
            ended = out.terminated | out.truncated
            out.truncated[out.terminated] = False
            for i in np.flatnonzero(ended).tolist():
                self._numbers[i] += 1
                self._reset(i)

    def close(self) -> None:
        """Closes the environments."""
        self._envs.close()

    def _reset(self, i: int) -> None:
        rng = np.random.default_rng(self._seed_of(self._share[i], self._numbers[i]))
        self._obs[i] = self._envs.reset(i, reset_seed(rng))

    def _require_unfinished(self, i: int, t: int) -> None:
        if self._out.terminated[i] or self._out.truncated[i]:
            raise ValueError(
                f"{self._spec.env_id} must give the same episode for the same seed and "
                f"actions, but episode {self._numbers[i]} of stream {self._share[i]} "
                f"ends at step {t + 1} this time.  The run cannot continue."
            )

    def _place(self, i: int) -> Place:
        k, number = self._share[i], self._numbers[i]
        return Place(self._spec.env_id, f"stream {k}, episode {number}")


def _bytes(shape: tuple[int, ...], dtype: Any) -> int:
    return int(np.prod(shape)) * np.dtype(dtype).itemsize
