"""Environments that are stepped side by side, and the memory that they share.

An episode is a function of its stream and its number, from which its seed is derived.
So it does not matter which process steps it.
"""

import mmap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..envs.faults import Place, exits_refused
from ..envs.make import EnvFactory
from ..rollout import flat, reset_seed
from ..types import FlatSpec

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


class Streams:
    """The environments of one process, a share of those in the table."""

    def __init__(
        self,
        factory: EnvFactory,
        spec: FlatSpec,
        table: Table,
        share: Iterable[int],
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
        self._envs = {k: factory() for k in share}
        self._numbers = dict.fromkeys(self._envs, 0)
        self._lengths = dict.fromkeys(self._envs, 0)

    def begin(self, numbers: np.ndarray, actions: list[np.ndarray]) -> None:
        """Begins episode `numbers[k]` in every stream k and repeats its actions so far.

        Args:
          numbers: [N], episode numbers of all streams.
          actions: of all streams, [steps, A] each.

        Raises:
          ValueError: an episode ends earlier than the first time.
        """
        for k in self._envs:
            self._numbers[k] = int(numbers[k])
            self._reset(k)
            for t, action in enumerate(actions[k]):
                self._table.action[k] = action
                self._take(k)
                if self._table.terminated[k] or self._table.truncated[k]:
                    raise ValueError(
                        f"{self._spec.env_id} must give the same episode for the same "
                        f"seed and actions, but episode {numbers[k]} of stream {k} "
                        f"ends at step {t + 1} this time.  The run cannot continue."
                    )
                self._table.obs[k] = self._table.next_obs[k]

    def step(self) -> None:
        """Takes the table's actions; an episode that ends is followed by a reset."""
        table = self._table
        with exits_refused():
            for k in self._envs:
                self._take(k)
                if table.terminated[k] or table.truncated[k]:
                    self._numbers[k] += 1
                    self._reset(k)
                else:
                    table.obs[k] = table.next_obs[k]

    def close(self) -> None:
        """Closes the environments."""
        for env in self._envs.values():
            env.close()

    def _reset(self, k: int) -> None:
        rng = np.random.default_rng(self._seed_of(k, self._numbers[k]))
        call = self._place(k).call
        observation, _ = call(0, self._envs[k].reset, seed=reset_seed(rng))
        self._table.obs[k], self._lengths[k] = flat(observation), 0

    def _take(self, k: int) -> None:
        table, t = self._table, self._lengths[k]
        result = self._place(k).call(t, self._envs[k].step, table.action[k].copy())
        observation, reward, terminated, truncated, _ = result
        table.next_obs[k], table.reward[k] = flat(observation), reward
        table.terminated[k] = terminated
        table.truncated[k] = truncated and not terminated
        self._lengths[k] = t + 1

    def _place(self, k: int) -> Place:
        return Place(self._spec.env_id, f"stream {k}, episode {self._numbers[k]}")


def _bytes(shape: tuple[int, ...], dtype: Any) -> int:
    return int(np.prod(shape)) * np.dtype(dtype).itemsize
