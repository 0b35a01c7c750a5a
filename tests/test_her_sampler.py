"""Hindsight on episodes whose numbers tell where they come from."""

import numpy as np
import pytest
from conftest import HORIZON, counting_episodes

from baselines_her.config import from_flags, with_flags
from baselines_her.her_sampler import (
    Hindsight,
    Mixture,
    future_p,
    hindsight,
    is_reached,
    network_inputs,
    relabel,
)
from baselines_her.replay.sources import demo_sources
from baselines_her.types import Demos, Index


def reward_fn(achieved, goal):
    return -(np.abs(achieved - goal).max(axis=-1) > 0.1).astype(np.float64)


def every_transition(copies=200):
    flat = np.tile(np.arange(3 * HORIZON), copies)
    return Index(*np.divmod(flat, HORIZON))


def relabelled(strategy="future", p=1.0, **options):
    index, rng = every_transition(), np.random.default_rng(0)
    n_episodes = options.pop("n_episodes", None)
    goals = Hindsight(strategy, p, **options)
    episodes = counting_episodes()
    return index, relabel(episodes, index, reward_fn, rng, goals, n_episodes)


def goals_of(batch):
    return np.divmod(batch.goal[:, 0].astype(int), 100)


def test_future_goals_are_every_later_state_and_none_earlier():
    index, batch = relabelled("future")
    goal_episode, goal_step = goals_of(batch)
    np.testing.assert_array_equal(goal_episode, index.episode)
    for t in range(HORIZON):  # the last state included
        assert set(goal_step[index.step == t]) == set(range(t + 1, HORIZON + 1))


def test_future_goals_are_equally_likely():
    index, batch = relabelled("future")
    counts = np.bincount(goals_of(batch)[1][index.step == 0], minlength=HORIZON + 1)
    # 600 draws over 5 steps: 120 each, deviation 9.8
    assert np.abs(counts[1:] - 120).max() < 45


def test_final_goals_are_the_last_state():
    index, batch = relabelled("final")
    goal_episode, goal_step = goals_of(batch)
    np.testing.assert_array_equal(goal_episode, index.episode)
    assert set(goal_step) == {HORIZON}


def test_episode_goals_are_any_state_after_the_first():
    index, batch = relabelled("episode")
    goal_episode, goal_step = goals_of(batch)
    np.testing.assert_array_equal(goal_episode, index.episode)
    for t in range(HORIZON):
        assert set(goal_step[index.step == t]) == set(range(1, HORIZON + 1))


def test_none_keeps_every_goal():
    index, batch = relabelled("none", p=future_p("none", 4))
    np.testing.assert_array_equal(batch.goal[:, 0], 100 * index.episode - 50)


def test_rows_hold_the_transition_of_their_index():
    index, batch = relabelled()
    here = 100 * index.episode + index.step
    np.testing.assert_array_equal(batch.obs[:, 0], here)
    np.testing.assert_array_equal(batch.obs[:, 1], -here)
    np.testing.assert_array_equal(batch.next_obs[:, 0], here + 1)
    np.testing.assert_array_equal(batch.action[:, 0], here + 0.5)


def test_rewards_belong_to_the_final_goal_and_the_next_state():
    index, batch = relabelled(p=0.8)
    reached = batch.goal[:, 0] == 100 * index.episode + index.step + 1
    np.testing.assert_array_equal(batch.reward, np.where(reached, 0.0, -1.0))
    assert batch.reward.dtype == np.float32


def test_share_of_relabelled_rows_is_k_to_one():
    assert future_p("future", 4) == pytest.approx(0.8)
    assert future_p("future", 0) == 0.0
    index, batch = relabelled(p=0.8)
    share = np.mean(batch.goal[:, 0] != 100 * index.episode - 50)
    assert abs(share - 0.8) < 0.03  # 3,000 rows: deviation 0.0073


def test_relative_goals_are_taken_after_the_reward():
    _, absolute = relabelled(p=0.8)
    index, relative = relabelled(p=0.8, relative_goals=True)
    here = 100 * index.episode + index.step
    np.testing.assert_array_equal(relative.goal[:, 0], absolute.goal[:, 0] - here)
    np.testing.assert_array_equal(
        relative.next_goal[:, 0], absolute.goal[:, 0] - here - 1
    )
    np.testing.assert_array_equal(relative.reward, absolute.reward)


def test_relabelling_never_edits_what_is_stored():
    episodes = counting_episodes()
    before = [field.copy() for field in episodes]
    relabel(episodes, every_transition(), reward_fn, np.random.default_rng(0))
    for old, new in zip(before, episodes):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("relative", [False, True])
def test_the_statistics_see_the_inputs_of_the_same_draws(relative):
    goals = Hindsight(filter_goals=True, relative_goals=relative)
    parts = counting_episodes(), every_transition(), reward_fn
    batch = relabel(*parts, np.random.default_rng(0), goals)
    obs, goal = network_inputs(*parts, np.random.default_rng(0), goals)
    np.testing.assert_array_equal(obs, batch.obs)
    np.testing.assert_array_equal(goal, batch.goal)


def test_rows_weigh_one_and_are_no_demonstrations():
    _, batch = relabelled()
    assert set(batch.weight) == {1.0}
    assert set(batch.discount) == {1.0}  # an episode's end is a time limit
    assert set(batch.is_demo) == {0.0}


def mixed(n_episodes=None, **weights):
    mixture = Mixture(**weights)
    return relabelled("futureactual", mixture=mixture, n_episodes=n_episodes)


def test_borrowed_goals_are_desired_or_achieved_in_any_episode():
    _, batch = mixed(future=0.0, actual=1.0)
    assert set(batch.goal[:, 0]) == {-50.0, 50.0, 150.0}
    index, batch = mixed(future=0.0, achieved=1.0)
    goal_episode, goal_step = goals_of(batch)
    assert set(goal_step) == set(range(1, HORIZON + 1))
    for e in range(3):  # the row's own episode is as likely as any
        counts = np.bincount(goal_episode[index.episode == e], minlength=3)
        assert np.abs(counts - 1000 / 3).max() < 70  # deviation 15


def test_a_mixture_has_its_shares_and_keeps_the_future_within_the_episode():
    index, batch = mixed(future=4.0, actual=4.0, achieved=1.0)
    goal_episode, goal_step = goals_of(batch)
    desired = goal_step == 50
    assert abs(desired.mean() - 4 / 9) < 0.04  # 3,000 rows: deviation 0.009
    later = (goal_episode == index.episode) & (goal_step > index.step) & ~desired
    # future, and the share of achieved goals that happen to look so
    assert 4 / 9 - 0.04 < later.mean() < 5 / 9


def test_goals_are_borrowed_from_stored_episodes_only():
    _, batch = mixed(n_episodes=2, future=0.0, actual=1.0, achieved=1.0)
    assert set(batch.goal[:, 0][batch.goal[:, 0] % 100 == 50]) == {-50.0, 50.0}
    assert batch.goal.max() <= 105


def test_rewards_of_borrowed_goals_are_computed_afresh():
    index, batch = mixed(future=1.0, actual=1.0, achieved=1.0)
    reached = batch.goal[:, 0] == 100 * index.episode + index.step + 1
    np.testing.assert_array_equal(batch.reward, np.where(reached, 0.0, -1.0))


def test_rows_are_counted_against_one_ordinary_row():
    # 4 + 4 + 1 hindsight rows for one ordinary row: mrl's 1:4:3:1:1
    found = hindsight("futureactual", 4, 4, 1)
    assert found.hindsight_p == pytest.approx(0.9)
    assert found.mixture == Mixture(4, 4, 1)
    assert hindsight("futureactual", 0, 0, 0).hindsight_p == 0.0
    for strategy in ("future", "final", "episode", "none"):
        found = hindsight(strategy, 4, 4, 1)
        assert found.hindsight_p == future_p(strategy, 4)
        assert found.mixture == Mixture()


def test_other_strategies_draw_no_more_numbers_than_before():
    rng = np.random.default_rng(0)
    index = every_transition()
    relabel(counting_episodes(), index, reward_fn, rng, Hindsight(hindsight_p=0.8))
    again = np.random.default_rng(0)
    chosen = again.random(len(index.step)) < 0.8
    again.integers(HORIZON - index.step[chosen])
    assert rng.bit_generator.state == again.bit_generator.state


def test_demonstrations_borrow_no_goals(spec):
    """With a share of .9 from other episodes, theirs still come from their own."""
    episodes, told = counting_episodes(3), {"seed": np.arange(3), "facts": {}}
    demos = Demos(*episodes[:4], success=np.ones(3, bool), state0=None, **told)
    flags = {"preset": "laptop_demos", "demo_file": "x.npz"}
    flags |= {"num_demo": 3, "demo_batch_size": 4}
    config = from_flags(**flags, replay_strategy="futureactual")
    (source,) = demo_sources(demos, spec, config)
    index = Index(np.repeat(np.arange(3), 200), np.tile(np.arange(5), 120))
    parts = episodes, index, reward_fn
    rows = relabel(*parts, np.random.default_rng(0), source.hindsight, 3)
    goal = rows.goal[:, 0]  # 100 e + t of the row's own episode, or 100 e - 50
    own = 100 * index.episode
    assert (((goal > own + index.step) & (goal <= own + 5)) | (goal == own - 50)).all()
    assert 0.75 < np.mean(goal > own) < 0.85
    assert not source.hindsight.filter_goals
    (filtered,) = demo_sources(demos, spec, with_flags(config, filter_goals=True))
    assert filtered.hindsight.filter_goals


def moving_from(first):
    """Three episodes whose achieved goal is 5 up to step `first`, then step + 10."""
    episodes = counting_episodes()
    step = np.arange(HORIZON + 1)
    goal = np.where(step < first, 5.0, step + 10.0).astype(np.float32)
    return episodes._replace(achieved=np.tile(goal[None, :, None], (3, 1, 1)))


@pytest.mark.parametrize("first", [1, 3])
def test_goals_that_hold_from_the_start_are_not_taken(first):
    index, rng = every_transition(), np.random.default_rng(0)
    goals = Hindsight(hindsight_p=1.0)
    episodes = moving_from(first)
    batch = relabel(episodes, index, reward_fn, rng, goals._replace(filter_goals=True))
    rng = np.random.default_rng(0)
    plain = relabel(episodes, index, reward_fn, rng, goals)
    held = plain.goal[:, 0] == 5.0
    assert held.any() == (first > 1)
    assert not held.all()
    own = episodes.goal[index.episode]
    np.testing.assert_array_equal(batch.goal[held], own[held])
    np.testing.assert_array_equal(batch.goal[~held], plain.goal[~held])
    np.testing.assert_array_equal(batch.reward[held], -1.0)  # the own goal's


def test_a_goal_reached_on_the_way_and_held_is_taken():
    """Only what holds at the episode's start counts, not what holds at the row's."""
    episodes = moving_from(2)
    episodes.achieved[:, 2:] = 42.0
    index, rng = Index(np.zeros(50, int), np.full(50, 3)), np.random.default_rng(0)
    goals = Hindsight(hindsight_p=1.0, filter_goals=True)
    batch = relabel(episodes, index, reward_fn, rng, goals)
    np.testing.assert_array_equal(batch.goal, 42.0)
    np.testing.assert_array_equal(batch.reward, 0.0)


def test_reached_is_the_reward_of_being_there():
    goal = np.array([[0.0], [0.0], [0.0]])
    achieved = np.array([[0.05], [0.2], [-0.2]])  # within 0.1, and not
    for shift in 0.0, 1.0:  # rewards of -1 and 0, of 0 and 1
        found = is_reached(achieved, goal, lambda a, g, s=shift: reward_fn(a, g) + s)
        np.testing.assert_array_equal(found, [True, False, False])


@pytest.mark.parametrize("options", [{"strategy": "none"}, {"hindsight_p": 0.0}])
def test_nothing_is_asked_of_the_reward_without_new_goals(options):
    def picky(achieved, goal):
        assert len(achieved)
        return reward_fn(achieved, goal)

    index, rng = every_transition(), np.random.default_rng(0)
    goals = Hindsight(**{"hindsight_p": 0.0, "filter_goals": True, **options})
    batch = relabel(counting_episodes(), index, picky, rng, goals)
    np.testing.assert_array_equal(batch.goal, counting_episodes().goal[index.episode])
