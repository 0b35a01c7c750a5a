"""Options of every reset: the cells of a maze."""

import json

import numpy as np
import pytest

from baselines_her.config import from_flags
from baselines_her.envs.check import check
from baselines_her.envs.make import env_factory
from baselines_her.envs.options import check_options

CELLS = {"reset_cell": [1, 1], "goal_cell": [3, 1]}


def maze(options=None):
    factory = env_factory("PointMaze_UMaze", None)
    return factory._replace(options=options and json.dumps(options))()


def test_cells_fix_where_every_episode_of_a_maze_begins_and_ends():
    env = maze(CELLS)
    for seed in range(5):
        observation, _ = env.reset(seed=seed)
        # cells of 1 m, rows from the top, columns from the left; places vary by 0.25
        assert np.abs(observation["achieved_goal"] - [-1, 1]).max() < 0.3
        assert np.abs(observation["desired_goal"] - [-1, -1]).max() < 0.3
    check(env, "maze")


def test_options_without_effect_and_bad_cells_are_refused():
    env = maze()
    check_options(env, json.dumps(CELLS))
    with pytest.raises(ValueError, match=r"without goal=\[1, 1\].*goal_cell"):
        check_options(env, json.dumps({**CELLS, "goal": [1, 1]}))
    with pytest.raises(ValueError, match=r"AssertionError for goal_cell=\[0, 0\]"):
        check_options(env, json.dumps({"goal_cell": [0, 0]}))
    reach = env_factory("FetchReach", None)()
    with pytest.raises(ValueError, match=r"the same episode with and without"):
        check_options(reach, json.dumps(CELLS))


@pytest.mark.parametrize("text", ["[1, 2]", "{", "{}", "3"])
def test_text_that_is_no_json_object_is_refused(text):
    with pytest.raises(ValueError, match="reset_options must be a JSON object, found"):
        from_flags(env="PointMaze_UMaze", reset_options=text)


def test_a_policy_is_played_in_its_cells_also_if_its_environment_is_named():
    """Without the name, modules that only a file names are not imported."""
    from types import SimpleNamespace

    from baselines_her.play import _environment

    built = maze()
    spec = check(built, "PointMaze_UMaze-v3")
    config = {"reset_options": json.dumps(CELLS)}
    header = {"alg": "her", "spec": spec._asdict(), "config": config}
    policy = SimpleNamespace(header=header)
    for name, is_fixed in (None, True), (spec.env_id, True), ("PointMaze_UMaze", False):
        _, _, env = _environment(policy, name)
        starts = [env.reset(seed=k)[0]["achieved_goal"] for k in range(8)]
        assert (np.abs(starts - np.array([-1, 1])).max() < 0.3) == is_fixed
