"""Ends the job when a worker does not come: it may be stopped, swapped out, unplugged.

MPI waits for ever.  A thread looks once a second how long this worker has been waiting.
Past the limit it tells the others, those that wait answer, and whoever says nothing is
named.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

LISTEN = 3.0  # seconds in which the others say that they wait too


class Watchdog:
    """Watches the waits of one worker."""

    def __init__(self, comm: Any, limit: float = 300.0):
        """Starts watching.

        Args:
          comm: an mpi4py communicator of its own.
          limit: seconds that a wait may last.
        """
        self.limit = limit
        self._comm = comm
        self._since: float | None = None
        threading.Thread(target=self._watch, daemon=True).start()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Within it, this worker waits for the others."""
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None

    def _watch(self) -> None:
        while True:
            time.sleep(1.0)
            since = self._since
            if since is None:
                continue
            if time.monotonic() - since > self.limit or self._comm.Iprobe():
                self._end_job()

    def _end_job(self) -> None:
        silent = self._silent_ranks()
        others = set(range(self._comm.Get_size())) - silent
        if self._comm.Get_rank() == min(others):
            names = " and ".join(f"rank {rank}" for rank in sorted(silent))
            print(
                f"error: every worker must answer within {self.limit:g} s, and "
                f"{names or 'the network'} did not.  Look at its machine, or raise "
                "--mpi_timeout.",
                file=sys.stderr,
                flush=True,
            )
        else:
            time.sleep(1.0)  # the first one speaks
        os._exit(1)  # the launcher ends the others, stopped ones too

    def _silent_ranks(self) -> set[int]:
        """Ranks that do not say within `LISTEN` seconds that they wait."""
        rank, token = self._comm.Get_rank(), np.zeros(1, np.int8)
        others = set(range(self._comm.Get_size())) - {rank}
        sent = [self._comm.Isend(token, other) for other in others]
        heard = {other: np.empty(1, np.int8) for other in others}
        asked = {other: self._comm.Irecv(heard[other], other) for other in others}
        end = time.monotonic() + LISTEN
        while others and sent and time.monotonic() < end:
            others -= {other for other in set(others) if asked[other].Test()}
            time.sleep(0.01)
        return others
