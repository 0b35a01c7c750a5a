"""Workers as threads: a communicator for what needs no real MPI."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from baselines_her.parallel.communicator import Solo


class FakeWorker(Solo):
    """One of several; they meet at a barrier and put their values on a table."""

    def __init__(self, rank, size, barrier, table):
        self.rank, self.size = rank, size
        self._barrier, self._table = barrier, table

    def gather(self, value):
        self._table[self.rank] = value
        self._barrier.wait(timeout=30)
        values = list(self._table)
        self._barrier.wait(timeout=30)
        return values

    def sum(self, array):
        return np.sum(self.gather(array), axis=0)

    def broadcast(self, value):
        return self.gather(value)[0]


def together(size, work):
    """`work(comm)` on `size` workers at once; the results by rank."""
    barrier, table = threading.Barrier(size), [None] * size
    workers = [FakeWorker(rank, size, barrier, table) for rank in range(size)]
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(work, workers))
