"""Spaces of subgoals: where they are, what is refused, and that they fit the robots."""

import numpy as np
import pytest
from point_env import PointEnv, make_point

from baselines_her.acting.subgoals import project, reached
from baselines_her.envs.check import check
from baselines_her.envs.goal_spaces import goal_space
from baselines_her.envs.make import env_factory
from baselines_her.types import EnvSpec, GoalSpace

PLANE = {"columns": [0, 1], "low": [-5, -4], "high": [5, 4], "threshold": [0.5, 0.25]}


class Planned(PointEnv):
    """A point that offers its place."""

    def subgoal_space(self):
        return PLANE


def space_of(name, space=None):
    env = env_factory(name, None)()
    return goal_space(env, check(env, name), space)


def test_a_maze_has_its_places_within_the_outer_walls():
    # UMaze: 5 x 5 cells of 1 m, the outer ones are walls: 2.5 - 1 - 0.1
    space = space_of("PointMaze_UMaze")
    assert space == GoalSpace("place", (4, 5), (-1.4, -1.4), (1.4, 1.4), (0.3, 0.3))
    large = space_of("PointMaze_Large")  # 12 x 9 cells
    np.testing.assert_allclose(large.high, (4.9, 3.4))


def test_the_ants_places_are_its_achieved_goal_which_observations_lack():
    space = space_of("AntMaze_UMaze")
    np.testing.assert_allclose(space.high, (5.8, 5.8))  # cells of 4 m: 10 - 4 - 0.2
    assert space.columns == (105, 106)


@pytest.mark.parametrize("task", ["FetchReach", "FetchPush", "FetchPickAndPlace"])
def test_the_grippers_place_is_where_the_simulator_says(task):
    env = env_factory(task, None)()
    spec = check(env, task)
    space = goal_space(env, spec, "gripper")
    observation, _ = env.reset(seed=0)
    place = project(space, observation["observation"], observation["achieved_goal"])
    base = env.unwrapped
    grip = base._utils.get_site_xpos(base.model, base.data, "robot0:grip")
    np.testing.assert_allclose(place, grip)
    assert (np.array(space.low) < place).all() and (place < np.array(space.high)).all()


def test_pick_and_place_asks_for_the_fingers_too():
    space = space_of("FetchPickAndPlace")
    env = env_factory("FetchPickAndPlace", None)()
    open_hand = np.array([0, 0, 0, 1.0], np.float32)
    env.reset(seed=0)
    for _ in range(10):
        observation, *_ = env.step(open_hand)
    state = observation["observation"], observation["achieved_goal"]
    assert space.name == "gripper_fingers"
    assert 0.04 < project(space, *state)[3] < 0.06
    for _ in range(10):
        observation, *_ = env.step(-open_hand)
    assert project(space, observation["observation"], state[1])[3] < 0.01


def test_an_environment_of_ones_own_offers_its_space(point_spec):
    space = goal_space(make_point(Planned), point_spec)
    assert space == GoalSpace("own", (0, 1), (-5.0, -4.0), (5.0, 4.0), (0.5, 0.25))


def test_reached_means_within_the_threshold_in_every_entry(point_spec):
    space = goal_space(make_point(Planned), point_spec)
    places = np.array([[0, 0], [0.5, 0.25], [0.51, 0], [0, -0.26]], np.float32)
    found = reached(space, places, np.zeros(2, np.float32))
    np.testing.assert_array_equal(found, [True, True, False, False])


def test_projection_takes_columns_of_observation_and_achieved_goal():
    space = GoalSpace("x", (1, 3), (0.0, 0.0), (1.0, 1.0), (0.1, 0.1))
    obs, achieved = np.array([[10, 11, 12], [20, 21, 22]]), np.array([[13], [23]])
    np.testing.assert_array_equal(project(space, obs, achieved), [[11, 13], [21, 23]])


def test_a_space_that_is_not_there_is_refused(point_spec):
    with pytest.raises(ValueError, match=r"none for point_env.*subgoal_space\(\)"):
        goal_space(make_point(PointEnv), point_spec)
    with pytest.raises(ValueError, match=r"must be one of own for .* found 'gripper'"):
        goal_space(make_point(Planned), point_spec, "gripper")


@pytest.mark.parametrize(
    "change, message",
    [
        ({"columns": [0, 5]}, r"columns \(0, 5\) of a state with 5 entries"),
        ({"columns": [0]}, "of different lengths"),
        ({"high": [5, np.inf]}, "not finite"),
        ({"high": [5, -4]}, "not low < high"),
        ({"threshold": [0.5, 0]}, "no threshold above 0"),
        ({"low": "words"}, "must return a dict with columns"),
    ],
)
def test_a_space_that_no_state_can_have_is_refused(change, message):
    class Wrong(PointEnv):
        def subgoal_space(self):
            return {**PLANE, **change}

    spec = EnvSpec("p", 3, 2, 2, (1.0, 1.0), 12, -1.0, 0.0)
    with pytest.raises(ValueError, match=message):
        goal_space(make_point(Wrong), spec)
