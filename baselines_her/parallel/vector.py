"""N environments side by side, each a stream of episodes, stepped by threads.

MuJoCo's step releases Python's lock, so two threads with environments of their own
step two of them at once, with the environments' own Python code.  Other environments
are stepped one after the other.

An episode is a function of its stream and number: the environment is reset with a seed
of its own, and the noise of its actions comes from a generator of its own.  So neither
the number of threads nor what other streams do changes a bit.  An unfinished episode is
its number and its actions so far: `state` holds these, `load_state` plays them again.
"""

import itertools
import math
import queue
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from ..envs.faults import Place
from ..rollout import flat
from ..seeding import NOISE, TRAINING, stream
from ..types import Arrays, FlatSpec


class Step(NamedTuple):
    """What one step of all N environments gave."""

    next_obs: np.ndarray  # [N, O] what followed the actions
    reward: np.ndarray  # [N]
    terminated: np.ndarray  # [N] bool
    truncated: np.ndarray  # [N] bool


class Vector:
    """N environments, and the episodes that they are in.

    Attributes:
      obs: [N, O] float32, what the policy sees now.
      returns: of the episodes that have ended since they were last taken.
      lengths: of the same episodes.
    """

    def __init__(
        self,
        factory: Callable[[], gym.Env],
        spec: FlatSpec,
        n: int,
        seed: int,
        rank: int = 0,
        threads: int = 1,
    ):
        """Builds the environments and begins the first episodes.

        Args:
          factory: builds one environment.
          spec: their dimensions.
          n: how many.
          seed: of all randomness.
          rank: the worker's.
          threads: that step them; more than one only where the environments are
            MuJoCo's.
        """
        self._spec, self._seed, self._rank = spec, seed, rank
        self._envs = [factory() for _ in range(n)]
        uses_threads = all(is_mujoco(env) for env in self._envs)
        self._crew = Crew(n, threads if uses_threads else 1)
        self.obs = np.zeros((n, spec.obs_dim), np.float32)
        self.returns: list[float] = []
        self.lengths: list[int] = []
        self._numbers: np.ndarray = np.zeros(n, np.int64)  # of the episodes they are in
        self._sums = np.zeros(n)  # rewards so far
        self._actions: list[list[np.ndarray]] = [[] for _ in range(n)]
        self._noise = [Noise(spec.action_dim) for _ in range(n)]
        self._next = np.zeros((n, spec.obs_dim), np.float32)
        self._reward = np.zeros(n)
        self._flags = np.zeros((2, n), bool)
        for k in range(n):
            self._begin(k)

    def __len__(self) -> int:
        return len(self._envs)

    def noise(self) -> np.ndarray:
        """The next normal noise of each stream, [N, A] float32."""
        return np.stack([noise.take() for noise in self._noise])

    def step(self, actions: np.ndarray) -> Step:
        """Takes one step in every environment; ended episodes are followed by new ones.

        Args:
          actions: [N, A] float32, as the environments take them.

        Raises:
          BadState: a number is not finite; names stream, episode and step.
        """
        self._require_finite("action", actions)
        self._crew.run(lambda k: self._step_one(k, actions[k]))
        self._require_finite("observation", self._next)
        self._require_finite("reward", self._reward)
        step = Step(
            self._next.copy(),
            self._reward.copy(),
            *(flag.copy() for flag in self._flags),
        )
        np.copyto(self.obs, self._next)
        for k in np.flatnonzero(step.terminated | step.truncated):
            self.returns.append(float(self._sums[k]))
            self.lengths.append(len(self._actions[k]))
            self._numbers[k] += 1
            self._begin(int(k))
        return step

    def take_finished(self) -> tuple[list[float], list[int]]:
        """Returns and lengths of the episodes that have ended since the last call."""
        found = self.returns, self.lengths
        self.returns, self.lengths = [], []
        return found

    def state(self) -> dict[str, np.ndarray]:
        """Numbers of the episodes and their actions so far."""
        arrays = {"numbers": self._numbers.copy()}
        for k, actions in enumerate(self._actions):
            shape = len(actions), self._spec.action_dim
            arrays[f"actions/{k}"] = np.array(actions, np.float32).reshape(shape)
        return arrays

    def load_state(self, arrays: Arrays) -> None:
        """Plays the unfinished episodes of `state()` again.

        Raises:
          ValueError: the environment does not repeat them.
        """
        for k in range(len(self)):
            self._numbers[k] = arrays["numbers"][k]
            self._begin(k)
            for action in arrays[f"actions/{k}"]:
                self._noise[k].take()
                self._step_one(k, action)
                if self._flags[:, k].any():
                    raise ValueError(
                        f"{self._spec.env_id} must give the same episode for the same "
                        f"seed and actions, but episode {self._numbers[k]} of stream "
                        f"{k} ends earlier now.  The run cannot be continued."
                    )
                self.obs[k] = self._next[k]

    def begin_anew(self, number: int) -> None:
        """Leaves all episodes and begins number `number` in every stream."""
        for k in range(len(self)):
            self._numbers[k] = number
            self._begin(k)

    def close(self) -> None:
        """Ends threads and environments."""
        self._crew.close()
        for env in self._envs:
            env.close()

    def _begin(self, k: int) -> None:
        """Resets environment k for its next episode."""
        number = int(self._numbers[k])
        key = self._rank, k, number
        rng = np.random.default_rng(stream(self._seed, TRAINING, *key))
        self._noise[k].begin(np.random.default_rng(stream(self._seed, NOISE, *key)))
        seed = int(rng.integers(2**31))
        observation, _ = self._place(k).call(0, self._envs[k].reset, seed=seed)
        self.obs[k] = flat(observation)
        self._place(k).require_finite("observation", self.obs[k], 0)
        self._sums[k], self._actions[k] = 0.0, []

    def _step_one(self, k: int, action: np.ndarray) -> None:
        place = self._place(k)
        result = place.call(len(self._actions[k]), self._envs[k].step, action.copy())
        observation, reward, terminated, truncated, _ = result
        self._next[k] = flat(observation)
        self._reward[k] = reward
        self._flags[0, k], self._flags[1, k] = terminated, truncated and not terminated
        self._sums[k] += reward
        self._actions[k].append(np.array(action, np.float32))

    def _place(self, k: int) -> Place:
        return Place(self._spec.env_id, f"stream {k}, episode {self._numbers[k]}")

    def _require_finite(self, what: str, values: np.ndarray) -> None:
        if math.isfinite(values.sum()):
            return
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        k = int(np.argmax(bad))
        self._place(k).require_finite(what, values[k], len(self._actions[k]))


class Noise:
    """Standard normal numbers of one episode, drawn many steps at a time."""

    BLOCK = 128

    def __init__(self, dim: int):
        self._dim, self._used = dim, 0
        self._rng = np.random.default_rng(0)
        self._drawn = np.zeros((0, dim), np.float32)

    def begin(self, rng: np.random.Generator) -> None:
        """The numbers of a new episode come from `rng`."""
        self._rng, self._used = rng, 0
        self._drawn = np.zeros((0, self._dim), np.float32)

    def take(self) -> np.ndarray:
        """The next step's, [A]."""
        if self._used == len(self._drawn):
            shape = self.BLOCK, self._dim
            self._drawn = self._rng.standard_normal(shape, np.float32)
            self._used = 0
        self._used += 1
        return self._drawn[self._used - 1]


class Crew:
    """Threads that each do a share of n pieces of work, this thread among them."""

    def __init__(self, n: int, threads: int):
        bounds = np.linspace(0, n, min(threads, n) + 1).round().astype(int)
        self._own, *others = [range(a, b) for a, b in itertools.pairwise(bounds)]
        self._done: queue.SimpleQueue = queue.SimpleQueue()
        self._work: list[queue.SimpleQueue] = []
        for share in others:
            inbox: queue.SimpleQueue = queue.SimpleQueue()
            self._work.append(inbox)
            threading.Thread(
                target=self._serve, args=(inbox, share), daemon=True
            ).start()

    def run(self, work: Callable[[int], None]) -> None:
        """Calls `work(k)` for every k; raises the first error of any thread."""
        for inbox in self._work:
            inbox.put(work)
        error = _errors(work, self._own)
        for _ in self._work:
            error = self._done.get() or error
        if error is not None:
            raise error

    def close(self) -> None:
        """Ends the threads."""
        for inbox in self._work:
            inbox.put(None)

    def _serve(self, inbox: queue.SimpleQueue, share: range) -> None:
        while (work := inbox.get()) is not None:
            self._done.put(_errors(work, share))


def _errors(work: Callable[[int], None], share: range) -> BaseException | None:
    try:
        for k in share:
            work(k)
    except BaseException as error:
        return error
    return None


def is_mujoco(env: gym.Env) -> bool:
    """Whether this is a MuJoCo environment, whose steps may run in threads."""
    base: Any = env.unwrapped
    return hasattr(base, "model") and hasattr(base, "data")
