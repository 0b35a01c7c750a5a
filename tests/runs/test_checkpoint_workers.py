"""Checkpoints of several workers: one manifest, everybody's episodes."""

import threading
from itertools import chain

import numpy as np
import pytest
from conftest import HORIZON, counting_episodes
from fake_workers import together

from baselines_her.replay.buffer import ReplayBuffer
from baselines_her.runs.checkpoint import Checkpoints

CAPACITY = 6


def buffer_of(spec, rank, n):
    """Episodes k of worker `rank` carry the number 1000 rank + k."""
    buffer = ReplayBuffer(spec, CAPACITY * HORIZON)
    for k in range(n):
        buffer.add(counting_episodes(1, first=1000 * rank + k))
    return buffer


def numbers(buffer):
    """Which episodes lie in the buffer, slot by slot."""
    return (buffer.achieved[: len(buffer), 0, 0] / 100).astype(int).tolist()


def save(spec, folder, size, n):
    """A checkpoint of `size` workers with `n` episodes each."""

    def work(comm):
        own = {"own": np.full(2, comm.rank)}
        checkpoints = Checkpoints(folder, buffer_of(spec, comm.rank, n), comm)
        checkpoints.save({"shared": np.arange(3)}, {"n": n}, n, own)

    together(size, work)


def load(spec, folder, size):
    """What `size` workers find: (checkpoint, buffer) by rank."""

    def work(comm):
        buffer = ReplayBuffer(spec, CAPACITY * HORIZON)
        return Checkpoints(folder, buffer, comm).load(), buffer

    return together(size, work)


@pytest.mark.parametrize("n", [4, 9])
def test_every_worker_gets_its_own_back(spec, tmp_path, n):
    save(spec, tmp_path, 3, n)
    for rank, (found, buffer) in enumerate(load(spec, tmp_path, 3)):
        assert found.facts == {"n": n} and found.n_workers == 3
        assert found.own["own"].tolist() == [rank, rank]
        assert found.arrays["shared"].tolist() == [0, 1, 2]
        assert set(found.arrays) == {"shared"} and set(found.own) == {"own"}
        assert buffer.n_added == n
        assert numbers(buffer) == numbers(buffer_of(spec, rank, n))


@pytest.mark.parametrize(("before", "after"), [(3, 2), (1, 2), (2, 1), (2, 3)])
def test_other_numbers_of_workers_deal_the_episodes_out(spec, tmp_path, before, after):
    save(spec, tmp_path, before, 3)
    loaded = load(spec, tmp_path, after)
    dealt = [numbers(buffer) for _, buffer in loaded]
    expected = [1000 * rank + k for rank in range(before) for k in range(3)]
    assert sorted(chain(*dealt)) == expected[: after * CAPACITY]
    for worker, part in enumerate(dealt):
        assert all((n % 1000 * before + n // 1000) % after == worker for n in part)
    for found, _ in loaded:
        assert found.own is None and found.n_workers == before
        assert found.arrays["shared"].tolist() == [0, 1, 2]


def test_overwritten_episodes_are_not_dealt(spec, tmp_path):
    save(spec, tmp_path, 2, 9)  # rings of 6: numbers 3 to 8 are left
    dealt = [numbers(buffer) for _, buffer in load(spec, tmp_path, 3)]
    assert sorted(chain(*dealt)) == [*range(3, 9), *range(1003, 1009)]


def test_after_dealing_the_next_checkpoint_is_whole(spec, tmp_path):
    save(spec, tmp_path, 2, 3)

    def go_on(comm):
        buffer = ReplayBuffer(spec, CAPACITY * HORIZON)
        checkpoints = Checkpoints(tmp_path, buffer, comm)
        checkpoints.load()
        buffer.add(counting_episodes(1, first=5000 + comm.rank))
        checkpoints.save({"shared": np.arange(3)}, {"n": 4}, 4)
        return numbers(buffer)

    expected = together(3, go_on)
    assert [numbers(buffer) for _, buffer in load(spec, tmp_path, 3)] == expected
    assert not list(tmp_path.glob("*of2*"))


def test_a_worker_that_cannot_write_leaves_the_checkpoint_before(
    spec, tmp_path, monkeypatch
):
    from baselines_her.runs import checkpoint

    write, wait = checkpoint._write_npz, threading.Barrier.wait

    def write_or_fail(path, arrays):
        if "state_3_rank1" in path.name:
            raise OSError("No space left on device")
        return write(path, arrays)

    def save_twice(comm):
        buffer = buffer_of(spec, comm.rank, 2)
        checkpoints = Checkpoints(tmp_path, buffer, comm)
        checkpoints.save({"shared": np.arange(3)}, {"n": 2}, 2)
        buffer.add(counting_episodes(1, first=7))
        checkpoints.save({"shared": np.arange(3)}, {"n": 3}, 3)

    monkeypatch.setattr(checkpoint, "_write_npz", write_or_fail)
    impatient = lambda barrier, timeout=None: wait(barrier, timeout=0.5)  # noqa: E731
    monkeypatch.setattr(threading.Barrier, "wait", impatient)
    with pytest.raises((OSError, threading.BrokenBarrierError)):
        together(2, save_twice)
    monkeypatch.undo()
    for found, buffer in load(spec, tmp_path, 2):
        assert found.facts == {"n": 2} and len(buffer) == 2
