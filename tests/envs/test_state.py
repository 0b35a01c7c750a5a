"""Starting from a stored state: where it works, exactly, and nowhere else."""

import gymnasium as gym
import numpy as np
import pytest

from baselines_her.envs.make import env_factory
from baselines_her.envs.state import (
    is_plain,
    is_restorable,
    require_restorable,
    simulator_state,
)


@pytest.mark.parametrize("env_id", ["FetchPush", "HandReach"])
def test_a_robot_starts_again_from_a_stored_state(env_id):
    env = env_factory(env_id, None)()
    assert is_restorable(env)
    first, _ = env.reset(seed=1)
    options = {"state": simulator_state(env), "goal": first["desired_goal"]}
    other, _ = env.reset(seed=2)
    assert (other["desired_goal"] != first["desired_goal"]).any()
    again, _ = env.reset(seed=2, options=options)
    for name, value in first.items():
        np.testing.assert_allclose(again[name], value, atol=1e-12, err_msg=name)


def test_a_maze_is_not_taken_for_restorable():
    env = env_factory("PointMaze_UMaze", None)()
    env.reset(seed=0)  # only now it has a goal
    assert not is_restorable(env)
    with pytest.raises(ValueError, match="needs a MuJoCo robot's own environment"):
        require_restorable(env)


def test_a_maze_that_diverges_is_still_found():
    env = env_factory("PointMaze_UMaze", None)()
    env.reset(seed=0)
    env.unwrapped.data.qvel[0] = np.nan  # a huge one would be clipped
    with pytest.raises(RuntimeError, match="diverged"):
        env.step(np.zeros(2, np.float32))


class Doubled(gym.ObservationWrapper):
    def observation(self, observation):
        return {**observation, "observation": 2 * observation["observation"]}


def test_only_wrappers_that_keep_observations_are_plain():
    checked = env_factory(None, lambda: gym.make("FetchPush-v4"))()
    assert "PassiveEnvChecker" in str(checked)
    assert is_plain(checked)
    assert is_plain(gym.wrappers.RecordEpisodeStatistics(checked))
    assert not is_plain(Doubled(checked))
