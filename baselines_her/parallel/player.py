"""A process that plays episodes: `python -m baselines_her.parallel.player`.

It reads jobs from its standard input and answers on its standard output.  Each message
is a cloudpickle preceded by its length.  A player ends when its input ends.  It never
loads TensorFlow: that saves 3 seconds and 500 MB per process, and TensorFlow and the
software OpenGL of Mesa crash in one process (both load an LLVM).
"""

import os
import queue
import struct
import sys
import threading
import traceback
from typing import Any, BinaryIO

import cloudpickle
import numpy as np

from ..envs.faults import TOLD
from ..envs.make import EnvFactory
from ..envs.render import film, make_rendered
from ..rollout import Actor, collect
from ..types import EnvSpec, Episodes, Start

HEADER = struct.Struct("<Q")


class Player:
    """The jobs, as methods called by name.  Environments are built on first use."""

    def __init__(self, factory: EnvFactory, spec: EnvSpec, skip_bad: bool = False):
        self._factory, self._spec, self._skip_bad = factory, spec, skip_bad
        self._env: Any = None
        self._film_env: Any = None

    def collect(self, actor: Actor, starts: list[Start]) -> Episodes:
        """One episode for each start."""
        self._env = self._env or self._factory()
        return collect(self._env, self._spec, actor, starts, self._skip_bad)

    def film(self, actor: Actor, start: Start) -> tuple[Episodes, list[np.ndarray]]:
        """One episode with its frames."""
        self._film_env = self._film_env or make_rendered(self._factory, "rgb_array")
        return film(self._film_env, self._spec, actor, start)


def send(stream: BinaryIO, message: Any) -> None:
    """Writes one message."""
    data = cloudpickle.dumps(message)
    stream.write(HEADER.pack(len(data)) + data)
    stream.flush()


def inbox_of(stream: BinaryIO) -> queue.SimpleQueue:
    """A queue of the messages in `stream`, still pickled; None marks the end.

    A thread empties the pipe, so that the other side never has to wait.
    """
    inbox: queue.SimpleQueue = queue.SimpleQueue()

    def read_all():
        while len(header := stream.read(HEADER.size)) == HEADER.size:
            (size,) = HEADER.unpack(header)
            data = stream.read(size)
            if len(data) < size:
                break
            inbox.put(data)
        inbox.put(None)

    threading.Thread(target=read_all, daemon=True).start()
    return inbox


def main() -> None:
    """Answers jobs (method, arguments) until the input ends."""
    jobs, answers = take_over_pipes()
    inbox, player = inbox_of(jobs), None
    answer: tuple[str, Any]
    while (job := inbox.get()) is not None:
        try:
            if player is None:
                player = Player(*cloudpickle.loads(job))
                continue
            method, arguments = cloudpickle.loads(job)
            answer = "result", getattr(player, method)(*arguments)
        except TOLD as error:
            answer = "told", error
        except BaseException:
            answer = "error", traceback.format_exc()
        try:
            send(answers, answer)
        except BrokenPipeError:
            return


def take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes, out of reach of an environment that prints or reads."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdin = open(os.devnull)
    return jobs, answers


if __name__ == "__main__":
    main()
