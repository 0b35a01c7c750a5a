"""Ends the job when a worker does not answer: it may be stopped or disconnected.

MPI would wait for ever.  A thread checks once a second how long this worker has been
waiting.  After the limit it asks the others.  Those that are also waiting answer; the
error names the workers that do not.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

LOOK = 1.0  # seconds between two looks
LISTEN = 3.0  # seconds in which the others must answer


class Watchdog:
    """Watches how long one worker waits."""

    def __init__(self, comm: Any, places: list[str], limit: float = 300.0):
        """Starts watching.

        Args:
          comm: an mpi4py communicator that nothing else uses.
          places: the name of each rank in messages.
          limit: seconds that a wait may last.
        """
        self.limit = limit
        self._comm, self._places = comm, places
        self._n_waits, self._waits = 0, False
        threading.Thread(target=self._watch, daemon=True).start()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Within the block, this worker waits for the others."""
        self._n_waits += 1
        self._waits = True
        try:
            yield
        finally:
            self._waits = False

    def _watch(self) -> None:
        seen, looks = 0, 0  # looks, not seconds: a suspended job does not wait
        while True:
            time.sleep(LOOK)
            looks = looks + 1 if self._waits and self._n_waits == seen else 0
            seen = self._n_waits
            if looks and (looks * LOOK > self.limit or self._comm.Iprobe()):
                self._end_job()

    def _end_job(self) -> None:
        silent = self._silent_ranks()
        others = set(range(self._comm.Get_size())) - silent
        if self._comm.Get_rank() == min(others):
            names = " and ".join(self._places[rank] for rank in sorted(silent))
            print(
                f"error: every worker must answer within {self.limit:g} s, and "
                f"{names or 'the network'} did not.  Check that, or raise "
                "--mpi_timeout (also if `on_epoch` is slow).",
                file=sys.stderr,
                flush=True,
            )
        else:
            time.sleep(1.0)  # the first one prints the error
        os._exit(1)  # the launcher then ends the others, even stopped ones

    def _silent_ranks(self) -> set[int]:
        """Ranks that do not report within `LISTEN` seconds that they are waiting."""
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
