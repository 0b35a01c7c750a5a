"""One training of a sweep: a process that is watched."""

import json

import pytest
from sweeps import HEADER, real_flags

from baselines_her.sweep.objective import Budget
from baselines_her.sweep.training import Watch, train

pytest.importorskip("optuna")


def test_a_training_that_fails_is_told_by_its_last_line(tmp_path):
    watch = Watch(tmp_path / "run", Budget(), 30.0, lambda curve: None)
    with pytest.raises(RuntimeError, match=r"ended with code 2: error: .*n_batches"):
        train({**real_flags(), "n_batches": 0}, tmp_path / "run", watch)


def written(folder, n):
    """A run with n evaluations, 0.1 minutes apart."""
    folder.mkdir(exist_ok=True)
    rows = "".join(f"{100 * k},{6 * k},0.5\n" for k in range(1, n + 1))
    (folder / "progress.csv").write_text(HEADER + rows)


def test_time_counts_between_evaluations_of_a_training_that_runs(tmp_path):
    """Budget of 1 minute; evaluations take 0.1 minutes of it at first, then 0.8."""
    now = [0.0]
    budget, clock = Budget(minutes=1.0), lambda: now[0]
    watch = Watch(tmp_path, budget, 30.0, lambda curve: None, clock=clock)
    written(tmp_path, 2)
    assert not watch.ends()  # the rows of a training that was cut off
    now[0] = 300.0
    assert not watch.ends()  # it starts up and compiles
    written(tmp_path, 0)
    assert not watch.ends()  # and continues from an earlier checkpoint
    written(tmp_path, 3)
    assert not watch.ends()
    now[0] += 40.0
    assert not watch.ends()  # 0.3 + 0.67 minutes
    now[0] += 3.0
    assert watch.ends()


@pytest.mark.slow
def test_a_training_that_hangs_is_ended(tmp_path, monkeypatch):
    flags = {**real_flags(), "num_timesteps": 10**9, "n_cycles": 10**6}
    watch = Watch(tmp_path / "run", Budget(), 0.15, lambda curve: None)
    with pytest.raises(RuntimeError, match=r"no evaluation for 0\.15 minutes"):
        train(flags, tmp_path / "run", watch)


def test_a_folder_of_another_training_is_not_taken(tmp_path):
    (tmp_path / "FINISHED").touch()
    (tmp_path / "flags.json").write_text(json.dumps({"Q_lr": 1.0}))
    watch = Watch(tmp_path, Budget(), 30.0, lambda curve: None)
    with pytest.raises(ValueError, match="must be new or hold this training"):
        train({"Q_lr": 2.0}, tmp_path, watch)
