"""Callbacks see a training as it is, may end it, and are told when it ends."""

import json

import numpy as np
import pytest
from point_env import make_point
from trainings import SHORT, Interrupt, rows_of, same_policies, train

import baselines_her


class Diary(baselines_her.Callback):
    """Writes down what it sees; `acts` maps the name of a call to what to do then."""

    def __init__(self, **acts):
        self.lines, self.acts = [], acts

    def note(self, name, run, row=None):
        self.lines.append((name, run.env_steps, len(run.rows), row))
        if name in self.acts:
            self.acts[name](run)

    def on_start(self, run):
        self.note("start", run)

    def on_iteration(self, run, row):
        self.note("iteration", run, row)

    def on_epoch(self, run, row):
        self.note("epoch", run, row)

    def on_end(self, run):
        self.note("end", run)

    @property
    def names(self):
        return [name for name, *_ in self.lines]


def interrupt(run):
    raise Interrupt


EPOCH = ["iteration"] * 3 + ["epoch"]  # n_cycles of SHORT


def test_a_callback_sees_every_step_of_a_training(tmp_path, eagerly):
    diary = Diary()
    result = train(tmp_path / "run", callbacks=[diary], **SHORT)
    assert diary.names == ["start", *EPOCH, *EPOCH, *EPOCH, "end"]
    steps = [line[1] for line in diary.lines]
    assert steps[:5] == [0, 48, 96, 144, 144] and steps[-1] == 432
    assert [line[2] for line in diary.lines if line[0] == "epoch"] == [1, 2, 3]
    assert [row for name, *_, row in diary.lines if name == "epoch"] == result.rows
    rows = [row for name, *_, row in diary.lines if name == "iteration"][:3]
    assert result.rows[0]["loss/critic"] == pytest.approx(
        np.mean([row["loss/critic"] for row in rows])
    )


def test_a_run_offers_folder_settings_and_policy(tmp_path, eagerly):
    seen = {}

    def look(run):
        seen["folder"], seen["action"] = run.folder, run.policy()(observation)
        seen["files"] = {path.name for path in run.folder.iterdir()}
        saved = json.loads((run.folder / "config.json").read_text())["config"]
        seen["same"] = {k: run.config[k] for k in saved} == saved

    observation, _ = make_point().reset(seed=0)
    result = train(tmp_path / "run", callbacks=[Diary(epoch=look)], **SHORT)
    assert seen["folder"] == result.log_path and seen["same"]
    assert {"progress.csv", "policy_latest.pkl", "policy_best.pkl"} <= seen["files"]
    np.testing.assert_array_equal(seen["action"], result.policy(observation))


@pytest.mark.parametrize("when", ["iteration", "epoch"])
def test_a_callback_ends_a_run_after_the_epoch(tmp_path, eagerly, when):
    diary, other = Diary(**{when: lambda run: run.stop()}), Diary()
    result = train(tmp_path / "run", callbacks=[diary, other], **SHORT)
    assert diary.names == other.names == ["start", *EPOCH, "end"]
    assert (result.log_path / "FINISHED").exists()


@pytest.mark.parametrize("when", ["start", "iteration", "epoch"])
def test_an_error_in_a_callback_loses_nothing(tmp_path, eagerly, when):
    train(tmp_path / "whole", **SHORT)
    first, second = Diary(), Diary(**{when: interrupt})
    with pytest.raises(Interrupt):
        train(tmp_path / "parts", callbacks=[first, second], **SHORT)
    assert first.names[-1] == "end"
    assert ("end" in second.names) == (when != "start")  # it has not started
    diary = Diary()
    train(tmp_path / "parts", callbacks=[diary], **SHORT)
    assert diary.lines[0][2] == (1 if when == "epoch" else 0)  # rows at the start
    assert rows_of(tmp_path / "whole") == rows_of(tmp_path / "parts")
    same_policies(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("wrong", [Diary, print, object()])
def test_what_cannot_follow_a_training_is_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match="callbacks must be objects with on_start"):
        train(tmp_path / "run", callbacks=[wrong], **SHORT)
    assert not (tmp_path / "run").exists()
