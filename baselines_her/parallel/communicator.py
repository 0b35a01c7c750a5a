"""Communicators, with which workers share gradients, statistics and logs.

A program started by mpiexec is one of several workers ("ranks") that run the same
training, each with episodes of its own.  mpi4py is imported only in such a program, so
it is not needed without MPI.
"""

import functools
import hashlib
import os
import platform
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..types import Communicator
from ..versions import available_cores
from .launcher import launched_size
from .watchdog import Watchdog

YIELDS = 200  # times to test an unfinished exchange before the worker sleeps
NAP = 1e-4  # seconds


class Solo:
    """A single worker: every exchange returns its own argument."""

    rank, size = 0, 1
    is_mixed = False
    waited = exchanged = 0.0
    cores = available_cores()

    def sum(self, array: np.ndarray) -> np.ndarray:
        """The sum of every worker's `array`."""
        return array

    def mean(self, array: np.ndarray) -> np.ndarray:
        """The mean of every worker's `array`."""
        return array

    def broadcast(self, value: Any) -> Any:
        """The first worker's `value`."""
        return value

    def gather(self, value: Any) -> list[Any]:
        """Every worker's `value`, by rank."""
        return [value]

    def require_equal(self, arrays: Mapping[str, np.ndarray], what: str) -> None:
        """Does nothing: there are no other workers to differ from."""

    def set_timeout(self, seconds: float) -> None:
        """Does nothing: there are no other workers to wait for."""

    def abort(self, code: int) -> None:
        """Ends this process at once."""
        os._exit(code)


class Workers:
    """The workers of one `mpiexec`; all call the same methods in the same order.

    Attributes:
      rank: this worker's number, from 0.
      size: how many there are.
      cores: this worker's share of the machine's cores.
      is_mixed: whether their processors differ, so that their bits may differ, too.
      waited: seconds spent waiting for other workers so far.
      exchanged: seconds spent exchanging data so far.
    """

    def __init__(self, comm: Any, clock: Callable[[], float] = time.perf_counter):
        """Connects to the other workers.

        Args:
          comm: an mpi4py communicator; messages are sent in copies of it.
          clock: returns seconds.
        """
        self._comm, self._clock = comm.Dup(), clock
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.waited = self.exchanged = 0.0
        places = comm.allgather(f"rank {self.rank} on {platform.node()}")
        self._places, self._watchdog = places, Watchdog(comm.Dup(), places)
        self.is_mixed = len(set(self.gather(_processor()))) > 1
        usable = self.gather((platform.node(), _affinity()))
        self.cores = share_of_cores(self.rank, usable)

    def sum(self, array: np.ndarray) -> np.ndarray:
        """The sum of every worker's `array`, in its type; the same bits for all."""
        sent = np.ascontiguousarray(array)
        total = np.empty_like(sent)
        self._exchange(lambda: self._comm.Allreduce(sent, total))
        return total.reshape(array.shape)

    def mean(self, array: np.ndarray) -> np.ndarray:
        """The mean of every worker's `array`, in its type."""
        total = self.sum(array)
        total /= self.size
        return total

    def broadcast(self, value: Any) -> Any:
        """The first worker's `value`."""
        return self._exchange(lambda: self._comm.bcast(value))

    def gather(self, value: Any) -> list[Any]:
        """Every worker's `value`, by rank."""
        return self._exchange(lambda: self._comm.allgather(value))

    def require_equal(self, arrays: Mapping[str, np.ndarray], what: str) -> None:
        """Compares arrays of all workers bit by bit.

        Raises:
          RuntimeError: some differ from the first worker's; the message names their
            rank and processor.  Every worker raises it.
        """
        digest = hashlib.sha256(b"".join(a.tobytes() for a in arrays.values()))
        found = self.gather((digest.hexdigest(), _processor()))
        others = [
            f"{place} ({processor})"
            for place, (digest, processor) in zip(self._places, found)
            if digest != found[0][0]
        ]
        if others:
            raise RuntimeError(
                f"{what} must be the same on all workers, but differ from rank 0 "
                f"({found[0][1]}) on {', '.join(others)}.  Use one type of "
                "processor and the same packages everywhere."
            )

    def set_timeout(self, seconds: float) -> None:
        """Sets how long this worker may wait for the others before the job ends."""
        self._watchdog.limit = seconds

    def abort(self, code: int) -> None:
        """Ends the processes of all workers, this one at once."""
        self._comm.Abort(code)
        os._exit(code)  # MPICH returns from Abort and ends this process later

    def _exchange(self, work: Callable[[], Any]) -> Any:
        """Waits until all workers are here, without using the processor; then works.

        MPI itself would wait in a busy loop.  With more workers than cores, that takes
        the core away from the worker that the others are waiting for.
        """
        started = self._clock()
        with self._watchdog.watching():
            request, looks = self._comm.Ibarrier(), 0
            while not request.Test():
                looks += 1
                time.sleep(0.0 if looks < YIELDS else NAP)
            met = self._clock()
            result = work()
        self.waited += met - started
        self.exchanged += self._clock() - met
        return result


def connect(comm: Any = None) -> Communicator:
    """The communicator of this process.

    Args:
      comm: an mpi4py communicator, or one of these classes, which is returned; default:
        all workers that the launcher started, or this process alone.

    Raises:
      RuntimeError: the process was launched as one of several workers, but MPI cannot
        be loaded or is not the launcher's MPI.  If each worker continued alone, the
        same training would run once per worker.
    """
    if comm is not None:
        return Workers(comm) if hasattr(comm, "Get_rank") else comm
    wanted = launched_size()
    return Solo() if wanted == 1 else _launched_workers(wanted)


@functools.cache  # for all trainings of a process
def _launched_workers(wanted: int | None) -> Solo | Workers:
    cure = "  Use the mpiexec of that library: `pip install '.[mpi]'` brings both."
    who = f"this process is one of {wanted or 'several'} workers"
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise RuntimeError(f"{who}, but MPI cannot be loaded: {error}.{cure}") from None
    found = MPI.COMM_WORLD.Get_size()
    if found != (wanted or int(os.environ.get("SLURM_NTASKS", found))):
        library = MPI.Get_library_version().split("\n")[0][:40]
        raise RuntimeError(
            f"{who}, but its MPI library ({library}) sees {found}: the launcher "
            f"belongs to another MPI.{cure}"
        )
    if MPI.Query_thread() < MPI.THREAD_MULTIPLE:
        raise RuntimeError(
            "MPI must allow calls from several threads (MPI_THREAD_MULTIPLE), but this "
            f"one does not.{cure}"
        )
    return Workers(MPI.COMM_WORLD) if found > 1 else Solo()


def share_of_cores(rank: int, usable: list[tuple[str, set[int]]]) -> int:
    """A worker's share of the cores, at least 1.

    Args:
      rank: the worker.
      usable: by rank, the machine and the cores that the worker may use.
    """
    node, own = usable[rank]
    rivals = [cores for other, cores in usable if other == node]
    return max(1, int(sum(1 / sum(c in cores for cores in rivals) for c in own)))


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(available_cores()))


def _processor() -> str:
    """The name of the processor, on Linux from /proc/cpuinfo."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = (line.partition(":") for line in file)
            return next(value.strip() for key, _, value in lines if "model name" in key)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
