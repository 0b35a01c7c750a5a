"""Trainings with several levels: bits, files, resuming, refusals."""

import hashlib
import json

import numpy as np
import pytest
from known_policies import seeds
from planned_env import ObjectEnv, PlannedEnv
from point_env import PointEnv, make_point
from trainings import SHORT, Interrupt, rows_of, same_policies, same_states

import baselines_her
from baselines_her.algorithms.hac_levels import levels_of, network_config
from baselines_her.algorithms.hac_measures import measured_returns, saturated
from baselines_her.config import from_flags
from baselines_her.runs.policy_file import load_policy, read_policy
from baselines_her.settings.hac import usual_periods
from baselines_her.types import EnvSpec, GoalSpace

LEVELS = {**SHORT, "alg": "hac", "levels": 2, "periods": "3", "collectors": 0}
SPACE = GoalSpace("own", (0, 1), (-5.0, -5.0), (5.0, 5.0), (0.4, 0.4))


def train(folder, env_class=PlannedEnv, **flags):
    def make_env():
        return make_point(env_class)

    own = {"make_env": make_env, "log_path": str(folder), "quiet": True}
    return baselines_her.train(**own, **{**LEVELS, **flags})


def digest(arrays):
    found = hashlib.sha256()
    for name in sorted(arrays):
        found.update(name.encode() + arrays[name].tobytes())
    return found.hexdigest()


# -- one level ------------------------------------------------------------------


@pytest.mark.parametrize(
    "flags",
    [
        {"random_steps": 100, "filter_goals": True},
        {"per": True, "per_chunk": 1, "noise": "ou", "pipelined": False},
        {"replay_strategy": "futureactual", "relative_goals": True},
        {"see_achieved": True, "test_with_polyak": True, "gamma": 0.9, "lr_fade": 200},
    ],
)
def test_one_level_has_the_bits_of_flat_her(tmp_path, eagerly, flags):
    own = {**SHORT, "preset": "tuned", "collectors": 0, "seed": 5, **flags}
    paths = {}
    for alg, more in ("her", {}), ("hac", {"levels": 1}):
        result = baselines_her.train(
            make_env=make_point,
            log_path=str(tmp_path / alg),
            quiet=True,
            alg=alg,
            **own,
            **more,
        )
        paths[alg] = result.log_path
    flat = read_policy(paths["her"] / "policy_latest.pkl").arrays
    levels = read_policy(paths["hac"] / "policy_latest.pkl").arrays
    assert all(name.startswith("level0/") for name in levels)
    levels = {name.removeprefix("level0/"): array for name, array in levels.items()}
    assert digest(flat) == digest(levels)
    same = "steps/env", "test/success_rate", "train/success_rate", "per/weight"
    for one, other in zip(rows_of(paths["her"]), rows_of(paths["hac"])):
        assert [one[name] for name in same] == [other[name] for name in same]
        assert one["loss/critic"] == other["level0/critic"]
        assert abs(float(one["test/mean_Q"]) - float(other["test/mean_Q"])) < 1e-5


# -- several ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_levels(tmp_path_factory):
    from conftest import uncompiled

    with uncompiled():
        return train(tmp_path_factory.mktemp("two") / "run", test_from=0.0)


def test_a_policy_of_several_levels_plays_from_its_file(two_levels):
    policy = load_policy(two_levels.best_policy)
    played = baselines_her.evaluate(policy, lambda: make_point(PlannedEnv), episodes=3)
    assert len(played.returns) == 3
    content = read_policy(two_levels.log_path / "policy_latest.pkl")
    assert content.spec.space == SPACE and content.config.levels.periods == "3"
    assert content.arrays["level1/actor/1/bias"].shape == (2,)
    obs = [np.zeros(3, np.float32), np.zeros(2, np.float32), np.ones(2, np.float32)]
    fresh, again = (
        p.start(np.random.default_rng(0))
        for p in (two_levels.policy, load_policy(content_path(two_levels)))
    )
    for _ in range(5):
        np.testing.assert_array_equal(fresh(*obs), again(*obs))
    np.testing.assert_array_equal(fresh.subgoals, again.subgoals)


def content_path(result):
    return result.log_path / "policy_latest.pkl"


def test_thresholds_are_those_of_the_space_times_a_factor(tmp_path, eagerly):
    result = train(tmp_path / "run", subgoal_threshold=0.25)
    found = read_policy(content_path(result)).spec.space.threshold
    np.testing.assert_allclose(found, [0.1, 0.1])


def test_policy_files_of_several_levels_have_a_version_of_their_own(two_levels):
    import pickle

    assert pickle.loads(two_levels.best_policy.read_bytes())["version"] == 2


def test_every_level_has_its_columns(two_levels):
    row = two_levels.rows[-1]
    names = "reached", "distance", "train_reached", "critic", "Q", "return"
    assert {f"level0/{n}" for n in names} <= set(row)
    names = "saturated", "penalty", "clipped", "redrawn", "tested", "Q", "return"
    assert {f"level1/{n}" for n in names} <= set(row)
    assert "level1/reached" not in row and "level0/penalty" not in row
    assert 0.0 <= row["level0/reached"] <= 1.0
    # tests may begin at once: in all cycles of the second epoch
    assert 0.1 < row["level1/tested"] < 0.6 and row["level1/penalty"] > 0.0


def test_nothing_is_tested_before_the_level_below_can_reach(tmp_path, eagerly):
    row = train(tmp_path / "run", test_from=1.0).rows[-1]
    assert (row["level1/tested"], row["level1/penalty"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    "flags",
    [
        {"levels": 3, "periods": "2,6"},
        {"subgoals": "relative", "relative_goals": True},
        {"hindsight_actions": False},
        {"see_achieved": True},
        {"subgoal_test_p": 0.0},
        {"level0_sees": "subgoal_space"},
        {"level0_sees": "subgoal_space", "levels": 3, "periods": "2,6"},
    ],
)
def test_other_settings_of_levels_train(tmp_path, eagerly, flags):
    result = train(tmp_path / "run", **flags)
    arrays = read_policy(content_path(result)).arrays
    n_seen = 2 if "level0_sees" in flags else 3 + 2 * bool(flags.get("see_achieved"))
    n_inputs = n_seen + 2
    assert arrays["level0/actor/0/kernel"].shape[0] == n_inputs
    assert (f"level{flags.get('levels', 2) - 1}/actor/0/kernel") in arrays


@pytest.mark.parametrize(
    "flags",
    [
        {"pipelined": True},
        {"per": True, "levels": 3, "periods": "2,6"},
        {"prioritization": "energy", "pipelined": False},
        {"level0_sees": "subgoal_space"},
    ],
)
def test_levels_go_on_with_the_same_bits(tmp_path, monkeypatch, eagerly, flags):
    from baselines_her.runs import saver as resuming

    flags = {**flags, "seed": 3, "env_class": ObjectEnv, "test_from": 0.2}
    whole = train(tmp_path / "whole", **flags)
    after_iteration, count = resuming.Saver.after_iteration, [0]

    def break_off(self):
        after_iteration(self)
        count[0] += 1
        if count[0] == 5:
            raise Interrupt

    monkeypatch.setattr(resuming.Saver, "after_iteration", break_off)
    with pytest.raises(Interrupt):
        train(tmp_path / "parts", **flags, checkpoint_interval=0)
    monkeypatch.undo()
    result = train(tmp_path / "parts", **flags)
    assert rows_of(whole.log_path) == rows_of(result.log_path)
    same_policies(whole.log_path, result.log_path)
    same_states(whole.log_path, result.log_path)


@pytest.mark.slow
def test_processes_that_play_make_no_difference(tmp_path, subprocess_environment):
    """Compiled here and there; the players import the environment."""
    paths = []
    for n in 0, 2:
        flags = {**LEVELS, "collectors": n, "num_timesteps": 192, "test_from": 0.0}
        del flags["alg"]
        result = baselines_her.train(
            "planned_env:Planned-v0",
            alg="hac",
            log_path=str(tmp_path / str(n)),
            quiet=True,
            **flags,
        )
        paths.append(result.log_path)
    assert rows_of(paths[0]) == rows_of(paths[1])
    same_policies(*paths)


# -- what follows from settings ---------------------------------------------------


def resolved(spec, **flags):
    return from_flags(alg="hac", env=spec.env_id, **flags).resolve(spec)


def test_each_level_has_as_many_attempts_as_it_decides_for_one_goal(point_spec):
    spec = point_spec._replace(space=SPACE)
    config = resolved(spec, levels=3, periods="2,6")
    levels = levels_of(config, spec)
    assert [level.period for level in levels] == [1, 2, 6]
    assert [level.attempts for level in levels] == [2, 3, 2]
    learners = [network_config(level, config).ddpg for level in levels]
    assert [round(c.gamma, 6) for c in learners] == [0.5, 0.666667, 0.5]
    assert [c.action_l2 for c in learners] == [0.1, 0.0, 0.0]
    assert all(c.clip_return and c.clip_pos_returns for c in learners)


def test_targets_lie_between_minus_h_and_0(point_spec):
    from baselines_her.ddpg import return_limits

    spec = point_spec._replace(space=SPACE)
    config = resolved(spec, levels=2, periods="3")
    for level, attempts in zip(levels_of(config, spec), (3, 4)):
        limits = return_limits(network_config(level, config).ddpg, spec)
        np.testing.assert_allclose(limits, (-attempts, 0.0))


def test_periods_must_divide_each_other_and_the_episode(point_spec):
    spec = point_spec._replace(space=SPACE)  # 12 steps
    for periods, levels in ("5", 2), ("12", 2), ("3,4", 3), ("4,8", 3):
        with pytest.raises(ValueError, match="each period must divide the next one"):
            resolved(spec, levels=levels, periods=periods)
    for periods in "3,6", "1", "x", "":
        with pytest.raises(ValueError, match=r"periods must (be|not)"):
            resolved(spec, levels=2, periods=periods)


def test_usual_periods_share_the_episode_out_evenly():
    assert usual_periods(2, 12) == "3"  # and not 4, which is as near to the root of 12
    assert usual_periods(2, 300) == "15"  # 300 = 15 * 20
    assert usual_periods(3, 1000) == "10,100"
    with pytest.raises(ValueError, match="13 steps of an episode cannot be divided"):
        usual_periods(2, 13)


def test_measured_returns_are_discounted_and_the_last_reward_stays():
    reward = np.array([[-1.0, -1.0, 0.0], [0.0, 0.0, -1.0]])
    found = measured_returns(reward, 0.5)
    # -1 for ever is -2: 0 + 0.5 (0 + 0.5 (-2)) = -0.5
    np.testing.assert_allclose(found, [[-1.5, -1.0, 0.0], [-0.5, -1.0, -2.0]])
    np.testing.assert_allclose(measured_returns(reward, 1.0)[0], [-2, -1, 0])


def test_saturated_decisions_have_an_entry_at_the_end_of_its_range():
    actions = np.array([[1.0, 0.0], [0.98, -0.98], [0.0, -0.995], [0.5, 0.5]])
    assert saturated(actions) == 0.5


def test_statistics_of_reached_subgoals_are_of_the_last_hundred_episodes(two_levels):
    path = two_levels.log_path / "checkpoint"
    manifest = json.loads((path / "manifest.json").read_text())
    with np.load(path / manifest["workers"][0]["state"]["file"]) as state:
        assert state["reached"].shape == (36, 1)  # 400 steps: 9 cycles of 4 episodes


# -- refusals ------------------------------------------------------------------------


class Dense(PlannedEnv):
    def compute_reward(self, achieved_goal, desired_goal, info):
        return -np.linalg.norm(achieved_goal - desired_goal, axis=-1)


@pytest.mark.parametrize(
    "flags, message",
    [
        ({"env_class": PointEnv}, "several levels need a space of subgoals"),
        ({"env_class": Dense}, "need rewards of -1 and 0, or 0 and 1"),
        ({"gamma": 0.9}, r"gamma follows from the periods .* found 0.9"),
        ({"clip_return": False}, "clip_return must be on with several levels"),
        ({"batch_size": 1}, "batch_size must be at least 2 with several levels"),
        ({"relay": True}, "relay: only alg=her has it.  Drop relay"),
        ({"demo_file": "d.npz"}, "demo_file: only alg=her has it"),
        ({"load_path": "p.pkl"}, "alg=hac cannot start from a policy file"),
        ({"levels": 1}, "periods has no effect with levels=1"),
        ({"levels": 4}, "levels must be at most 3"),
        ({"subgoal_reach": 0.5}, "no effect with subgoals=absolute"),
        ({"subgoal_space": "gripper"}, "subgoal_space must be one of own"),
    ],
)
def test_what_levels_cannot_do_is_refused_in_a_sentence(tmp_path, flags, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path / "run", **flags)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "space",
    [
        "place",
        ["own", [0, 1], [0, 0], [1, 1]],
        ["own", [0, 9], [0, 0], [1, 1], [0.1, 0.1]],
        ["own", ["a", "b"], [0, 0], [1, 1], [0.1, 0.1]],
        ["own", [0, 1], [0, 0], [0, 1], [0.1, 0.1]],
        ["own", [0, 1], [0, 0], [1, "x"], [0.1, 0.1]],
        [],
    ],
)
def test_a_header_whose_space_cannot_be_is_refused(space):
    from baselines_her.algorithms.hac_policy import read_spec

    spec = EnvSpec("p", 3, 2, 2, (1.0, 1.0), 12, -1.0, 0.0)
    fields = {**spec._asdict(), "space": ["own", *map(list, SPACE[1:])]}
    assert read_spec(fields).space == SPACE
    with pytest.raises((ValueError, TypeError)):
        read_spec({**fields, "space": space})


def test_an_episode_of_a_policy_holds_its_subgoals(two_levels):
    from baselines_her.rollout import play_episode

    spec = read_policy(two_levels.best_policy).spec
    policy = load_policy(two_levels.best_policy)
    episode = play_episode(make_point(PlannedEnv), spec, policy, seeds(0)[0])
    subgoal = episode.subgoal[0, 0].reshape(4, 3, 2)
    assert (subgoal == subgoal[:, :1]).all() and np.abs(subgoal).max() <= 5.0
