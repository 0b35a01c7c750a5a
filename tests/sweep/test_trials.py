"""Trials that end, fail, are pruned, or lose their process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweeps import TINY, Trainings, rows_of, sweep_of

from baselines_her.sweep import study as studies
from baselines_her.sweep import trials
from baselines_her.sweep.__main__ import main
from baselines_her.sweep.objective import Budget, Objective
from baselines_her.sweep.results import complete, write_table
from baselines_her.sweep.study import open_study
from baselines_her.sweep.training import Interrupted
from baselines_her.sweep.trials import flags_of, n_of, run_trials

pytest.importorskip("optuna")


def test_trials_are_run_and_the_same_command_continues(tmp_path, monkeypatch):
    trainings = Trainings(monkeypatch, lambda flags, n: flags["Q_lr"])
    sweep, told = sweep_of(n_seeds=2), []
    study = open_study(sweep, tmp_path / "s", None)
    run_trials(study, sweep, tmp_path / "s", 3, told.append)
    assert len(told) == 3 and len(trainings.flags) == 6
    assert [f["seed"] for f in trainings.flags] == [0, 1] * 3
    assert all(f["num_timesteps"] == 1000 for f in trainings.flags)
    again = open_study(sweep, tmp_path / "s", None)
    run_trials(again, sweep, tmp_path / "s", 5)
    assert len(trainings.flags) == 10  # two more trials
    rates = [f["Q_lr"] for f in trainings.flags[::2]]
    assert len(set(rates)) == 5
    best = complete(again)
    assert best[0].value == pytest.approx(max(rates))
    write_table(again, sweep, tmp_path / "s.csv")
    rows = rows_of(tmp_path / "s.csv")
    assert [float(row["Q_lr"]) for row in rows] == pytest.approx(rates)
    assert {row["state"] for row in rows} == {"COMPLETE"}


def test_a_trial_that_fails_counts_and_says_why(tmp_path, monkeypatch):
    def fail(flags, folder, watch):
        if len(seen) == 1:
            seen.append(folder)
            raise RuntimeError("the training ended with code 2: a reason")
        seen.append(folder)
        return good(flags, folder, watch)

    seen, good = [], Trainings(monkeypatch)
    monkeypatch.setattr(trials, "train", fail)
    sweep = sweep_of()
    study = open_study(sweep, tmp_path / "s", None)
    run_trials(study, sweep, tmp_path / "s", 3)
    assert len(seen) == 3
    write_table(study, sweep, tmp_path / "s.csv")
    rows = rows_of(tmp_path / "s.csv")
    assert [row["state"] for row in rows] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert rows[1]["error"].endswith("a reason") and n_of(study.trials) == (3, 0)


def test_ctrl_c_loses_no_trial(tmp_path, monkeypatch):
    """The next command continues the trial in its folder, with its settings."""

    def interrupt(flags, folder, watch):
        broken.append((flags, folder))
        raise KeyboardInterrupt

    broken, trainings, sweep = [], Trainings(monkeypatch), sweep_of()
    study = open_study(sweep, tmp_path / "s", None)
    run_trials(study, sweep, tmp_path / "s", 1)
    monkeypatch.setattr(trials, "train", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_trials(study, sweep, tmp_path / "s", 3)
    monkeypatch.setattr(trials, "train", trainings)
    again = open_study(sweep, tmp_path / "s", None)
    run_trials(again, sweep, tmp_path / "s", 3)
    assert (trainings.flags[1], trainings.folders[1]) == broken[0]
    assert len(trainings.flags) == 3 and n_of(again.trials) == (3, 0)


def test_hopeless_trials_are_pruned(tmp_path, monkeypatch):
    trainings = Trainings(monkeypatch)
    trainings.score = lambda flags, n: (
        0.0 if len(trainings.flags) == 8 else 0.5 + 0.01 * len(trainings.flags)
    )
    sweep = sweep_of(pruner="median")
    study = open_study(sweep, tmp_path / "s", None)
    run_trials(study, sweep, tmp_path / "s", 9)
    states = [t.state.name for t in study.trials]
    assert states == ["COMPLETE"] * 7 + ["PRUNED", "COMPLETE"]
    kept = rows_of(tmp_path / "s" / "trial_0007" / "seed0" / "progress.csv")
    assert len(kept) == 3  # point 5 of 20 is reached with the third of ten rows


def test_minutes_to_a_level_are_minimised(tmp_path, monkeypatch):
    trainings = Trainings(monkeypatch, lambda flags, n: float(n * flags["Q_lr"] > 2e-3))
    budget = Budget(minutes=1.0)
    sweep = sweep_of(objective=Objective(0.9), pruner="median", budget=budget)
    study = open_study(sweep, tmp_path / "s", None)
    run_trials(study, sweep, tmp_path / "s", 4)
    assert trainings.flags[0]["num_timesteps"] == trials.ENDLESS
    best, worst = complete(study)[0], complete(study)[-1]
    assert best.value < worst.value and best.params["Q_lr"] > worst.params["Q_lr"]


def test_evaluations_are_as_far_apart_whatever_the_length_of_an_iteration():
    """tuned: 49 iterations of 8 environments x 256 steps."""
    sweep = sweep_of(given={"alg": "ppo", "env": "HalfCheetah-v5"})
    for nsteps, n_cycles in (64, 196), (512, 24), (131072, 1):
        assert flags_of(sweep, {"nsteps": nsteps}, 0)["n_cycles"] == n_cycles
    assert "n_cycles" not in flags_of(sweep, {"nsteps": 256}, 0)
    assert "n_cycles" not in flags_of(sweep_of(), {"Q_lr": 1e-3}, 0)
    own = sweep_of(given={**sweep.given, "n_cycles": 7})
    assert flags_of(own, {"nsteps": 64}, 0)["n_cycles"] == 7


def test_a_trial_whose_training_was_killed_is_continued(tmp_path, monkeypatch):
    def killed(flags, folder, watch):
        seen.append((flags, folder))
        if len(seen) == 1:
            raise Interrupted("ended with code -9")
        return good(flags, folder, watch)

    seen, good, sweep = [], Trainings(monkeypatch), sweep_of()
    monkeypatch.setattr(trials, "train", killed)
    study = open_study(sweep, tmp_path / "s", None)
    run_trials(study, sweep, tmp_path / "s", 2)
    assert len(seen) == 3 and seen[0] == seen[1] and seen[2] != seen[1]
    assert n_of(study.trials) == (2, 0)


def test_five_failures_in_a_row_end_the_sweep(tmp_path, monkeypatch):
    def fail(flags, folder, watch):
        seen.append(folder)
        if len(seen) == 5:
            study.ask()  # another process has begun a later trial
        raise RuntimeError("no space left on device")

    seen, sweep = [], sweep_of()
    monkeypatch.setattr(trials, "train", fail)
    study = open_study(sweep, tmp_path / "s", None)
    with pytest.raises(RuntimeError, match=r"5 trials in a row have failed.*no space"):
        run_trials(study, sweep, tmp_path / "s", 50)
    assert len(seen) == 5


def test_a_trial_that_died_before_its_first_heartbeat_is_forgotten(
    tmp_path, monkeypatch
):
    trainings, sweep = Trainings(monkeypatch), sweep_of()
    study = open_study(sweep, tmp_path / "s", None)
    study.ask()  # and nothing follows
    monkeypatch.setattr(studies, "GRACE", -1)
    run_trials(study, sweep, tmp_path / "s", 1)
    assert len(trainings.flags) == 1
    assert [t.state.name for t in study.trials] == ["FAIL", "COMPLETE"]


def test_a_trial_at_its_end_is_not_pruned(tmp_path, monkeypatch):
    """All is paid for."""
    trainings = Trainings(monkeypatch)
    trainings.score = lambda flags, n: (
        1.0 if n == 10 and len(trainings.flags) < 8 else 0.5
    )
    sweep = sweep_of(pruner="median")
    study = open_study(sweep, tmp_path / "s", None)
    run_trials(study, sweep, tmp_path / "s", 8)
    assert {t.state.name for t in study.trials} == {"COMPLETE"}


def test_trials_that_reach_the_level_are_in_the_medians_of_later_points(
    tmp_path, monkeypatch
):
    Trainings(monkeypatch, lambda flags, n: 1.0)
    sweep = sweep_of(objective=Objective(0.9), budget=Budget(minutes=1.0))
    study = open_study(sweep, tmp_path / "s", None)
    run_trials(study, sweep, tmp_path / "s", 1)
    assert study.trials[0].intermediate_values[20] == -1.0
    write_table(study, sweep, tmp_path / "s.csv")
    (row,) = rows_of(tmp_path / "s.csv")
    assert (row["steps"], row["reached"]) == ("300", "1")
    assert float(row["minutes"]) == pytest.approx(0.3)


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from baselines_her.sweep import study as studies
from baselines_her.sweep.__main__ import main
studies.HEARTBEAT, studies.GRACE = 1, 4
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_and_counts_nothing_twice(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(tests=str(Path(__file__).parents[1])))
    space = tmp_path / "space.toml"
    space.write_text("[Q_lr]\n")
    flags = [*TINY, "--checkpoint_interval=0", "--trials=2", "--out=s"]
    flags[2] = "--num_timesteps=1500"  # thirty epochs
    command = [sys.executable, str(program), *flags, f"--space={space}"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    progress = tmp_path / "s" / "trial_0000" / "seed0" / "progress.csv"
    end = time.monotonic() + 120
    while not (progress.exists() and len(progress.read_text().splitlines()) > 3):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = rows_of(tmp_path / "s" / "sweep.csv")
    states = [row["state"] for row in rows]
    assert sorted(states) == ["COMPLETE", "COMPLETE", "FAIL"]
    # the killed trial and the one that continues it have the same settings and folder
    rates = [row["Q_lr"] for row in rows if row["state"] == "COMPLETE"]
    assert rows[0]["state"] == "FAIL" and rows[0]["Q_lr"] in rates
    assert len(set(rates)) == 2
    assert len([*(tmp_path / "s").glob("trial_*")]) == 2
    log = (progress.parent / "log.txt").read_text()
    assert "continues after" in log
    assert len(progress.read_text().splitlines()) == 31


@pytest.mark.slow
def test_two_processes_share_a_sweep(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space = tmp_path / "space.toml"
    space.write_text("[Q_lr]\n")
    assert main([*TINY, "--trials=4", "--jobs=2", "--out=s", f"--space={space}"]) == 0
    rows = rows_of(tmp_path / "s" / "sweep.csv")
    assert [row["state"] for row in rows] == ["COMPLETE"] * 4
    assert len({row["Q_lr"] for row in rows}) == 4
    assert "best: " in capsys.readouterr().out
