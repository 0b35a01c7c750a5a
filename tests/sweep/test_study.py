"""Studies: trials that end, fail, are pruned, or lose their process."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from baselines_her.algorithms import entry
from baselines_her.sweep import __main__ as commands
from baselines_her.sweep import study as studies
from baselines_her.sweep.__main__ import _parser, counts_of, left_of, machine_of, main
from baselines_her.sweep.__main__ import sweep_of as sweep_of_command
from baselines_her.sweep.objective import Budget, Objective, read_curve
from baselines_her.sweep.results import (
    command_of,
    complete,
    confirm,
    preset_of,
    verdict,
    write_page,
    write_table,
)
from baselines_her.sweep.space import Dimension
from baselines_her.sweep.study import (
    Sweep,
    begin_with_preset,
    flags_of,
    n_of,
    open_study,
    run_trials,
)
from baselines_her.sweep.training import Interrupted, Watch, train

pytest.importorskip("optuna")
SPACE = [Dimension("Q_lr", 1e-4, 1e-2, log=True)]
GIVEN = {"env": "FetchReach-v4", "preset": "laptop"}
HEADER = "steps/env,time/total,test/success_rate\n"


def sweep_of(**changes):
    parts = {
        "given": GIVEN,
        "space": SPACE,
        "budget": Budget(steps=1000),
        "objective": Objective(),
        "n_seeds": 1,
        "sampler": "random",
        "sampler_seed": 0,
        "pruner": "none",
    }
    return Sweep(**{**parts, **changes})


class Trainings:
    """Stands in for `train`: ten rows with the score that a function gives."""

    def __init__(self, monkeypatch, score=lambda flags, n: 0.1 * n):
        self.score, self.flags, self.folders = score, [], []
        monkeypatch.setattr(studies, "train", self)

    def __call__(self, flags, folder, watch):
        self.flags.append(flags)
        self.folders.append(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "progress.csv").write_text(HEADER)
        for n in range(1, 11):
            with (folder / "progress.csv").open("a") as file:
                file.write(f"{100 * n},{6 * n},{self.score(flags, n)}\n")
            if watch.ends():
                break
        return read_curve(folder)


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


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
    monkeypatch.setattr(studies, "train", fail)
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
    monkeypatch.setattr(studies, "train", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_trials(study, sweep, tmp_path / "s", 3)
    monkeypatch.setattr(studies, "train", trainings)
    again = open_study(sweep, tmp_path / "s", None)
    run_trials(again, sweep, tmp_path / "s", 3)
    assert (trainings.flags[1], trainings.folders[1]) == broken[0]
    assert len(trainings.flags) == 3 and n_of(again.trials) == (3, 0)


def test_sweeps_that_share_a_storage_are_not_mixed(tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    open_study(sweep_of(), tmp_path / "a" / "s", url)
    open_study(sweep_of(sampler_seed=1), tmp_path / "b" / "s", url)  # another machine
    with pytest.raises(ValueError, match="holds another sweep of the name s"):
        open_study(sweep_of(n_seeds=2), tmp_path / "c" / "s", url)


def test_a_training_that_fails_does_not_end_the_confirmation(tmp_path, monkeypatch):
    def fail(flags, folder, watch):
        if "Q_lr" not in flags:
            raise RuntimeError("a reason")
        return trainings(flags, folder, watch)

    trainings, sweep = Trainings(monkeypatch), sweep_of()
    study = open_study(sweep, tmp_path / "s", None)
    run_trials(study, sweep, tmp_path / "s", 1)
    monkeypatch.setattr(studies, "train", fail)
    said = []
    found = confirm(study, sweep, tmp_path / "s", 1, 2, said.append)
    assert said[0] == "seed 1000, preset: failed: a reason"
    assert found.name == "trial 0" and said[-1].startswith("There are too few")
    rows = json.loads((tmp_path / "s" / "confirm.json").read_text())
    assert len(rows[1]["fresh"]) == 2
    assert "failed: a reason" in write_page(study, sweep, tmp_path / "s").read_text()


def test_a_refused_grid_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="the grid needs choices"):
        open_study(sweep_of(sampler="grid"), tmp_path / "s", None)
    open_study(sweep_of(), tmp_path / "s", None)


def test_what_is_given_is_not_varied():
    her, ppo = entry("her"), entry("ppo")
    space = [Dimension("prioritization", choices=("uniform", "tderror")), *SPACE]
    assert left_of(space, {"per": True}, her) == SPACE
    sizes = [Dimension("batch_size", choices=(128, 256, 512))]
    assert left_of(sizes, {"alg": "ppo", "nminibatches": 4}, ppo) == []
    demos = {"demo_file": "demos.npz", "preset": "laptop_demos"}
    (left,) = left_of(sizes, demos, her)
    assert left.choices == (256, 512)  # 128 rows come from demonstrations


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
    assert trainings.flags[0]["num_timesteps"] == studies.ENDLESS
    best, worst = complete(study)[0], complete(study)[-1]
    assert best.value < worst.value and best.params["Q_lr"] > worst.params["Q_lr"]


def test_the_best_is_confirmed_beside_the_preset_and_nothing_is_repeated(
    tmp_path, monkeypatch
):
    trainings = Trainings(monkeypatch, lambda flags, n: flags.get("Q_lr", 5e-5))
    sweep, said = sweep_of(), []
    study = open_study(sweep, tmp_path / "s", None)
    run_trials(study, sweep, tmp_path / "s", 4)
    found = confirm(study, sweep, tmp_path / "s", 2, 3, said.append)
    rows = json.loads((tmp_path / "s" / "confirm.json").read_text())
    assert rows[0]["name"] == "preset" and len(rows) == 3
    best = complete(study)
    assert rows[1]["params"] == best[0].params and rows[2]["params"] == best[1].params
    assert rows[0]["fresh"] == pytest.approx([5e-5] * 3)
    assert [f["seed"] for f in trainings.flags[4::3]] == [1000, 1001, 1002]
    assert said[10].startswith(f"trial {best[0].number}: ")  # after 9 trainings
    assert said[-1].startswith(f"trial {best[0].number} is better than the preset: +")
    assert found.name == f"trial {best[0].number}"


def test_a_trial_that_is_the_preset_is_not_confirmed_beside_it(tmp_path, monkeypatch):
    """The first trial, and the best one."""
    trainings = Trainings(monkeypatch, lambda flags, n: -abs(flags["Q_lr"] - 1e-3))
    sweep = sweep_of()
    study = open_study(sweep, tmp_path / "s", None)
    begin_with_preset(study, sweep)
    run_trials(study, sweep, tmp_path / "s", 3)
    assert complete(study)[0].number == 0
    trainings.score = lambda flags, n: flags.get("Q_lr", 0.0)
    confirm(study, sweep, tmp_path / "s", 1, 2, lambda line: None)
    rows = json.loads((tmp_path / "s" / "confirm.json").read_text())
    second = f"trial {complete(study)[1].number}"
    assert [row["name"] for row in rows] == ["preset", second]


def test_a_page_loads_nothing_and_text_stays_text(tmp_path, monkeypatch):
    Trainings(monkeypatch, lambda flags, n: flags["Q_lr"])
    sweep = sweep_of(given={**GIVEN, "env": "<script>alert(1)</script>"})
    folder = tmp_path / "s"
    study = open_study(sweep, folder, None)
    monkeypatch.setattr(studies, "from_flags", lambda **flags: None)
    run_trials(study, sweep, folder, 6)
    text = write_page(study, sweep, folder).read_text()
    assert "<script" not in text and "&lt;script&gt;" in text
    assert text.count("data:image/png;base64,") >= 4
    assert not re.search(r"(src|href)=.(?!data:)", text)
    assert "default-src 'none'" in text
    assert {p.stem for p in folder.glob("*.png")} >= {"history", "importance", "slice"}


def test_best_settings_are_a_command_and_a_preset():
    params = {"Q_lr": 0.00123456, "layer_norm": True, "n_batches": 20}
    found = command_of(sweep_of(), params)
    assert found == (
        "python -m baselines_her.run --env=FetchReach-v4 --preset=laptop "
        "--Q_lr=0.00123456 --layer_norm=1 --n_batches=20 --num_timesteps=1000"
    )
    text = preset_of(sweep_of(), params)
    assert '"Q_lr": 0.00123456,' in text and '"layer_norm": True' in text


def test_a_preset_of_the_sweep_holds_all_that_is_special_about_the_environment():
    """As an entry of the table it replaces the old one."""
    given = {"alg": "ppo", "env": "baselines_her/AnymalC-v0", "gamma": 0.97}
    sweep = sweep_of(given=given, budget=Budget(minutes=8))
    text = preset_of(sweep, {"lam": 0.9, "nsteps": 128})
    for wanted in ('"num_env": 64', '"gamma": 0.97', '"lam": 0.9', '"n_cycles": 24'):
        assert wanted in text, wanted
    assert '"env":' not in text and '"num_timesteps"' in text
    command = command_of(sweep, {"lam": 0.9}, steps=1_234_567)
    assert command.endswith("--lam=0.9 --num_timesteps=1234567")


def test_evaluations_are_as_far_apart_whatever_the_length_of_an_iteration():
    """tuned: 49 iterations of 8 environments x 256 steps."""
    sweep = sweep_of(given={"alg": "ppo", "env": "HalfCheetah-v5"})
    for nsteps, n_cycles in (64, 196), (512, 24), (131072, 1):
        assert flags_of(sweep, {"nsteps": nsteps}, 0)["n_cycles"] == n_cycles
    assert "n_cycles" not in flags_of(sweep, {"nsteps": 256}, 0)
    assert "n_cycles" not in flags_of(sweep_of(), {"Q_lr": 1e-3}, 0)
    own = sweep_of(given={**sweep.given, "n_cycles": 7})
    assert flags_of(own, {"nsteps": 64}, 0)["n_cycles"] == 7


def test_the_preset_is_the_first_trial_and_in_the_space(tmp_path, monkeypatch):
    trainings, sweep = Trainings(monkeypatch), sweep_of()
    study = open_study(sweep, tmp_path / "s", None)
    begin_with_preset(study, sweep)
    begin_with_preset(study, sweep)  # not twice
    run_trials(study, sweep, tmp_path / "s", 2)
    assert trainings.flags[0]["Q_lr"] == 1e-3  # laptop's
    assert trainings.flags[1]["Q_lr"] != 1e-3


def test_the_usual_space_is_widened_to_hold_the_preset():
    options = _parser().parse_args(["--minutes=4", "--level=0.9"])
    sweep = sweep_of_command(options, {"env": "FetchPush"})
    space = {dimension.name: dimension for dimension in sweep.space}
    assert space["prioritization"].choices == ("uniform", "tderror", "energy")
    assert (space["polyak"].low, space["polyak"].high) == (0.75, 0.99)
    assert sweep.hang_minutes == 8.0


def test_jobs_share_the_cores(monkeypatch):
    monkeypatch.setattr(commands, "available_cores", lambda: 8)
    ppo, her = entry("ppo"), entry("her")
    assert machine_of(1, ppo) == {}
    assert machine_of(4, ppo)["steppers"] == 2
    assert machine_of(4, her) == {"learner_threads": 2, "collectors": 1}
    own = sweep_of(machine={"learner_threads": 2, "collectors": 1})
    assert flags_of(own, {}, 0)["learner_threads"] == 2
    assert own.facts() == sweep_of().facts()  # it may continue with other jobs


def test_a_trial_whose_training_was_killed_is_continued(tmp_path, monkeypatch):
    def killed(flags, folder, watch):
        seen.append((flags, folder))
        if len(seen) == 1:
            raise Interrupted("ended with code -9")
        return good(flags, folder, watch)

    seen, good, sweep = [], Trainings(monkeypatch), sweep_of()
    monkeypatch.setattr(studies, "train", killed)
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
    monkeypatch.setattr(studies, "train", fail)
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


@pytest.mark.parametrize(
    ("best", "word"),
    [
        ([5.0, 6.0, 7.0], "trial 3 is better than the preset: +4"),
        ([1.0, 2.0, 4.0], "trial 3 and the preset cannot be told apart: +0.333"),
        ([0.0, 0.1, 0.2], "trial 3 is worse than the preset: -1.9"),
    ],
)
def test_a_difference_counts_from_two_standard_errors_on(best, word):
    rows = [
        {"name": "preset", "fresh": [1.0, 2.0, 3.0], "error": ""},
        {"name": "trial 3", "fresh": best, "error": ""},
        {"name": "trial 9", "fresh": [-9.0] * 3, "error": ""},
    ]
    assert verdict(rows, sweep_of()).startswith(word)
    # variances of 1 and 1, three seeds each: sqrt(2 / 3)
    if best[0] == 5.0:
        assert "standard error of 0.82" in verdict(rows, sweep_of())
        minutes = sweep_of(objective=Objective(0.9))  # fewer are better
        assert verdict(rows, minutes).startswith("trial 9 is better")


@pytest.mark.parametrize(
    "change",
    [
        {"space": [Dimension("pi_lr", 1e-4, 1e-2, log=True)]},
        {"budget": Budget(steps=2000)},
        {"objective": Objective(0.9)},
        {"given": {**GIVEN, "env": "FetchPush-v4"}},
    ],
)
def test_another_sweep_is_not_mixed_in(tmp_path, change):
    open_study(sweep_of(), tmp_path / "s", None)
    with pytest.raises(ValueError, match="must be new or hold this sweep"):
        open_study(sweep_of(**change), tmp_path / "s", None)


# -- commands -------------------------------------------------------------------

TINY = ["--env=FetchReach", "--n_cycles=1", "--num_timesteps=100", "--n_batches=1"]
TINY += ["--layers=1", "--hidden=8", "--num_env=1", "--collectors=0"]


LINEAR = "--lr_schedule=linear"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--env=FetchReach"], "needs --minutes or --num_timesteps"),
        ([*TINY, "--minutes=3"], "and not both"),
        ([*TINY, "--trials=0"], "must be at least 1"),
        ([*TINY, "--seed=3"], "sets seed itself"),
        ([*TINY, "--confirm=3"], "confirm must be"),
        ([*TINY, "--level=0.5"], "level counts minutes"),
        ([*TINY, "--hang=-1"], "hang must be above 0"),
        (
            ["--alg=ppo", "--env=Hopper", "--minutes=3", LINEAR],
            "a linear learning rate",
        ),
        ([*TINY, "--sampler=grid"], "the grid needs choices"),
        ([*TINY, "--nonsense=1"], "unknown argument --nonsense"),
        ([*TINY, "--per_alpha=0.3"], "per_alpha has no effect"),
    ],
)
def test_wrong_commands_are_refused(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert sentence in capsys.readouterr().err


def test_a_damaged_storage_is_told_in_one_sentence(tmp_path, capsys):
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "study.db").write_bytes(
        b"this is no database, but it is long enough " * 9
    )
    with pytest.raises(SystemExit, match="2"):
        main([*TINY, f"--out={folder}"])
    err = capsys.readouterr().err
    assert "the sweep's storage" in err.splitlines()[-1] and "Traceback" not in err


def test_a_storage_whose_driver_is_missing_is_told_in_one_sentence(tmp_path, capsys):
    url = "postgresql+pg8000://user:secret@localhost/sweeps"
    with pytest.raises(SystemExit, match="2"):
        main([*TINY, f"--out={tmp_path / 's'}", f"--storage={url}"])
    err = capsys.readouterr().err
    assert "needs the Python package pg8000" in err.splitlines()[-1]
    assert "Traceback" not in err and "secret" not in err


def test_counts():
    assert counts_of("3x5") == (3, 5) and counts_of(None) == (0, 0)


# -- processes ------------------------------------------------------------------


def real_flags():
    flags = dict(word.removeprefix("--").split("=") for word in TINY)
    return {**flags, "seed": 0}


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


def test_a_heartbeat_that_cannot_be_written_ends_nothing(tmp_path, monkeypatch):
    import optuna

    def full(self, trial_id):
        raise optuna.exceptions.StorageInternalError("database or disk is full")

    monkeypatch.setattr(optuna.storages.RDBStorage, "record_heartbeat", full)
    study = open_study(sweep_of(), tmp_path / "s", None)
    study._storage.record_heartbeat(0)


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
