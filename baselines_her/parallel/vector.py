"""N environments side by side, each a stream of episodes, stepped by processes.

This process steps a share of them and other processes the rest, in shared memory.
Threads would not work: each step releases Python's lock and takes it again, and waking
a thread takes longer than the step (measured: two threads are slower than one).

An episode and the noise of its actions are functions of the stream and the episode's
number.  So neither the number of processes nor other streams change a single bit.  Of
an unfinished episode `state` holds the number and the actions so far; `load_state`
plays them again.
"""

import itertools
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..envs.faults import BadState, Place
from ..envs.make import EnvFactory
from ..types import Arrays, Finished, FlatSpec
from .collectors import PlayerProcess
from .streams import SeedOf, Streams, Table

STEPPER = "baselines_her.parallel.stepper"
LOOKS = 20_000  # at the table between two looks at the clock


class Step(NamedTuple):
    """The outputs of one step of all N environments."""

    next_obs: np.ndarray  # [N, O] what followed the actions
    reward: np.ndarray  # [N]
    terminated: np.ndarray  # [N] bool
    truncated: np.ndarray  # [N] bool


class Vector:
    """N environments and their current episodes."""

    def __init__(
        self,
        factory: EnvFactory,
        spec: FlatSpec,
        n: int,
        seed_of: SeedOf,
        noise_of: SeedOf,
        processes: int = 1,
        timeout: float = 300.0,
    ):
        """Builds the environments and begins the first episodes.

        Args:
          factory: builds one environment.
          spec: the environments' dimensions.
          n: number of environments.
          seed_of: returns the seed of an episode.
          noise_of: returns the seed of the noise of its actions.
          processes: number of processes that step them, including this one.
          timeout: seconds to wait for one step.
        """
        self._spec, self._noise_of, self._timeout = spec, noise_of, timeout
        bounds = np.linspace(0, n, min(processes, n) + 1).round().astype(int)
        own, *others = (range(a, b) for a, b in itertools.pairwise(bounds))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table"
            self._table = Table(path, spec, n, len(others))
            self._steppers = [
                PlayerProcess(factory, spec, timeout, module=STEPPER) for _ in others
            ]
            opened = [
                stepper.submit("open", str(path), n, len(others), k, share, seed_of)
                for k, (stepper, share) in enumerate(zip(self._steppers, others))
            ]
            self._own = Streams(factory, spec, self._table, own, seed_of)
            for answer in opened:
                answer.result()
        self._noise = [Noise(spec.action_dim) for _ in range(n)]
        self._finished = Finished([], [], [])
        self._sums = np.zeros(n)  # rewards of the episodes so far
        self._terms = np.zeros((n, len(spec.terms)))  # their terms
        self._numbers = np.zeros(n, int)
        self._actions: list[list[np.ndarray]] = [[] for _ in range(n)]
        self.begin(self._numbers)

    def __len__(self) -> int:
        return len(self._noise)

    @property
    def obs(self) -> np.ndarray:
        """The current observations, [N, O] float32, as a view."""
        return self._table.obs

    def noise(self) -> np.ndarray:
        """The next normal noise of each stream, [N, A] float32."""
        return np.stack([noise.take() for noise in self._noise])

    def step(self, actions: np.ndarray) -> Step:
        """Takes one step in every environment; ended episodes are followed by new ones.

        Args:
          actions: [N, A] float32, as the environments take them.

        Raises:
          BadState: a number is not finite; the message names stream, episode and step.
          RuntimeError: an environment or a process failed.
        """
        table = self._table
        self._require_finite("action", actions)
        table.action[:] = actions
        table.command[0] += 1
        self._own.step()
        self._wait()
        self._require_finite("observation", table.next_obs)
        self._require_finite("reward", table.reward)
        step = Step(
            table.next_obs.copy(),
            table.reward.copy(),
            table.terminated.copy(),
            table.truncated.copy(),
        )
        self._sums += step.reward
        if self._spec.terms:
            self._terms += table.terms
        for kept, action in zip(self._actions, table.action.copy()):
            kept.append(action)
        for k in np.flatnonzero(step.terminated | step.truncated):
            self._finish(int(k))
        self._require_finite("observation", table.obs)
        return step

    def take_finished(self) -> Finished:
        """The episodes that have ended since the last call."""
        found, self._finished = self._finished, Finished([], [], [])
        return found

    def begin(
        self, numbers: np.ndarray, actions: list[np.ndarray] | None = None
    ) -> None:
        """Begins an episode in every stream and repeats its actions so far.

        Args:
          numbers: [N], of the episodes.
          actions: [steps, A] of each; default: none.
        """
        nothing = np.zeros((0, self._spec.action_dim), np.float32)
        actions = [nothing] * len(self) if actions is None else actions
        answers = [s.submit("begin", numbers, actions) for s in self._steppers]
        self._own.begin(numbers, actions)
        for answer in answers:
            answer.result()
        self._numbers = np.array(numbers)
        self._actions = [list(some) for some in actions]
        self._sums[:] = 0.0
        self._terms[:] = 0.0
        self._require_finite("observation", self._table.obs)
        for k in range(len(self)):
            self._begin_noise(k, len(actions[k]))

    def state(self) -> dict[str, np.ndarray]:
        """The episodes' numbers, and their actions and rewards so far."""
        arrays: dict[str, np.ndarray] = {}
        arrays |= {"numbers": self._numbers.copy(), "sums": self._sums.copy()}
        if self._spec.terms:
            arrays["terms"] = self._terms.copy()
        for k, actions in enumerate(self._actions):
            shape = len(actions), self._spec.action_dim
            arrays[f"actions/{k}"] = np.array(actions, np.float32).reshape(shape)
        return arrays

    def load_state(self, arrays: Arrays) -> None:
        """Plays the unfinished episodes of `state()` again.

        Raises:
          ValueError: the environment does not repeat an episode.
        """
        actions = [arrays[f"actions/{k}"] for k in range(len(self))]
        self.begin(arrays["numbers"], actions)
        self._sums = np.array(arrays["sums"])
        self._terms = np.array(arrays.get("terms", self._terms))

    def close(self) -> None:
        """Ends the processes and closes the environments."""
        for stepper in self._steppers:
            stepper.close()
        self._own.close()

    def _finish(self, k: int) -> None:
        self._finished.returns.append(float(self._sums[k]))
        self._finished.lengths.append(len(self._actions[k]))
        self._finished.terms.append(self._terms[k].tolist())
        self._sums[k], self._actions[k] = 0.0, []
        self._terms[k] = 0.0
        self._numbers[k] += 1
        self._begin_noise(k, 0)

    def _begin_noise(self, k: int, used: int) -> None:
        seed = self._noise_of(k, int(self._numbers[k]))
        self._noise[k].begin(np.random.default_rng(seed))
        for _ in range(used):
            self._noise[k].take()

    def _wait(self) -> None:
        """Waits for the other processes, looking without pause."""
        wanted, started = self._table.command[0], time.monotonic()
        for k, stepper in enumerate(self._steppers):
            for looks in itertools.count():
                done = self._table.done[k]
                if done == wanted:
                    break
                if done == -1:
                    stepper.take_next_answer()
                if looks % LOOKS == LOOKS - 1:
                    stepper.require_alive()
                    self._require_in_time(started)

    def _require_in_time(self, started: float) -> None:
        if time.monotonic() - started > self._timeout:
            raise RuntimeError(
                f"a step must end within {self._timeout:g} s, and one did not.  Look "
                "for an environment that hangs, or raise --collector_timeout."
            )

    def _require_finite(self, what: str, values: np.ndarray) -> None:
        if np.isfinite(values.sum()):
            return
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        k = int(np.argmax(bad))
        place = Place(self._spec.env_id, f"stream {k}, episode {self._numbers[k]}")
        raise BadState(
            f"numbers must be finite, found in {place.at(len(self._actions[k]))}: "
            f"{what}, {values[k]}.  Correct the environment."
        )


class Noise:
    """Standard normal numbers for one episode, drawn many steps at a time."""

    BLOCK = 128

    def __init__(self, dim: int):
        self._dim, self._used = dim, 0
        self._rng = np.random.default_rng(0)
        self._drawn = np.zeros((0, dim), np.float32)

    def begin(self, rng: np.random.Generator) -> None:
        """Begins a new episode, whose numbers come from `rng`."""
        self._rng, self._used = rng, 0
        self._drawn = np.zeros((0, self._dim), np.float32)

    def take(self) -> np.ndarray:
        """The numbers for the next step, [A]."""
        if self._used == len(self._drawn):
            shape = self.BLOCK, self._dim
            self._drawn = self._rng.standard_normal(shape, np.float32)
            self._used = 0
        self._used += 1
        return self._drawn[self._used - 1]
