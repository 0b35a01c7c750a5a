"""What mazes need of flat HER: shifted rewards, achieved goals as inputs."""

import numpy as np
import pytest
from conftest import counting_episodes
from point_env import PointEnv, make_point
from trainings import SHORT

import baselines_her
from baselines_her.algorithms.her_setup import shifted
from baselines_her.config import from_flags
from baselines_her.her_sampler import Hindsight, network_inputs, relabel
from baselines_her.runs.policy_file import load_policy, read_policy
from baselines_her.types import Index


class ZeroOrOne(PointEnv):
    """Rewards as in the mazes of gymnasium-robotics."""

    def compute_reward(self, achieved_goal, desired_goal, info):
        return super().compute_reward(achieved_goal, desired_goal, info) + 1.0


def gone(achieved, goal):
    return -(np.abs(achieved - goal).max(axis=-1) > 0.1).astype(np.float64)


def test_rewards_of_0_and_1_become_minus_1_and_0_and_others_stay(point_spec):
    positive = point_spec._replace(reward_low=0.0, reward_high=1.0)
    spec, rewards = shifted(positive, lambda achieved, goal: np.array([0.0, 1.0]))
    assert (spec.reward_low, spec.reward_high) == (-1.0, 0.0)
    np.testing.assert_array_equal(rewards(None, None), [-1.0, 0.0])
    for kind in (-1.0, 0.0), (None, None):
        other = point_spec._replace(reward_low=kind[0], reward_high=kind[1])
        assert shifted(other, gone) == (other, gone)


def test_seen_achieved_goals_follow_the_observation_before_and_after_the_action():
    episodes, index = counting_episodes(), Index(np.array([1]), np.array([2]))
    goals, rng = Hindsight(see_achieved=True, hindsight_p=0.0), np.random.default_rng(0)
    batch = relabel(episodes, index, gone, rng, goals)
    # the observation of step t of episode e is [100 e + t, -(100 e + t)]
    np.testing.assert_array_equal(batch.obs, [[102, -102, 102]])
    np.testing.assert_array_equal(batch.next_obs, [[103, -103, 103]])
    obs, goal = network_inputs(episodes, index, gone, rng, goals)
    np.testing.assert_array_equal(obs, [[102, -102, 102]])
    np.testing.assert_array_equal(goal, [[50]])


def trained(tmp_path, **flags):
    return baselines_her.train(
        make_env=lambda: make_point(ZeroOrOne),
        log_path=str(tmp_path / "run"),
        quiet=True,
        **{**SHORT, **flags},
    )


def test_a_policy_that_sees_achieved_goals_plays_from_its_file(tmp_path, eagerly):
    result = trained(tmp_path, see_achieved=True, relative_goals=True)
    policy, file = load_policy(result.best_policy), read_policy(result.best_policy)
    assert file.spec.obs_dim == 3 and file.config.inputs.see_achieved
    assert file.arrays["obs_norm/sum"].shape == (5,)
    observation, _ = make_point(ZeroOrOne).reset(seed=0)
    action = policy(observation)
    moved = policy({**observation, "achieved_goal": np.array([1.0, 2.0])})
    assert action.shape == (2,) and not np.array_equal(action, moved)
    names = policy.chain().names
    assert names == ["observation", "achieved_goal", "desired_goal"]


def test_a_run_with_shifted_rewards_has_targets_below_0(tmp_path, eagerly):
    result = trained(tmp_path, shift_rewards=True)
    assert result.rows[-1]["q/target"] < 0.0
    assert read_policy(result.best_policy).spec.reward_low == -1.0


def test_relay_sees_no_achieved_goals():
    with pytest.raises(ValueError, match=r"relay needs .* see_achieved=1.  Drop one"):
        from_flags(env="FetchPush", relay=True, see_achieved=True)


@pytest.mark.parametrize("task", ["PointMaze_UMaze", "PointMaze_Large_Diverse_G-v3"])
def test_mazes_learn_from_shifted_rewards_by_default(task):
    assert from_flags(env=task).her.shift_rewards
    assert not from_flags(env=task).inputs.see_achieved
    assert from_flags(env="gymnasium_robotics:AntMaze_UMaze-v5").inputs.see_achieved
    assert not from_flags(env="FetchPush").her.shift_rewards
