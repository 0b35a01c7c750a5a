"""Runs that broke off or are extended go on bit for bit."""

import json
import shutil

import numpy as np
import pytest
from point_env import make_point
from trainings import (
    POINT,
    SHORT,
    Interrupt,
    rows_of,
    same_policies,
    same_states,
    state_of,
    train,
)

import baselines_her


@pytest.mark.parametrize(
    ("pipelined", "cycle", "compiled"),
    [(True, 2, True), (True, 3, False), (True, 5, False), (False, 2, False)],
)
def test_a_run_that_broke_off_goes_on_with_the_same_bits(
    tmp_path, monkeypatch, request, pipelined, cycle, compiled
):
    """Stopped within an epoch, at its end, and in the next one."""
    from baselines_her.runs import saver as resuming

    if not compiled:
        request.getfixturevalue("eagerly")
    flags = {**SHORT, "seed": 3, "pipelined": pipelined}
    whole = train(tmp_path / "whole", **flags)
    after_iteration, count = resuming.Saver.after_iteration, [0]

    def break_off(self):
        after_iteration(self)
        count[0] += 1
        if count[0] == cycle:
            raise Interrupt

    monkeypatch.setattr(resuming.Saver, "after_iteration", break_off)
    with pytest.raises(Interrupt):
        train(tmp_path / "parts", **flags, checkpoint_interval=0)
    monkeypatch.undo()
    assert not (tmp_path / "parts" / "FINISHED").exists()
    result = train(tmp_path / "parts", **flags)
    assert rows_of(whole.log_path) == rows_of(result.log_path)
    assert result.rows[-1]["steps/env"] == whole.rows[-1]["steps/env"]
    same_policies(whole.log_path, result.log_path)
    same_states(whole.log_path, result.log_path)


SAMPLERS = {
    "tderror": {"per": True},
    "chunks": {"per": True, "per_chunk": 2, "n_batches": 6, "pipelined": False},
    "energy": {"prioritization": "energy"},
    "noise": {"noise": "ou", "replay_strategy": "futureactual"},
}


def make_movable():
    """The point as an object that lies on a table."""
    env = make_point()
    lies = np.array([1.0, 1.0, 0.0])
    env.unwrapped.object_position = lambda obs, achieved: obs[..., :3] * lies
    return env


@pytest.mark.parametrize("kind", SAMPLERS)
def test_samplers_and_noise_go_on_with_the_same_bits(
    tmp_path, monkeypatch, eagerly, kind
):
    from baselines_her.runs import saver as resuming

    flags = {**SHORT, "n_batches": 4, **SAMPLERS[kind], "quiet": True}
    flags |= {"make_env": make_movable, "num_timesteps": 240}
    whole = baselines_her.train(log_path=str(tmp_path / "whole"), **flags)
    after_iteration, count = resuming.Saver.after_iteration, [0]

    def break_off(self):
        after_iteration(self)
        count[0] += 1
        if count[0] == 2:
            raise Interrupt

    monkeypatch.setattr(resuming.Saver, "after_iteration", break_off)
    parts = {**flags, "log_path": str(tmp_path / "parts")}
    with pytest.raises(Interrupt):
        baselines_her.train(**parts, checkpoint_interval=0)
    monkeypatch.undo()
    result = baselines_her.train(**parts)
    assert rows_of(whole.log_path) == rows_of(result.log_path)
    same_states(whole.log_path, result.log_path)
    arrays, _ = state_of(result.log_path)
    assert ("sampler/priorities" in arrays) == (kind in ("tderror", "chunks"))


def test_a_finished_run_is_extended(tmp_path, eagerly):
    # three epochs of 144 steps: 432 is the end of an epoch, so nothing is cut short
    long = train(tmp_path / "long", **{**SHORT, "num_timesteps": 864})
    train(tmp_path / "parts", **{**SHORT, "num_timesteps": 432})
    result = baselines_her.train(
        POINT, resume=str(tmp_path / "parts"), num_timesteps=864, quiet=True
    )
    assert rows_of(long.log_path) == rows_of(result.log_path)
    same_policies(long.log_path, result.log_path)
    same_states(long.log_path, result.log_path)


def test_resuming_takes_no_other_settings(short_run, tmp_path):
    folder = str(short_run.log_path)
    with pytest.raises(ValueError, match="its own settings, found --batch_size"):
        baselines_her.train(POINT, resume=folder, batch_size=8, quiet=True)
    with pytest.raises(ValueError, match="give --env=point_env:Point-v0"):
        baselines_her.train(resume=folder, quiet=True)
    with pytest.raises(ValueError, match="must hold a run"):
        baselines_her.train(POINT, resume=str(tmp_path / "none"), quiet=True)


def test_a_run_without_a_checkpoint_begins_again(short_run, tmp_path, eagerly):
    shutil.copytree(short_run.log_path, tmp_path / "run")
    for path in (tmp_path / "run" / "checkpoint").iterdir():
        path.unlink()
    result = train(tmp_path / "run", **SHORT)
    assert len(result.rows) == 3
    assert rows_of(result.log_path) == rows_of(short_run.log_path)


def test_rows_after_the_checkpoint_are_cut_everywhere(tmp_path, monkeypatch, eagerly):
    event_accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    from baselines_her.runs import saver as resuming

    def break_off(row):
        if row["epoch"] == 1:
            raise Interrupt

    # one checkpoint, at the first cycle; both epochs after it are lost
    after_iteration, count = resuming.Saver.after_iteration, [0]

    def first_only(self):
        count[0] += 1
        if count[0] == 1:
            after_iteration(self)

    monkeypatch.setattr(resuming.Saver, "after_iteration", first_only)
    flags = {**SHORT, "checkpoint_interval": 0}
    with pytest.raises(Interrupt):
        train(tmp_path / "run", **flags, on_epoch=break_off)
    assert len(rows_of(tmp_path / "run")) == 2
    monkeypatch.undo()
    result = train(tmp_path / "run", **flags)
    assert len(rows_of(tmp_path / "run")) == len(result.rows) == 3
    lines = (tmp_path / "run" / "progress.json").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [0, 1, 2]
    found = event_accumulator.EventAccumulator(str(tmp_path / "run" / "tb"))
    found.Reload()
    steps = [event.step for event in found.Scalars("test/success_rate")]
    assert steps == [row["steps/env"] for row in result.rows]


def test_a_folder_that_vanishes_ends_the_run_by_name(tmp_path, eagerly):
    folder = tmp_path / "run"

    def vanish(row):
        shutil.rmtree(folder)

    with pytest.raises(RuntimeError, match=r"run must stay where it is, but it was"):
        train(folder, **SHORT, on_epoch=vanish)
    assert not folder.exists()


def test_a_writer_that_fails_does_not_stop_the_training(
    tmp_path, monkeypatch, capfd, eagerly
):
    from baselines_her.runs import logger

    def fail(self, row):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logger.JsonWriter, "write", fail)
    result = baselines_her.train(POINT, log_path=str(tmp_path / "run"), **SHORT)
    assert len(result.rows) == 3
    said = capfd.readouterr().out
    assert said.count("JsonWriter failed and is no longer used: [Errno 28]") == 1
