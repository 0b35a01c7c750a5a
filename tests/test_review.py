"""Faults that a review found: each test failed before its cure."""

import json
import os
import pickle
import shutil
import signal
import time

import numpy as np
import pytest
from conftest import run
from pickled_npz import legacy
from trainings import POINT, SHORT, Interrupt, rows_of, train

import baselines_her
from baselines_her.config import from_flags
from baselines_her.demos.file import load_demos
from baselines_her.demos.pickled_arrays import UnsafePickle, read_pickled_array
from baselines_her.runs.policy_file import load_policy, read_policy
from baselines_her.runs.stopping import stop_signals


def test_a_users_own_files_stay_in_the_run_folder(tmp_path, eagerly):
    names = ".pre-commit-config.yaml", ".env.local", "checkpoint/mine.npz"
    (tmp_path / "checkpoint").mkdir()
    for name in names:
        (tmp_path / name).write_text("mine")
    train(tmp_path, **SHORT)
    for name in names:
        assert (tmp_path / name).read_text() == "mine"


def test_resuming_writes_no_file_that_only_the_folder_names(
    short_run, tmp_path, eagerly
):
    shutil.copytree(short_run.log_path, tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    content = json.loads(path.read_text())
    content["config"]["save_path"] = str(tmp_path / "victim.txt")
    path.write_text(json.dumps(content))
    folder = str(tmp_path / "run")
    baselines_her.train(POINT, resume=folder, num_timesteps=500, quiet=True)
    assert not (tmp_path / "victim.txt").exists()


def test_a_run_that_begins_anew_takes_no_checkpoint_of_another(
    short_run, tmp_path, eagerly
):
    whole = train(tmp_path / "whole", **SHORT, seed=7)
    shutil.copytree(short_run.log_path, tmp_path / "run")
    (tmp_path / "run" / "config.json").unlink()

    def break_off(row):
        raise Interrupt

    with pytest.raises(Interrupt):
        train(tmp_path / "run", **SHORT, seed=7, on_epoch=break_off)
    result = train(tmp_path / "run", **SHORT, seed=7)
    assert rows_of(result.log_path) == rows_of(whole.log_path)


def test_two_processes_never_share_a_run_folder(tmp_path, eagerly):
    seen = []

    def again(row):
        with pytest.raises(ValueError, match="another process trains in"):
            train(tmp_path / "run", **SHORT)
        seen.append(row)

    train(tmp_path / "run", **SHORT, on_epoch=again)
    assert len(seen) == 3


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_stop_during_an_evaluation_or_at_the_end_is_heard(
    short_run, tmp_path, epoch, eagerly
):
    def stop(row):
        if row["epoch"] == epoch:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit, match="143"):
        train(tmp_path / "run", **SHORT, on_epoch=stop)
    manifest = json.loads((tmp_path / "run" / "checkpoint/manifest.json").read_text())
    assert len(manifest["facts"]["epochs"]["rows"]) == epoch + 1
    result = train(tmp_path / "run", **SHORT)
    assert rows_of(result.log_path) == rows_of(short_run.log_path)


def test_a_stop_that_interrupts_an_evaluation_saves_what_is_whole(
    short_run, tmp_path, monkeypatch, eagerly
):
    from baselines_her.runs import loop as epochs
    from baselines_her.runs import stopping

    monkeypatch.setattr(stopping, "SECONDS", 1)
    slow = epochs.Loop._evaluate

    def hang(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)

    monkeypatch.setattr(epochs.Loop, "_evaluate", hang)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", **SHORT)
    monkeypatch.setattr(epochs.Loop, "_evaluate", slow)
    manifest = json.loads((tmp_path / "run" / "checkpoint/manifest.json").read_text())
    assert manifest["facts"]["counters"]["n_cycles"] == 3
    result = train(tmp_path / "run", **SHORT)
    assert rows_of(result.log_path) == rows_of(short_run.log_path)


def test_the_callers_alarm_and_ignored_signals_stay(monkeypatch):
    signal.alarm(1000)
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with stop_signals() as stop:
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.signal is None
        assert signal.alarm(0) > 900
    finally:
        signal.signal(signal.SIGTERM, before)


# -- strangers' files ---------------------------------------------------------


def test_a_shared_array_does_not_multiply(tmp_path):
    big = np.zeros(20_000)
    entry = {"observation": big, "achieved_goal": big, "desired_goal": big}
    acs = np.zeros((20, 50, 1))
    obs = np.array([[entry] * 51] * 20, object)
    info = np.array([[{"is_success": 1.0}] * 50] * 20, object)
    path = legacy(tmp_path / "old.npz", acs=acs, obs=obs, info=info, compressed=False)
    with pytest.raises(ValueError, match="more than such a file can explain"):
        load_demos(path)


def test_files_packed_too_tightly_are_refused(tmp_path):
    path = legacy(tmp_path / "old.npz", acs=np.zeros((1000, 50, 4)))
    with pytest.raises(ValueError, match="packed more tightly"):
        load_demos(path)


def test_success_must_be_a_number(tmp_path):
    nested = [[[0] * 10] * 10] * 10
    info = np.array([[{"is_success": nested}] * 5] * 3, object)
    with pytest.raises(ValueError, match="is_success must be a number"):
        load_demos(legacy(tmp_path / "old.npz", info=info))


def test_a_stack_of_containers_does_not_grow():
    with pytest.raises(UnsafePickle, match="deeper than 10000"):
        read_pickled_array(b"\x80\x04" + b"]" * 1_000_000 + b".", 10**7)


def test_what_is_refused_is_not_printed():
    program = b"\x80\x04cnumpy\ndtype\n](K\x01e\x94"
    for n in range(7):
        program += b"](" + (b"h" + bytes([n])) * 10 + b"e\x94"
    started = time.process_time()
    with pytest.raises(UnsafePickle):
        read_pickled_array(program + b"\x85R.", 10_000)
    assert time.process_time() - started < 0.2


# -- settings, playing --------------------------------------------------------


@pytest.mark.parametrize("value", ["inf", "1e400", "9" * 400, float("inf")])
def test_numbers_beyond_all_ranges_are_refused(value):
    for name in "num_timesteps", "seed", "gamma":
        with pytest.raises(ValueError, match=f"{name} must be"):
            from_flags(**{name: value})


def test_a_policy_plays_as_it_was_evaluated(tmp_path, eagerly):
    run = train(tmp_path / "run", **SHORT, test_with_polyak=1)
    found, target = (
        load_policy(run.best_policy),
        load_policy(run.best_policy, use_target=True),
    )
    main = load_policy(run.best_policy, use_target=False)
    x = np.ones(3, np.float32), np.zeros(2, np.float32), np.ones(2, np.float32)
    np.testing.assert_array_equal(found.act(*x), target.act(*x))
    assert (found.act(*x) != main.act(*x)).any()


def test_demonstrations_carry_the_environment_they_were_played_in(short_run, tmp_path):
    import gymnasium as gym
    from point_env import PointEnv

    gym.register("OtherPoint-v0", entry_point=PointEnv, max_episode_steps=7)
    from baselines_her.play import play

    file = tmp_path / "demos.npz"
    other = "point_env:OtherPoint-v0"
    play(
        short_run.best_policy,
        env=other,
        episodes=2,
        save_demos=file,
        say=lambda _: None,
    )
    demos = load_demos(file)
    assert demos.facts["env_id"] == other
    assert demos.action.shape == (2, 7, 2)


@pytest.mark.parametrize("header", [b"{}", 3])
def test_a_header_of_another_kind_is_refused(short_run, tmp_path, header):
    content = pickle.loads(short_run.best_policy.read_bytes())
    content["header"] = header
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps(content, protocol=4))
    with pytest.raises(ValueError, match="is not a policy file"):
        read_policy(path)


def test_a_save_path_that_is_a_folder_is_refused_before_training(tmp_path):
    with pytest.raises(ValueError, match="save_path must be a file"):
        train(tmp_path / "run", **SHORT, save_path=str(tmp_path))
    assert not (tmp_path / "run").exists()


def test_a_wrapped_environment_does_not_begin_within_demonstrations():
    import gymnasium as gym

    from baselines_her.envs.make import env_factory
    from baselines_her.envs.state import require_restorable

    require_restorable(env_factory("FetchReach", None)())

    class Louder(gym.ObservationWrapper):
        def observation(self, observation):
            return {k: 100 * v for k, v in observation.items()}

    def make_env():
        return Louder(env_factory("FetchReach", None)())

    with pytest.raises(ValueError, match="Drop --demo_resets, or the wrappers"):
        require_restorable(env_factory(None, make_env)())


def test_the_time_left_counts_from_where_the_run_went_on(capsys):
    from baselines_her.algorithms.her_entry import COLUMNS
    from baselines_her.runs.console import Plain

    times = iter([0.0, 60.0])
    console = Plain(100_000, COLUMNS, clock=lambda: next(times))
    console.resumes(9_000)
    row = dict.fromkeys([column.name for column in COLUMNS], 0.0)
    row["steps/env"] = 10_000
    console.epoch(row)
    assert "1:30:00 left" in capsys.readouterr().out  # 90 times the minute's 1,000


def test_replaying_no_episode_is_refused(tmp_path):
    legacy(tmp_path / "old.npz")
    command = "-m", "baselines_her.demos", "replay", "old.npz", "--episodes=0"
    done = run(tmp_path, None, *command)
    assert done.returncode == 2
    assert done.stderr == "error: episodes must be at least 1, found 0.\n"
