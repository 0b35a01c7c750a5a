"""Levels that act together: periods, scaling, tests, noise; by hand-made policies."""

import numpy as np
import pytest
from known_policies import seeds
from point_env import make_point

from baselines_her.acting.exploration import Explorer
from baselines_her.acting.hierarchy import Hierarchy, LevelActor
from baselines_her.acting.subgoals import Units, units_of
from baselines_her.rollout import play_episode
from baselines_her.types import GoalSpace

# x within [0, 10], y within [-1, 1]
SPACE = GoalSpace("plane", (0, 1), (0.0, -1.0), (10.0, 1.0), (0.5, 0.1))


class Says:
    """A policy that answers with the next of its lines and keeps what it was asked."""

    def __init__(self, *lines):
        self.lines, self.asked = [np.array(x, np.float32) for x in lines], []

    def act(self, obs, achieved, goal):
        self.asked.append((np.array(obs), np.array(achieved), np.array(goal)))
        return self.lines[(len(self.asked) - 1) % len(self.lines)]

    def start(self, rng):
        return self.act


def hierarchy(*levels, space=SPACE, reach=None, see=False):
    return Hierarchy(levels, space, units_of(space, reach), see, {})


def played(actor, n, seed=0):
    """n steps at [t, 10 t, 100 t], achieved [1000 t]; what was done and noted."""
    act = actor.start(np.random.default_rng(seed))
    rows = np.arange(n, dtype=np.float32)[:, None]
    actions = [
        act(row * [1, 10, 100], row * [1000], np.array([7.0], np.float32))
        for row in rows
    ]
    return actions, act.notes()


def test_absolute_subgoals_fill_the_box():
    units = units_of(SPACE)
    corners = np.array([[-1, -1], [0, 0.5], [1, 1]], np.float32)
    places = units.subgoal(corners, np.zeros((3, 2)))
    np.testing.assert_allclose(places, [[0, -1], [5, 0.5], [10, 1]])
    np.testing.assert_allclose(units.action(places, np.zeros((3, 2))), corners)


def test_relative_subgoals_start_at_the_place_and_stay_in_the_box():
    units = units_of(SPACE, 0.5)  # half of half the box: 2.5 and 0.5
    place = np.array([4.0, 0.75], np.float32)
    np.testing.assert_allclose(units.reach, [2.5, 0.5])
    np.testing.assert_allclose(units.subgoal(np.float32([1, -1]), place), [6.5, 0.25])
    np.testing.assert_allclose(units.subgoal(np.float32([-1, 1]), place), [1.5, 1])
    np.testing.assert_allclose(units.action(np.float32([9.0, 0.5]), place), [2, -0.5])


def test_a_level_decides_every_period_and_its_subgoal_stays_in_force():
    low, high = Says([0.25]), Says([-1, 0], [1, 0], [0, 1])
    actions, notes = played(
        hierarchy(LevelActor(low, low), LevelActor(high, high, period=3)), 7
    )
    assert len(high.asked) == 3 and len(low.asked) == 7
    np.testing.assert_array_equal([obs[0] for obs, _, _ in high.asked], [0, 3, 6])
    np.testing.assert_array_equal(high.asked[1][1:], [[3000], [7]])
    wanted = [[0, 0]] * 3 + [[10, 0]] * 3 + [[5, 1]]
    np.testing.assert_array_equal([goal for _, _, goal in low.asked], wanted)
    np.testing.assert_array_equal(low.asked[4][1], [4, 40])  # the place in the space
    np.testing.assert_array_equal(notes["subgoal"], [[wanted]])
    assert notes["subgoal"].shape == (1, 1, 7, 2) and not notes["tested"].any()
    np.testing.assert_array_equal(actions, [[0.25]] * 7)


def test_three_levels_pass_subgoals_down():
    low, middle, high = Says([0.5]), Says([1, 1], [0, 0]), Says([-1, -1])
    levels = LevelActor(low, low), LevelActor(middle, middle, 2)
    _, notes = played(hierarchy(*levels, LevelActor(high, high, 4)), 4)
    np.testing.assert_array_equal([g for _, _, g in middle.asked], [[0, -1]] * 2)
    np.testing.assert_array_equal(middle.asked[1][1], [2, 20])
    wanted = [[10, 1]] * 2 + [[5, 0]] * 2  # to the lowest level, from the middle one
    np.testing.assert_array_equal(notes["subgoal"][0], [wanted, [[0, -1]] * 4])


def test_networks_may_see_the_achieved_goal_while_places_stay_the_same():
    low, high = Says([0.5]), Says([0, 0])
    levels = LevelActor(low, low), LevelActor(high, high, 2)
    played(hierarchy(*levels, see=True), 2)
    np.testing.assert_array_equal(low.asked[1][0], [1, 10, 100, 1000])
    np.testing.assert_array_equal(low.asked[1][1], [1, 10])
    np.testing.assert_array_equal(high.asked[0][0], [0, 0, 0, 0])


def test_the_lowest_level_may_see_the_place_alone():
    low, high = Says([0.5]), Says([0, 0])
    levels = LevelActor(low, low, sees_place=True), LevelActor(high, high, 2)
    played(hierarchy(*levels), 2)
    np.testing.assert_array_equal(low.asked[1][0], [1, 10])
    np.testing.assert_array_equal(high.asked[0][0], [0, 0, 0])


def test_below_a_tested_decision_nobody_explores():
    calm, wild = Says([0.0]), Says([1.0])
    mild, bold, high = Says([0, 0]), Says([1, 1]), Says([0, 0])
    levels = [LevelActor(calm, wild), LevelActor(mild, bold, 2)]
    for share, greedy in (1.0, True), (0.0, False):
        top = LevelActor(high, high, 4, test_p=share)
        actions, notes = played(hierarchy(*levels, top), 4)
        np.testing.assert_array_equal(actions, [[0.0 if greedy else 1.0]] * 4)
        # a test extends to the decisions below it
        np.testing.assert_array_equal(notes["tested"], [[[greedy] * 4] * 2])
        middle = [5, 0] if greedy else [10, 1]
        np.testing.assert_array_equal(notes["subgoal"][0, 0], [middle] * 4)


def test_a_tested_decision_may_itself_be_explored():
    calm, wild, mild, bold = Says([0.0]), Says([1.0]), Says([0, 0]), Says([1, 1])
    levels = LevelActor(calm, wild), LevelActor(mild, bold, 2, test_p=1.0)
    actions, notes = played(hierarchy(*levels), 2)
    np.testing.assert_array_equal(notes["subgoal"][0, 0], [[10, 1]] * 2)
    np.testing.assert_array_equal(actions, [[0.0]] * 2)


def test_tests_are_noted_down_for_each_level():
    low, middle, high = Says([0.0]), Says([0, 0]), Says([0, 0])
    levels = LevelActor(low, low), LevelActor(middle, middle, 2, test_p=1.0)
    _, notes = played(hierarchy(*levels, LevelActor(high, high, 4)), 4)
    np.testing.assert_array_equal(notes["tested"], [[[1] * 4, [0] * 4]])


def test_the_share_of_tests_is_that_of_decisions_not_of_steps():
    low, high = Says([0.0]), Says([0, 0])
    levels = LevelActor(low, low), LevelActor(high, high, 5, test_p=0.3)
    _, notes = played(hierarchy(*levels), 5 * 2000)
    decisions = notes["tested"].reshape(2000, 5)
    assert (decisions == decisions[:, :1]).all()
    assert abs(decisions[:, 0].mean() - 0.3) < 0.04  # deviation 0.0102


def test_noise_of_subgoals_is_scaled_by_each_axis():
    low, high = Says([0.0]), Says([0, 0])
    noisy = Explorer(high, 0.1, 0.0, (1.0, 1.0))
    levels = LevelActor(low, low), LevelActor(high, noisy)
    _, notes = played(hierarchy(*levels), 4000)
    # 0.1 of half the box: 5 and 1
    np.testing.assert_allclose(notes["subgoal"][0, 0].std(0), [0.5, 0.1], rtol=0.05)


def test_an_episode_depends_on_its_own_stream_alone():
    low, high = Says([0.0]), Says([0, 0])
    noisy = Explorer(high, 0.1, 0.3, (1.0, 1.0))
    explorer = Explorer(low, 0.1, 0.3, (1.0,))
    actor = hierarchy(LevelActor(low, explorer), LevelActor(high, noisy, 2, 0.5))
    one, again, other = (played(actor, 12, seed) for seed in (1, 1, 2))
    for a, b in zip((one[0], *one[1].values()), (again[0], *again[1].values())):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one[1]["subgoal"], other[1]["subgoal"])


def test_an_episode_keeps_its_subgoals(point_spec):
    low, high = Says([0.5, 0.5]), Says([0, 0], [1, 1])
    actor = hierarchy(LevelActor(low, low), LevelActor(high, high, 6))
    episode = play_episode(make_point(), point_spec, actor, seeds(0)[0])
    assert episode.subgoal.shape == (1, 1, 12, 2)
    wanted = [[5, 0]] * 6 + [[10, 1]] * 6
    np.testing.assert_array_equal(episode.subgoal[0, 0], wanted)
    np.testing.assert_array_equal(episode.tested, np.zeros((1, 1, 12)))


def test_one_level_is_its_policy():
    low = Says([0.5])
    one = Hierarchy((LevelActor(low, low),), None, None, False, {})
    actions, notes = played(one, 2)
    assert notes == {}
    np.testing.assert_array_equal(actions, [[0.5]] * 2)
    np.testing.assert_array_equal(low.asked[1][1:], [[1000], [7]])
    names = "observation", "achieved_goal", "desired_goal"
    np.testing.assert_array_equal(one({name: np.ones(1) for name in names}), [0.5])


def test_several_levels_are_no_function_of_one_observation():
    low, high = Says([0.0]), Says([0, 0])
    two = hierarchy(LevelActor(low, low), LevelActor(high, high, 2))
    with pytest.raises(TypeError, match="must know when an episode begins"):
        two({})
    with pytest.raises(ValueError, match=r"alg=hac cannot be exported"):
        two.chain()


def test_units_keep_float32():
    assert isinstance(units_of(SPACE), Units)
    for reach in None, 0.5:
        units = units_of(SPACE, reach)
        found = units.subgoal(np.zeros(2, np.float32), np.zeros(2, np.float32))
        assert found.dtype == np.float32
