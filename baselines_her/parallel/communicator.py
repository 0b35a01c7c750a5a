"""Communicators: how workers agree on gradients, statistics and logs.

A program started by mpiexec is one of several workers ("ranks") that run the same
training on episodes of their own.  mpi4py is imported only there: without MPI nothing
of it is needed.
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

YIELDS = 200  # looks at an exchange that is not ready, before the processor is given up
NAP = 1e-4  # seconds


class Solo:
    """A single worker: every exchange returns what it was given."""

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
        """Nobody to differ from."""

    def set_timeout(self, seconds: float) -> None:
        """Nobody to wait for."""

    def abort(self, code: int) -> None:
        """Ends this process at once."""
        os._exit(code)


class Workers:
    """The workers of one `mpiexec`: all of them call the same methods in one order.

    Attributes:
      rank: this worker's number, from 0.
      size: how many there are.
      cores: this worker's share of its machine's.
      is_mixed: whether their processors differ, and with them perhaps their bits.
      waited: seconds spent until all workers had come to an exchange, so far.
      exchanged: seconds spent in exchanging.
    """

    def __init__(self, comm: Any, clock: Callable[[], float] = time.perf_counter):
        """Meets the others.

        Args:
          comm: an mpi4py communicator; messages pass in copies of it.
          clock: seconds.
        """
        self._comm, self._clock = comm.Dup(), clock
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.waited = self.exchanged = 0.0
        places = comm.allgather(f"rank {self.rank} on {platform.node()}")
        self._places, self._watchdog = places, Watchdog(comm.Dup(), places)
        self.is_mixed = len(set(self.gather(_processor()))) > 1
        told = self.gather((platform.node(), _affinity()))
        self.cores = share_of_cores(self.rank, told)

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
          RuntimeError: some differ from the first worker's, named by rank and
            processor; every worker raises it.
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
        """How long a wait for the others may last before it ends the job."""
        self._watchdog.limit = seconds

    def abort(self, code: int) -> None:
        """Ends every worker's process, this one at once."""
        self._comm.Abort(code)
        os._exit(code)  # MPICH comes back from Abort, and ends this process later

    def _exchange(self, work: Callable[[], Any]) -> Any:
        """Waits until all workers are here, leaving them the processor, then works.

        MPI itself would wait in a busy loop, and take the core from the worker that
        everybody waits for when there are more workers than cores.
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
        all that the launcher started, or nobody.

    Raises:
      RuntimeError: the process was launched as one of several workers, and MPI cannot
        be loaded or is another one than the launcher's.  Going on alone would start
        the same training once for every worker.
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
            f"{who}, but its MPI library ({library}) sees {found}: the launcher is of "
            f"another MPI.{cure}"
        )
    if MPI.Query_thread() < MPI.THREAD_MULTIPLE:
        raise RuntimeError(
            "MPI must allow calls from several threads (MPI_THREAD_MULTIPLE), and this "
            f"one does not.{cure}"
        )
    return Workers(MPI.COMM_WORLD) if found > 1 else Solo()


def share_of_cores(rank: int, told: list[tuple[str, set[int]]]) -> int:
    """How many cores a worker has for itself, at least 1.

    Args:
      rank: the worker.
      told: by rank, the machine and the numbers of the cores it may use.
    """
    node, own = told[rank]
    rivals = [cores for other, cores in told if other == node]
    return max(1, int(sum(1 / sum(c in cores for cores in rivals) for c in own)))


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(available_cores()))


def _processor() -> str:
    """The processor's name, as Linux tells it."""
    try:
        with open("/proc/cpuinfo") as file:
            lines = (line.partition(":") for line in file)
            return next(value.strip() for key, _, value in lines if "model name" in key)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
