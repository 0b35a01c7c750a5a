"""Whole trainings on the point: learning, repeatability, the run folder."""

import csv
import json

import numpy as np
import pytest
from point_env import PointEnv, make_point
from trainings import SHORT, SMALL, rows_of, train

import baselines_her
from baselines_her.algorithms.her_entry import COLUMNS
from baselines_her.config import with_flags
from baselines_her.runs.intervals import wilson
from baselines_her.runs.policy_file import read_policy


def test_hindsight_learns_what_plain_replay_does_not(tmp_path):
    success = {}
    for strategy in ("future", "none"):
        result = train(
            tmp_path / strategy,
            replay_strategy=strategy,
            num_timesteps=6_000,
            **{**SMALL, "n_batches": 20, "batch_size": 128, "num_env": 5},
            action_l2=0.1,
            random_steps=500,
            seed=1,
        )
        env = "point_env:Point-v0"
        success[strategy], _ = baselines_her.evaluate(result.policy, env, episodes=100)
    assert success["future"] >= 0.9
    assert success["none"] <= 0.4


def test_the_same_seed_gives_the_same_bits(tmp_path):
    first, again = (train(tmp_path / name, seed=5, **SHORT) for name in ("a", "b"))
    assert rows_of(first.log_path) == rows_of(again.log_path)
    one = read_policy(first.log_path / "policy_latest.pkl").arrays
    two = read_policy(again.log_path / "policy_latest.pkl").arrays
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name])


def test_another_seed_gives_other_bits(short_run, tmp_path, eagerly):
    other = train(tmp_path / "other", seed=6, **SHORT)
    assert rows_of(other.log_path) != rows_of(short_run.log_path)


def test_evaluating_does_not_change_training(tmp_path, eagerly):
    few = train(tmp_path / "few", **{**SHORT, "n_test_rollouts": 1})
    many = train(tmp_path / "many", **{**SHORT, "n_test_rollouts": 30})
    one = read_policy(few.log_path / "policy_latest.pkl").arrays
    two = read_policy(many.log_path / "policy_latest.pkl").arrays
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name])


def test_a_run_folder_holds_everything(tmp_path, eagerly):
    saved = tmp_path / "saved.pkl"
    flags = {**SHORT, "policy_save_interval": 2, "save_path": str(saved)}
    result = train(tmp_path / "run", **flags)
    names = {path.name for path in result.log_path.iterdir()} - {"tb"}
    assert names == {
        "FINISHED",
        "checkpoint",
        "config.json",
        "policy_0.pkl",
        "policy_2.pkl",
        "policy_best.pkl",
        "policy_latest.pkl",
        "progress.csv",
        "progress.json",
    }
    assert saved.read_bytes() == (result.log_path / "policy_latest.pkl").read_bytes()
    content = json.loads((result.log_path / "config.json").read_text())
    assert content["config"]["gamma"] == pytest.approx(1 - 1 / 12)
    assert content["versions"]["tensorflow"] != "not installed"


def test_rows_count_and_name_what_was_done(short_run):
    result = short_run
    # an epoch is 3 cycles of 4 episodes of 12 steps: 144 steps; the run ends with
    # the first cycle that reaches 400: the third of the third epoch
    steps = [row["steps/env"] for row in result.rows]
    assert steps == [144, 288, 432]
    assert [row["steps/updates"] for row in result.rows] == [9, 18, 27]
    assert [row["steps/episodes"] for row in result.rows] == [12, 24, 36]
    names = [column.name for column in COLUMNS if column.name != "train/near"]
    with (result.log_path / "progress.csv").open() as file:
        assert next(csv.reader(file)) == names
    assert set(result.rows[0]) == set(names)
    lines = (result.log_path / "progress.json").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [0, 1, 2]


def test_a_short_last_epoch_is_evaluated_and_saved(tmp_path, eagerly):
    result = train(tmp_path / "run", **{**SHORT, "num_timesteps": 150})
    assert [row["steps/env"] for row in result.rows] == [144, 192]
    header = read_policy(result.log_path / "policy_latest.pkl").header
    assert header["env_steps"] == 192


def test_the_best_policy_is_the_latest_of_the_best(short_run):
    rates = [row["test/success_rate"] for row in short_run.rows]
    best = max(n for n, rate in enumerate(rates) if rate == max(rates))
    assert read_policy(short_run.best_policy).header["epoch"] == best


def test_training_may_start_from_a_policy(short_run, tmp_path, eagerly):
    path = short_run.log_path / "policy_latest.pkl"
    flags = {**SHORT, "num_timesteps": 1, "n_cycles": 1, "Q_lr": 0, "pi_lr": 0}
    second = train(tmp_path / "second", load_path=str(path), **flags)
    old = read_policy(path).arrays
    new = read_policy(second.log_path / "policy_latest.pkl").arrays
    np.testing.assert_array_equal(old["actor/0/kernel"], new["actor/0/kernel"])
    assert new["obs_norm/n_rows"] == old["obs_norm/n_rows"] + 4 * 12
    with pytest.raises(ValueError, match="load_path must hold a policy of"):
        train(tmp_path / "third", load_path=str(path), **{**SHORT, "hidden": 8})
    assert not (tmp_path / "third").exists()


@pytest.mark.parametrize(
    ("flag", "value", "found"),
    [
        ("relative_goals", True, "absolute goals"),
        ("clip_obs", 50.0, "inputs clipped to 200 and 5"),
        ("norm_clip", 4.0, "inputs clipped to 200 and 5"),
    ],
)
def test_a_policy_whose_inputs_mean_something_else_is_refused(
    short_run, tmp_path, flag, value, found
):
    path = short_run.log_path / "policy_latest.pkl"
    with pytest.raises(ValueError, match=f"found .*{found}.* Match .*--{flag}"):
        train(tmp_path / "run", load_path=path, **{**SHORT, flag: value})
    assert not (tmp_path / "run").exists()


def test_a_run_never_writes_over_another(short_run):
    with pytest.raises(ValueError, match=r"with other settings \(seed 0 -> 1\)"):
        train(short_run.log_path, **SHORT, seed=1)


def test_training_ends_when_the_callback_says_so(tmp_path, eagerly):
    result = train(tmp_path / "run", on_epoch=lambda row: row["epoch"] < 1, **SHORT)
    assert len(result.rows) == 2


def test_own_environments_come_by_function(tmp_path, eagerly):
    result = baselines_her.train(
        make_env=lambda: make_point(PointEnv),
        log_path=str(tmp_path / "run"),
        quiet=True,
        **SHORT,
    )
    last, at_any_step = baselines_her.evaluate(result.policy, make_point, episodes=5)
    assert 0.0 <= last <= at_any_step <= 1.0


def test_every_setting_reaches_the_learner(tmp_path, eagerly):
    short = {**SHORT, "num_timesteps": 96, "n_cycles": 2, "n_test_rollouts": 1}
    short |= {"preset": "laptop"}
    base = read_policy(train(tmp_path / "base", **short).best_policy).arrays
    for flag, value in {
        "relative_goals": True,
        "gamma": 0.5,
        "norm_clip": 0.5,
        "clip_obs": 0.5,
        "norm_eps": 3.0,
        "replay_k": 1,
        "filter_goals": True,
        "random_steps": 48,
        "layer_norm": True,
        "polyak": 0.5,
        "action_l2": 0.0,
        "random_eps": 0.0,
        "noise_eps": 0.0,
        "pi_lr": 1e-4,
        "Q_lr": 1e-4,
        "buffer_size": 12,
    }.items():
        run = train(tmp_path / flag, **{**short, flag: value})
        arrays = read_policy(run.log_path / "policy_latest.pkl").arrays
        assert (arrays["actor/0/kernel"] != base["actor/0/kernel"]).any(), flag


def small_run(folder, **flags):
    return train(folder, **{**SHORT, "num_timesteps": 96, "n_batches": 4, **flags})


def test_a_prioritised_run_weighs_and_a_uniform_one_does_not(tmp_path, eagerly):
    flags = {"per": True, "per_beta0": 1.0}
    weights = {
        "uniform": small_run(tmp_path / "a").rows[0]["per/weight"],
        "per": small_run(tmp_path / "b", **flags).rows[0]["per/weight"],
        # priorities all alike, so weights are
        "flat": small_run(tmp_path / "c", **flags, per_alpha=0).rows[0]["per/weight"],
    }
    assert weights["uniform"] == 1.0
    assert weights["flat"] == pytest.approx(1.0)
    assert 0.0 < weights["per"] < 0.99


def test_later_chunks_are_drawn_by_the_errors_of_earlier_ones(
    tmp_path, eagerly, monkeypatch
):
    from baselines_her.replay.priority import PrioritisedSampler

    calls = []
    for name in "draw", "update":
        method = getattr(PrioritisedSampler, name)

        def note(self, *arguments, name=name, method=method):
            calls.append(name)
            return method(self, *arguments)

        monkeypatch.setattr(PrioritisedSampler, name, note)
    result = small_run(tmp_path / "run", per=True, per_chunk=2, num_timesteps=48)
    assert calls == ["draw", "update"] * 2
    assert result.rows[0]["steps/updates"] == 4


def test_energy_needs_an_object_before_anything_is_begun(tmp_path):
    with pytest.raises(ValueError, match="needs an environment that moves an object"):
        small_run(tmp_path / "run", prioritization="energy")
    assert not (tmp_path / "run").exists()


def test_demonstrations_stay_uniform_and_weigh_one(point_spec, small_config):
    from baselines_her.replay.samplers import UniformSampler
    from baselines_her.replay.sources import demo_sources
    from baselines_her.types import Demos

    config = with_flags(small_config, per=True)
    n = 2, point_spec.horizon
    demos = Demos(
        *(np.zeros((2, 13, 3)), np.zeros((2, 13, 2)), np.zeros((2, 2))),
        *(np.zeros((*n, 2)), np.ones(2), np.zeros(2), None, {}),
    )
    (source,) = demo_sources(demos, point_spec, config)
    assert type(source.sampler) is UniformSampler


def test_playing_tells_the_success_over_all_steps(tmp_path, eagerly):
    from baselines_her import play

    path, told = small_run(tmp_path / "run").best_policy, []
    env = "point_env:Point-v0"
    play.play(path, env=env, episodes=3, per_step=True, say=told.append)
    assert len([line for line in told if line.startswith("episode")]) == 3
    success = play.rollouts(play.load_policy(path), env, episodes=3).success
    low, high = wilson(success[:, -1].sum(), 3)
    assert told[-1] == (
        f"success rate {success[:, -1].mean():.2f} at the last step "
        f"(95 % interval {low:.2f} to {high:.2f}), "
        f"{success.any(1).mean():.2f} at any step, {success.mean():.2f} over all steps"
    )


def test_the_command_plays_as_many_episodes_as_it_is_told(tmp_path, eagerly, capsys):
    from baselines_her.run import main

    path = small_run(tmp_path / "run").best_policy
    words = ["--play", f"--load_path={path}", "--env=point_env:Point-v0"]
    assert main([*words, "--episodes=2", "--per_step"]) == 0
    out = capsys.readouterr().out
    assert out.count("\nepisode") == 2
    assert "over all steps" in out


def test_evaluating_builds_one_environment_and_closes_it(tmp_path, eagerly):
    from baselines_her import evaluate, load_policy

    closed, policy = [], load_policy(small_run(tmp_path / "run").best_policy)

    class Closing(PointEnv):
        def close(self):
            closed.append(self)

    evaluation = evaluate(policy, env=lambda: make_point(Closing), episodes=2)
    assert len(closed) == 1
    assert len(evaluation.returns) == 2
    assert (evaluation.lengths == 12).all()
