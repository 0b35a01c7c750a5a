"""What a sweep says at its end: confirmation, page, command, preset."""

import json
import re

import pytest
from sweeps import GIVEN, Trainings, sweep_of

from baselines_her.sweep import trials
from baselines_her.sweep.objective import Budget, Objective
from baselines_her.sweep.results import (
    command_of,
    complete,
    confirm,
    preset_of,
    verdict,
    write_page,
)
from baselines_her.sweep.study import begin_with_preset, open_study
from baselines_her.sweep.trials import run_trials

pytest.importorskip("optuna")


def test_a_training_that_fails_does_not_end_the_confirmation(tmp_path, monkeypatch):
    def fail(flags, folder, watch):
        if "Q_lr" not in flags:
            raise RuntimeError("a reason")
        return trainings(flags, folder, watch)

    trainings, sweep = Trainings(monkeypatch), sweep_of()
    study = open_study(sweep, tmp_path / "s", None)
    run_trials(study, sweep, tmp_path / "s", 1)
    monkeypatch.setattr(trials, "train", fail)
    said = []
    found = confirm(study, sweep, tmp_path / "s", 1, 2, said.append)
    assert said[0] == "seed 1000, preset: failed: a reason"
    assert found.name == "trial 0" and said[-1].startswith("There are too few")
    rows = json.loads((tmp_path / "s" / "confirm.json").read_text())
    assert len(rows[1]["fresh"]) == 2
    assert "failed: a reason" in write_page(study, sweep, tmp_path / "s").read_text()


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
    monkeypatch.setattr(trials, "from_flags", lambda **flags: None)
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
