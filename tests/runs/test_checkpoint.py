"""The checkpoint's files: a ring that survives, whole or not at all."""

import os
import re

import numpy as np
import pytest
from conftest import HORIZON, counting_episodes

from baselines_her.replay.buffer import FIELDS, ReplayBuffer
from baselines_her.runs.checkpoint import Checkpoints

ARRAYS = {"weights": np.arange(6.0, dtype=np.float32).reshape(2, 3)}


def filled(spec, n, capacity=4):
    buffer = ReplayBuffer(spec, capacity * HORIZON)
    for k in range(n):
        buffer.add(counting_episodes(1, first=k))
    return buffer


@pytest.mark.parametrize("steps", [[3], [3, 3], [2, 3, 5, 1], [4, 4, 1], [9, 2]])
def test_a_ring_of_episodes_survives(spec, tmp_path, steps):
    buffer = ReplayBuffer(spec, 4 * HORIZON)
    writer = Checkpoints(tmp_path, buffer)
    for n in steps:
        for _ in range(n):
            buffer.add(counting_episodes(1, first=buffer.n_added))
        writer.save(ARRAYS, {"n": n}, buffer.n_added)
        other = ReplayBuffer(spec, 4 * HORIZON)
        found = Checkpoints(tmp_path, other).load()
        assert found.facts == {"n": n}
        np.testing.assert_array_equal(found.arrays["weights"], ARRAYS["weights"])
        assert other.n_added == buffer.n_added
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(other, name), getattr(buffer, name))


def test_only_new_episodes_are_written(spec, tmp_path):
    buffer = filled(spec, 2)
    writer = Checkpoints(tmp_path, buffer)
    writer.save(ARRAYS, {}, 1)
    first = tmp_path / "episodes_0.npz"
    stamp = first.stat().st_mtime_ns
    buffer.add(counting_episodes(1, first=2))
    writer.save(ARRAYS, {}, 2)
    assert first.stat().st_mtime_ns == stamp
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"manifest.json", "state_2.npz", "episodes_0.npz", "episodes_2.npz"}
    for k in range(3, 7):  # episodes 0 and 1 are overwritten now, 2 also
        buffer.add(counting_episodes(1, first=k))
    writer.save(ARRAYS, {}, 3)
    assert not first.exists()


def test_the_checkpoint_before_counts_until_the_new_one_is_whole(
    spec, tmp_path, monkeypatch
):
    buffer = filled(spec, 2)
    writer = Checkpoints(tmp_path, buffer)
    writer.save(ARRAYS, {"n": 1}, 1)
    buffer.add(counting_episodes(1, first=2))
    replace = os.replace
    for name in ("episodes_2.npz", "state_2.npz", "manifest.json"):

        def full(source, target, name=name):
            if str(target).endswith(name):
                raise OSError(28, "No space left on device")
            replace(source, target)

        monkeypatch.setattr(os, "replace", full)
        with pytest.raises(OSError, match=rf"it needs \d+ bytes: '.*{name}'"):
            writer.save(ARRAYS, {"n": 2}, 2)
        monkeypatch.undo()
        assert Checkpoints(tmp_path, filled(spec, 0)).load().facts == {"n": 1}
        left = {path.name for path in tmp_path.iterdir()}
        assert left == {"manifest.json", "state_1.npz", "episodes_0.npz"}
    writer.save(ARRAYS, {"n": 2}, 2)
    assert Checkpoints(tmp_path, filled(spec, 0)).load().facts == {"n": 2}


def test_a_damaged_checkpoint_is_refused_or_proven_identical(spec, tmp_path):
    Checkpoints(tmp_path, filled(spec, 3)).save(ARRAYS, {"n": 1}, 1)
    rng = np.random.default_rng(0)
    expected = filled(spec, 3)
    for path in sorted(tmp_path.iterdir()):
        good = path.read_bytes()
        for n in range(120):
            data = bytearray(good)
            if n % 3:
                data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
            else:
                data = data[: rng.integers(len(data))]
            path.write_bytes(data)
            other = ReplayBuffer(spec, 4 * HORIZON)
            try:
                found = Checkpoints(tmp_path, other).load()
            except ValueError as error:
                assert re.search("is not a whole checkpoint: .", str(error))
            else:
                assert found.facts == {"n": 1}
                weights = found.arrays["weights"]
                np.testing.assert_array_equal(weights, ARRAYS["weights"])
                np.testing.assert_array_equal(other.obs, expected.obs)
        path.write_bytes(good)
