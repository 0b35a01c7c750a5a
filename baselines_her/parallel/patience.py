"""Ends the run when an episode in the training process takes too long.

Nothing else can stop an environment that hangs in the training thread.  Another thread
looks once a second; it cannot while the environment holds Python's lock.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator

from ..types import Start

LOOK = 1.0  # seconds between two looks


class Patience:
    """Watches the episodes of one process, starting with the first one."""

    def __init__(self, env_id: str, limit: float):
        """Prepares to watch; the first episode starts the thread.

        Args:
          env_id: the environment's name, for the message.
          limit: seconds that an episode may take.
        """
        self._env_id, self._limit = env_id, limit
        self._n_begun, self._plays = 0, False
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def watching(self, starts: Iterable[Start]) -> Iterator[Iterator[Start]]:
        """Yields the starts; an episode lasts from one start to the next."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        self._plays = True
        try:
            yield self._counted(starts)
        finally:
            self._plays = False

    def close(self) -> None:
        """Stops watching."""
        self._over.set()

    def _counted(self, starts: Iterable[Start]) -> Iterator[Start]:
        for start in starts:
            self._n_begun += 1
            yield start

    def _watch(self) -> None:
        seen, looks = 0, 0  # looks, not seconds: a suspended process does not play
        while not self._over.wait(LOOK):
            looks = looks + 1 if self._plays and self._n_begun == seen else 0
            seen = self._n_begun
            if looks * LOOK > self._limit:
                self._end_run()

    def _end_run(self) -> None:
        print(
            f"error: an episode must end within {self._limit:g} s, and one of "
            f"{self._env_id} did not.  Look for an environment that hangs, or raise "
            "--collector_timeout.",
            file=sys.stderr,
            flush=True,
        )
        os._exit(2)
