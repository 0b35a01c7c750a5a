"""Ending together, without MPI: what a worker says, and that it does not go on."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from fake_workers import together

from baselines_her.algorithms import entry
from baselines_her.config import from_flags
from baselines_her.parallel.abort import ending_together, require_alike
from baselines_her.parallel.communicator import Solo, share_of_cores
from baselines_her.parallel.launcher import launched_rank, launched_size
from baselines_her.parallel.watchdog import Watchdog
from baselines_her.runs.loop import Loop
from baselines_her.runs.stopping import Interrupted, stop_signals
from baselines_her.types import Evaluation


class Aborted(BaseException):
    """Stands for the end of the process."""


class Worker(Solo):
    rank, size = 0, 2

    def abort(self, code):
        raise Aborted(code)


@pytest.mark.parametrize(
    ("error", "refuses", "code", "told"),
    [
        (ValueError("a bad value"), True, 2, "error: a bad value\n"),
        (ValueError("a fault"), False, 1, "ValueError: a fault"),
        (SystemExit(3), False, 3, "rank 0 failed"),
        (SystemExit(2), True, 2, "\n"),  # whoever raised it has spoken
        (SystemExit("why"), False, 1, "rank 0 failed"),
        (KeyboardInterrupt(), False, 130, "interrupted\n"),
        (ImportError("no tensorflow"), True, 1, "ImportError: no tensorflow"),
    ],
)
def test_a_worker_that_fails_ends_all(capsys, error, refuses, code, told):
    with pytest.raises(Aborted) as ended, ending_together(Worker(), refuses):
        raise error
    assert ended.value.args == (code,)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("error", [Interrupted(), SystemExit(0), SystemExit()])
def test_what_all_agree_on_ends_nobody_else(error):
    with pytest.raises(type(error)), ending_together(Worker()):
        raise error


def test_alone_an_error_is_an_error():
    with pytest.raises(KeyError), ending_together(Solo()):
        raise KeyError


def test_workers_of_different_trainings_are_named():
    def work(comm):
        require_alike(comm, {"seed": 3, "gamma": 0.9 if comm.rank < 2 else 0.8})

    with pytest.raises(ValueError, match=r"rank 2 has gamma 0.8 and rank 0 has 0.9"):
        together(3, work)


def test_cores_are_shared_with_those_who_may_use_them():
    free = [("a", {0, 1, 2, 3})] * 2 + [("b", {0, 1, 2, 3})]
    assert [share_of_cores(rank, free) for rank in range(3)] == [2, 2, 4]
    bound = [("a", {0, 1}), ("a", {2, 3})]
    assert [share_of_cores(rank, bound) for rank in range(2)] == [2, 2]
    assert share_of_cores(0, [("a", {0, 1})] * 19) == 1


def test_launchers_tell_in_their_own_ways(monkeypatch):
    for name in "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK":
        monkeypatch.delenv(name, raising=False)
    assert (launched_size(), launched_rank()) == (1, 0)
    monkeypatch.setenv("PMIX_RANK", "3")  # Slurm's pmix tells no size
    assert (launched_size(), launched_rank()) == (None, 3)
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "4")
    assert launched_size() == 4


def test_the_same_signal_twice_within_a_second_is_one():
    now = [0.0]
    with stop_signals(lambda: now[0]) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        now[0] = 0.9
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == signal.SIGTERM
        now[0] = 1.1
        with pytest.raises(SystemExit) as ended:
            os.kill(os.getpid(), signal.SIGTERM)
        assert ended.value.code == 143 and not stop.is_agreed


class Numbered:
    """An algorithm whose episode n ends well if n is even, and whose Q there is n."""

    def evaluate(self, starts):
        n = np.array([start.seed.spawn_key[2] for start in starts])
        found = Evaluation(n, n, last_success=n % 2 == 0, any_success=n > 0)
        return found, {"test/mean_Q": float(n.mean())}


@pytest.mark.parametrize("size", [1, 3, 9])
def test_workers_share_the_evaluation(size):
    config = from_flags(n_test_rollouts=7)

    def work(comm):
        loop = Loop(config, entry("her"), Numbered(), None, None, comm)
        loop.rows = [{}]  # of an epoch before: numbers 0 to 6
        return loop._evaluate()

    for row in together(size, work):  # numbers 7 to 13
        assert row["test/success_rate"] == 3 / 7
        assert row["test/success_any"] == 1.0
        assert row["test/mean_Q"] == pytest.approx(10.0)


class Silent:
    """A communicator on which nothing arrives."""

    def Iprobe(self):
        return False


@pytest.mark.alone
def test_only_one_long_wait_ends_the_job(monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr("baselines_her.parallel.watchdog.LOOK", 0.01)
    monkeypatch.setattr(Watchdog, "_end_job", lambda self: ended.set())
    watchdog = Watchdog(Silent(), ["rank 0"], limit=0.2)
    for _ in range(20):  # 0.6 s of short waits
        with watchdog.watching():
            time.sleep(0.03)
    assert not ended.is_set()
    with watchdog.watching():
        assert ended.wait(timeout=10)
