"""Plays episodes in other processes or in this one, with the same bits either way.

A job is (actor, starts) and its answer is `Episodes`, so there is one message per batch
of episodes and none per step.
"""

import contextlib
import functools
import os
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import cloudpickle
import gymnasium as gym
import numpy as np

from ..envs.make import EnvFactory
from ..rollout import Actor, collect
from ..types import EnvSpec, Episodes, FlatSpec, Start, concatenate
from .launcher import without_launcher
from .patience import Patience
from .player import inbox_of, send

Starts = list[Start]


class Pending(Protocol):
    """Episodes that are being played."""

    def result(self) -> Episodes:
        """Waits for the episodes; they are in the order of their starts."""


class Later:
    """Episodes that this process plays when their result is needed."""

    def __init__(
        self,
        play: Callable[[Iterable[Start]], Episodes],
        starts: Starts,
        patience: Patience,
    ):
        self._play, self._starts, self._patience = play, starts, patience

    def result(self) -> Episodes:
        """Plays the episodes."""
        with self._patience.watching(self._starts) as starts:
            return self._play(starts)


class Joined:
    """The episodes of several jobs, joined in order."""

    def __init__(self, parts: list[Pending]):
        self._parts = parts

    def result(self) -> Episodes:
        """Waits for all jobs."""
        return concatenate([part.result() for part in self._parts])


class Answer:
    """A player's answer to one job; it answers its jobs in their order."""

    def __init__(self, player: "PlayerProcess"):
        self._player = player
        self.value: Any = None
        self.arrived = False

    def result(self) -> Any:
        """Waits for the answer."""
        while not self.arrived:
            self._player.take_next_answer()
        return self.value


class PlayerProcess:
    """A process that plays episodes, and the jobs that it has not answered yet."""

    def __init__(
        self,
        factory: EnvFactory,
        spec: EnvSpec | FlatSpec,
        timeout: float,
        skip_bad: bool = False,
        module: str = "baselines_her.parallel.player",
    ):
        """Starts the process.

        Args:
          factory: builds its environments; it is sent by cloudpickle, so it may be a
            lambda in the user's script.
          spec: the environments' dimensions.
          timeout: seconds to wait for an answer; then the player is considered hung.
          skip_bad: see `rollout.collect`.
          module: the module that the process runs.
        """
        self._timeout = timeout
        self._waiting: deque[Answer] = deque()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_child_environment(),
            start_new_session=True,  # so that Ctrl-C does not reach it
        )
        self._inbox = inbox_of(self._process.stdout)  # type: ignore[arg-type]
        self._send((factory, spec, skip_bad))

    def submit(self, method: str, *arguments: Any) -> Answer:
        """Hands over a job: a method of `player.Player` and its arguments."""
        self._send((method, arguments))
        self._waiting.append(Answer(self))
        return self._waiting[-1]

    def take_next_answer(self) -> None:
        """Waits for the oldest job's answer.

        Raises:
          Fault: an environment broke a rule; the message is the same as without
            players.
          RuntimeError: the job failed in another way (the message has its traceback),
            the process died, or no answer came within the timeout.
        """
        try:
            message = self._inbox.get(timeout=self._timeout)
        except queue.Empty:
            raise RuntimeError(
                f"a player must answer within {self._timeout:g} s, and one did not. "
                " Look for an environment that hangs, or raise --collector_timeout."
            ) from None
        if message is None:
            raise self._died()
        kind, value = cloudpickle.loads(message)
        if kind == "told":
            raise value
        if kind == "error":
            raise RuntimeError(f"a player failed:\n{value}")
        answer = self._waiting.popleft()
        answer.value, answer.arrived = value, True

    def require_alive(self) -> None:
        """Raises RuntimeError if the process has ended."""
        if self._process.poll() is not None:
            raise self._died()

    def close(self) -> None:
        """Kills the process at once."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()  # type: ignore[union-attr]

    def _send(self, message: Any) -> None:
        try:
            send(self._process.stdin, message)  # type: ignore[arg-type]
        except BrokenPipeError:
            raise self._died() from None

    def _died(self) -> RuntimeError:
        code = self._process.wait()
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return RuntimeError(
            f"a player ended with {how} before it answered.  Its output is above; if "
            "there is none, the machine may have run out of memory."
        )


class Collectors:
    """Plays episodes with `n` players, or in this process if n is 0."""

    def __init__(
        self,
        factory: EnvFactory,
        spec: EnvSpec,
        env: gym.Env,
        n: int,
        timeout: float = 300.0,
        skip_bad: bool = False,
    ):
        """Starts the players.

        Args:
          factory: builds the players' environments.
          spec: the environments' dimensions.
          env: this process's own environment.
          n: number of players, at least 0.
          timeout: seconds to wait for a player's answer, or for an episode in this
            process.
          skip_bad: see `rollout.collect`.
        """
        self._env, self._spec, self._skip_bad = env, spec, skip_bad
        self._players = [
            PlayerProcess(factory, spec, timeout, skip_bad) for _ in range(n)
        ]
        self._patience = Patience(spec.env_id, timeout)

    def submit(self, actor: Actor, starts: Starts) -> Pending:
        """Begins one episode for each start, without waiting."""
        if not self._players:
            return self._here(actor, starts)
        return Joined(self._hand_out(actor, starts, self._players))

    def collect(self, actor: Actor, starts: Starts) -> Episodes:
        """Plays one episode for each start and waits; this process takes its share."""
        share = len(starts) // (len(self._players) + 1)
        theirs = self._hand_out(actor, starts[share:], self._players)
        if not theirs:
            return self._here(actor, starts).result()
        mine = [self._here(actor, starts[:share]).result()] if share else []
        return concatenate([*mine, *(part.result() for part in theirs)])

    def _here(self, actor: Actor, starts: Starts) -> Later:
        play = functools.partial(
            collect, self._env, self._spec, actor, skip_bad=self._skip_bad
        )
        return Later(play, starts, self._patience)

    def _hand_out(self, actor: Actor, starts: Starts, players: list) -> list[Pending]:
        """Splits the starts into contiguous, nearly equal shares, one per player."""
        bounds = np.linspace(0, len(starts), len(players) + 1).round().astype(int)
        return [
            player.submit("collect", actor, starts[start:stop])
            for player, start, stop in zip(players, bounds, bounds[1:])
            if stop > start
        ]

    def __enter__(self) -> "Collectors":
        return self

    def __exit__(self, *error: Any) -> None:
        self._patience.close()
        for player in self._players:
            player.close()


class Filmer:
    """Films episodes in a separate process, which is started for the first film.

    This process has loaded TensorFlow, and software OpenGL would crash in it.
    """

    def __init__(self, factory: EnvFactory, spec: EnvSpec, timeout: float = 300.0):
        self._setup = factory, spec, timeout
        self._player: PlayerProcess | None = None

    def film(self, actor: Actor, start: Start) -> list[np.ndarray]:
        """The T+1 frames [H, W, 3] of one episode."""
        self._player = self._player or PlayerProcess(*self._setup)
        _, frames = self._player.submit("film", actor, start).result()
        return frames

    def __enter__(self) -> "Filmer":
        return self

    def __exit__(self, *error: Any) -> None:
        if self._player:
            self._player.close()


def _child_environment() -> dict[str, str]:
    """The environment of a player: our modules, no MPI variables, one BLAS thread."""
    kept = without_launcher(os.environ)
    path = os.pathsep.join(p or os.getcwd() for p in sys.path)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**kept, **threads, "PYTHONPATH": path}
