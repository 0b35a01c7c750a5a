"""Rows of every kind, of the episodes of `numbered_levels`."""

import numpy as np
import pytest
from numbered_levels import (
    EPISODES,
    NEW,
    OWN,
    SPACE,
    SUBGOALS,
    TESTED,
    at,
    episodes,
    level,
    sparse,
)

from baselines_her.algorithms.hac_rows import (
    decision_rows,
    is_missed,
    level_inputs,
    level_rows,
    sound_actions,
)
from baselines_her.her_sampler import goal_steps


def rows(index, *arguments, make=level_rows, seed=0, data=EPISODES):
    rng = np.random.default_rng(seed)
    return make(data, index, *arguments, sparse, rng, len(data.goal))


def test_level_0_pursues_the_subgoal_in_force():
    index = at((0, 1), (0, 2), (0, 3), (1, 1))
    batch, actions = rows(index, level(0, OWN))
    np.testing.assert_array_equal(batch.goal[:, 0], [3, 4, 4, 12])
    # the places after them are 2, 3, 4, 12
    np.testing.assert_array_equal(batch.reward, [-1, -1, 0, 0])
    np.testing.assert_array_equal(batch.next_obs[:, 0], [2, 3, 4, 12])
    np.testing.assert_array_equal(batch.action[:, 0], [1.25, 2.25, 3.25, 11.25])
    np.testing.assert_array_equal(batch.discount, [1, 1, 1, 1])  # also where reached
    assert actions is None


def test_level_0_relabels_with_places_at_most_two_decisions_ahead():
    index = at(*[(0, 1)] * 200, *[(0, 5)] * 200)
    batch, _ = rows(index, level(0, NEW))
    goals = batch.goal[:, 0]
    assert set(goals[:200]) == {2, 3} and set(goals[200:]) == {6}
    np.testing.assert_array_equal(
        batch.reward, np.where(goals == batch.obs[:, 0] + 1, 0, -1)
    )


def test_the_top_level_takes_the_place_a_period_later_for_its_action():
    index = at((0, 0), (0, 3), (1, 4))  # from any step, not only from decisions
    batch, actions = rows(index, level(1, OWN))
    # places after 2 steps: 2, 5, 16; (place - 10) / 10
    np.testing.assert_allclose(batch.action[:, 0], [-0.8, -0.5, 0.6])
    np.testing.assert_array_equal(batch.next_obs[:, 0], [2, 5, 16])
    np.testing.assert_array_equal(batch.goal[:, 0], [103, 103, 113])
    np.testing.assert_array_equal(batch.reward, [-1, -1, -1])
    batch, _ = rows(at((0, 1), (1, 1)), level(1, OWN))  # 103 and 113 a period later
    np.testing.assert_array_equal(batch.reward, [0, 0])
    np.testing.assert_array_equal(batch.discount, [1, 1])
    assert (actions.clipped, actions.redrawn) == (0, 0)


def test_the_top_level_relabels_with_goals_whole_periods_ahead():
    for step, wanted in (0, {102, 104, 106}), (1, {103, 105}), (4, {106}), (3, {105}):
        batch, _ = rows(at(*[(0, step)] * 300), level(1, NEW))
        assert set(batch.goal[:, 0]) == wanted
        is_next = batch.goal[:, 0] == 100 + step + 2
        np.testing.assert_array_equal(batch.reward, np.where(is_next, 0, -1))


def test_goals_lie_no_further_ahead_than_a_level_has_attempts():
    batch, _ = rows(at(*[(0, 0)] * 300), level(1, NEW, attempts=2))
    assert set(batch.goal[:, 0]) == {102, 104}


def test_strides_end_with_the_episode():
    rng = np.random.default_rng(0)
    for step, wanted in (0, {4, 8}), (3, {7}), (4, {8}), (6, {10}):
        found = goal_steps(np.full(99, step), 10, "future", rng, 4)
        assert set(found) == wanted
    assert set(goal_steps(np.array([0, 1, 2, 3]), 10, "final", rng, 4)) == {8, 9, 10, 7}


def test_tested_and_missed_costs_h_and_nothing_follows():
    # episode 0, step 0: subgoal 3, places 1 and 2; episode 1, step 2: 18, places 13, 14
    index = at((0, 0), (1, 2))
    batch, missed = rows(index, level(1, OWN), make=decision_rows)
    np.testing.assert_allclose(batch.action[:, 0], [-0.7, 0.8])  # as proposed
    np.testing.assert_array_equal(batch.reward, [-3, -3])
    np.testing.assert_array_equal(batch.discount, [0, 0])
    np.testing.assert_array_equal(batch.goal[:, 0], [103, 113])
    np.testing.assert_array_equal(missed, [True, True])


def test_tested_and_reached_is_an_ordinary_row_of_the_proposed_action():
    # episode 0, step 2: subgoal 4, places 3 and 4
    batch, missed = rows(at((0, 2)), level(1, OWN), make=decision_rows)
    np.testing.assert_allclose(batch.action[:, 0], [-0.6])
    assert (batch.reward[0], batch.discount[0], missed[0]) == (-1, 1, False)
    goal = episodes(SUBGOALS, TESTED, goal=(104, 113))  # and the goal is reached too
    batch, _ = rows(at((0, 2)), level(1, OWN), make=decision_rows, data=goal)
    assert (batch.reward[0], batch.discount[0]) == (0, 1)


def test_reached_in_passing_is_reached():
    passing = episodes([[1, 1, 4, 4, 5, 5], [12, 12, 18, 18, 14, 14]], TESTED)
    index = at((0, 0), (0, 4), (1, 4))  # places 1, 2 | 5, 6 | 15, 16
    np.testing.assert_array_equal(
        is_missed(passing, index, level(1, OWN)), [False, False, True]
    )


def test_decisions_that_were_not_tested_get_the_hindsight_action():
    # episode 0, step 4: subgoal 1, place 6 two steps later
    batch, missed = rows(at((0, 4)), level(1, OWN), make=decision_rows)
    np.testing.assert_allclose(batch.action[:, 0], [-0.4])
    assert (batch.reward[0], batch.discount[0], missed[0]) == (-1, 1, False)


def test_decision_rows_keep_their_own_goal():
    index = at(*[(0, 4)] * 100)
    batch, _ = rows(index, level(1, NEW), make=decision_rows)
    assert set(batch.goal[:, 0]) == {103}


def test_the_middle_of_three_levels_pursues_the_upper_subgoal():
    low = [[1, 1, 7, 7, 4, 4, 5, 5]]
    middle = [[4] * 4 + [7] * 4]
    three = episodes([[low, middle]], [[[0] * 8, [0] * 8]], 1, 8, (105,))
    between = level(1, OWN, top=2, period=2, attempts=2)
    batch, _ = rows(at((0, 2), (0, 3), (0, 4)), between, data=three)
    np.testing.assert_array_equal(batch.goal[:, 0], [4, 4, 7])
    np.testing.assert_array_equal(batch.reward, [0, -1, -1])  # 4, 5, 6 afterwards
    np.testing.assert_allclose(batch.action[:, 0], [-0.6, -0.5, -0.4])
    tested = three._replace(tested=np.ones((1, 2, 8), np.float32))
    batch, missed = rows(at((0, 2)), between, make=decision_rows, data=tested)
    assert (batch.reward[0], missed[0]) == (-2, True)  # 7 is missed by 3 and 4
    np.testing.assert_allclose(batch.action[:, 0], [-0.3])  # 7, given to level 0
    top = level(2, OWN, top=2, period=4, attempts=2)
    batch, missed = rows(at((0, 4)), top, make=decision_rows, data=tested)
    assert (batch.reward[0], missed[0]) == (-1, False)  # 7 is reached by 5, 6, 7, 8
    np.testing.assert_allclose(batch.action[:, 0], [-0.3])
    np.testing.assert_array_equal(batch.next_obs[:, 0], [8])


def test_without_hindsight_actions_rows_are_decisions_as_proposed():
    plain = level(1, OWN, hindsight_actions=False)
    batch, actions = rows(at((0, 1), (0, 3), (1, 4)), plain)
    np.testing.assert_array_equal(actions.drawn.step, [0, 2, 4])
    np.testing.assert_allclose(batch.action[:, 0], [-0.7, -0.6, 0.4])
    batch, _ = rows(at((0, 4)), plain, make=decision_rows)
    np.testing.assert_allclose(batch.action[:, 0], [-0.9])


def test_without_hindsight_actions_every_decision_is_as_likely():
    """10 steps 0 .. 9 of T = 12, p = 3, stand for 4 decisions: 3, 2, 3, 2 steps."""
    long = episodes([[1] * 12], [[0] * 12], n=1, horizon=12, goal=(103.0,))
    plain = level(1, OWN, period=3, attempts=4, hindsight_actions=False)
    _, actions = rows(at(*[(0, t) for t in range(10)]), plain, data=long)
    steps, counts = np.unique(actions.drawn.step, return_counts=True)
    np.testing.assert_array_equal(steps, [0, 3, 6, 9])
    np.testing.assert_array_equal(counts, [3, 2, 3, 2])


def test_actions_a_little_outside_are_clipped_and_others_drawn_again():
    index = at((0, 0), (0, 1), (0, 2), (0, 3))
    action = np.array([[0.5], [1.09], [-1.2], [3.0]])
    found = sound_actions(index, action, np.random.default_rng(0))
    assert (found.clipped, found.redrawn) == (0.25, 0.5)
    np.testing.assert_array_equal(found.drawn.step[:2], [0, 1])
    np.testing.assert_array_equal(found.action[:2, 0], np.float32([0.5, 1.0]))
    for step, value in zip(found.drawn.step[2:], found.action[2:, 0]):
        assert (step, value) in {(0, 0.5), (1, 1.0)}


def test_where_no_action_is_sound_all_are_clipped():
    found = sound_actions(at((0, 0)), np.array([[-7.0]]), np.random.default_rng(0))
    assert (found.action[0, 0], found.drawn.step[0]) == (-1, 0)
    assert (found.clipped, found.redrawn) == (1, 0)


def test_rows_that_may_stand_in_are_preferred():
    index = at(*[(0, step) for step in range(4)])
    action = np.array([[0.1], [0.2], [3.0], [0.3]])
    for is_spare, wanted in ([0, 1, 1, 0], {1}), ([0, 0, 1, 0], {0, 1, 3}):
        seen = set()
        for seed in range(40):
            rng = np.random.default_rng(seed)
            found = sound_actions(index, action, rng, np.array(is_spare, bool))
            assert list(found.drawn.step[[0, 1, 3]]) == [0, 1, 3]
            seen.add(int(found.drawn.step[2]))
        assert seen == wanted


def test_a_decision_without_a_sound_action_is_not_replaced_by_a_penalty():
    """Place 36 of episode 3 is far outside of [0, 20]; untested decisions stand in."""
    subgoals = [[3, 3, 4, 4, 1, 1]] * 4
    tested = [[1, 1, 0, 0, 0, 0]] * 4
    many = episodes(subgoals, tested, n=4, goal=(103.0, 113.0, 123.0, 133.0))
    index = at((0, 0), (0, 2), (3, 4))  # tested and missed; sound; not sound
    for seed in range(30):
        batch, missed = rows(
            index, level(1, OWN), make=decision_rows, data=many, seed=seed
        )
        np.testing.assert_array_equal(missed, [True, False, False])
        np.testing.assert_array_equal(batch.obs[:, 0], [0, 2, 2])
        np.testing.assert_allclose(batch.action[:, 0], [-0.7, -0.6, -0.6])
        np.testing.assert_array_equal(batch.reward, [-3, -1, -1])


def test_relative_goals_are_relative_to_the_place_below_the_top():
    relative = OWN._replace(relative_goals=True)
    batch, _ = rows(at((0, 1)), level(0, relative))
    assert (batch.goal[0, 0], batch.next_goal[0, 0]) == (3 - 1, 3 - 2)
    batch, _ = rows(at((0, 1)), level(1, relative))
    assert (batch.goal[0, 0], batch.next_goal[0, 0]) == (103 - 101, 103 - 103)


def test_every_level_sees_the_achieved_goal_if_networks_do():
    seen = OWN._replace(see_achieved=True)
    for number, later in (0, 2), (1, 3):
        batch, _ = rows(at((0, 1)), level(number, seen))
        np.testing.assert_array_equal(batch.obs, [[1, 101]])
        np.testing.assert_array_equal(batch.next_obs, [[later, 100 + later]])


def test_a_level_may_see_the_place_alone():
    seen = OWN._replace(see_achieved=True)
    own = level(0, seen)._replace(
        space=SPACE._replace(columns=(1,)), sees_place=True
    )  # the achieved goal, 101 and 102
    batch, _ = rows(at((0, 1)), own)
    np.testing.assert_array_equal([batch.obs, batch.next_obs], [[[101]], [[102]]])
    rng = np.random.default_rng(0)
    obs, _ = level_inputs(EPISODES, at((0, 1), (1, 2)), own, sparse, rng)
    np.testing.assert_array_equal(obs, [[101], [112]])


@pytest.mark.parametrize("number", [0, 1])
def test_statistics_take_in_the_inputs_of_such_rows(number):
    index = at(*[(0, 1), (1, 2), (1, 3)] * 50)
    for hindsight in OWN, NEW, NEW._replace(relative_goals=True, see_achieved=True):
        one = level(number, hindsight)
        batch, _ = rows(index, one, seed=4)
        rng = np.random.default_rng(4)
        obs, goal = level_inputs(EPISODES, index, one, sparse, rng)
        np.testing.assert_array_equal(obs, batch.obs)
        np.testing.assert_array_equal(goal, batch.goal)
