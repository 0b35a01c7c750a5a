"""Parts of a training with several levels: what a level is, who is tested."""

from types import SimpleNamespace

import numpy as np
import pytest
from numbered_levels import EPISODES, OWN, at, level, sparse

from baselines_her.algorithms.hac import HAC, RECENT, Acting
from baselines_her.algorithms.hac_levels import levels_of, network_spec
from baselines_her.algorithms.hac_measures import distance, measures, reached_shares
from baselines_her.config import from_flags
from baselines_her.parallel.communicator import Solo
from baselines_her.types import EnvSpec, GoalSpace

# 7 observations, goals of 2, actions of 4 up to 2; subgoals of 3 entries
SPEC = EnvSpec("p", 7, 2, 4, (2.0,) * 4, 12, 0.0, 1.0)
SPEC = SPEC._replace(
    space=GoalSpace("own", (0, 1, 8), (-5.0,) * 3, (5.0, 5.0, 1.0), (0.4,) * 3)
)
THREE = {"levels": 3, "periods": "2,6"}


def resolved(**flags):
    return from_flags(alg="hac", env="p", preset="laptop", **flags).resolve(SPEC)


class Workers(Solo):
    def __init__(self, size=1):
        self.size = size


def training(comm=Solo(), **flags):
    """Three levels that learn nothing: no network is needed."""
    config = resolved(**THREE, **flags)
    return HAC(config, SPEC, [None] * 3, sparse, None, comm=comm)


# -- what each level is -------------------------------------------------------------


def test_a_level_replaces_goals_whole_periods_ahead_and_as_often_as_it_decides():
    levels = levels_of(resolved(**THREE), SPEC)
    ahead = [(one.hindsight.period, one.hindsight.attempts) for one in levels]
    assert ahead == [(1, 2), (2, 3), (6, 2)]
    assert [(one.period, one.attempts) for one in levels] == ahead


def test_the_reach_of_relative_subgoals_is_the_setting():
    own = resolved(levels=2, periods="3", subgoals="relative", subgoal_reach=0.25)
    units = levels_of(own, SPEC)[0].units
    np.testing.assert_allclose(units.reach, [1.25, 1.25, 0.75])
    assert levels_of(resolved(levels=2, periods="3"), SPEC)[0].units.reach is None


@pytest.mark.parametrize("seen", [False, True])
def test_networks_between_the_levels_have_the_dimensions_of_subgoals(seen):
    config = resolved(**THREE, see_achieved=seen)
    found = [network_spec(one, SPEC, config) for one in levels_of(config, SPEC)]
    assert [one.obs_dim for one in found] == [7 + 2 * seen] * 3
    assert [one.goal_dim for one in found] == [3, 3, 2]
    assert [one.action_dim for one in found] == [4, 3, 3]
    assert [one.max_action for one in found] == [(2.0,) * 4, (1.0,) * 3, (1.0,) * 3]
    lower = [(one.reward_low, one.reward_high) for one in found]
    assert lower[:2] == [(-1.0, 0.0)] * 2


# -- who is tested, who explores -----------------------------------------------------


def test_each_level_is_tested_once_the_one_below_reaches_its_subgoals():
    own = training(subgoal_test_p=0.3, test_from=0.5)
    np.testing.assert_array_equal(own._test_shares(), [0, 0])
    own._reached = np.array([[1.0, 0.2], [0.4, 0.6]])  # means 0.7 and 0.4
    np.testing.assert_array_equal(own._test_shares(), [0.3, 0.0])


@pytest.mark.parametrize("size, kept", [(1, RECENT), (4, RECENT // 4)])
def test_the_last_hundred_episodes_of_all_workers_count(size, kept):
    own = training(Workers(size))
    own._reached = np.zeros((kept, 2))
    three = [
        level(n, OWN, top=2, period=p, attempts=1) for n, p in enumerate((1, 2, 6))
    ]
    own._levels = three
    subgoal = np.repeat(EPISODES.subgoal, 2, axis=1)
    twice = EPISODES._replace(subgoal=subgoal, tested=np.ones((2, 2, 6), np.float32))
    own._count_reached(twice)
    assert own._reached.shape == (kept, 2)
    np.testing.assert_allclose(own._reached[:-2], 0.0)  # the oldest ones have gone
    np.testing.assert_allclose(own._reached[-2:, 0], [1 / 3, 1 / 3])


def test_subgoals_have_noise_of_their_own_and_are_random_at_first():
    own = training(
        noise_eps=0.15,
        random_eps=0.2,
        subgoal_noise=0.07,
        subgoal_random=0.4,
        random_steps=120,
    )
    policies = [SimpleNamespace(start=None)] * 3
    for steps, shares in (119, (1.0, 1.0, 1.0)), (120, (0.2, 0.4, 0.4)):
        found = own._explorer(Acting(policies, np.array([0.1, 0.3])), steps).levels
        assert tuple(one.explorer.random_eps for one in found) == shares
        assert [one.explorer.noise_eps for one in found] == [0.15, 0.07, 0.07]
        limits = [one.explorer.max_action for one in found]
        assert limits == [(2.0,) * 4, (1.0,) * 3, (1.0,) * 3]
        assert [one.test_p for one in found[1:]] == [0.1, 0.3]


# -- what greedy episodes say --------------------------------------------------------


def two():
    return [level(0, OWN), level(1, OWN)]


def test_the_share_of_reached_subgoals_of_each_episode():
    """Subgoals 3, 4, 1 and 12, 18, 14; places 1, 2 | 3, 4 | 5, 6, and 10 more."""
    np.testing.assert_allclose(reached_shares(EPISODES, two()), [[1 / 3], [1 / 3]])


def test_the_distance_to_a_subgoal_is_that_at_the_end_of_its_period():
    """2, 4, 6 and 12, 14, 16 instead of 3, 4, 1 and 12, 18, 14."""
    assert distance(EPISODES, level(1, OWN)) == pytest.approx(
        (1 + 0 + 5 + 0 + 4 + 2) / 6
    )


class Constant:
    """A critic that says 0 and remembers what it was asked."""

    def mean_q(self, obs, goal, action):
        self.asked = obs, goal, action
        return 0.0


def test_values_are_asked_for_the_decisions_that_were_taken():
    learners = [Constant(), Constant()]
    row = measures(EPISODES, two(), learners, sparse, [0.5, 2 / 3])
    np.testing.assert_allclose(
        learners[1].asked[2][:, 0], [-0.7, -0.6, -0.9, 0.2, 0.8, 0.4]
    )
    np.testing.assert_array_equal(learners[0].asked[1][:6, 0], [3, 3, 4, 4, 1, 1])
    # rewards of level 0: (-1 -1), (-1 0), (-1 -1), (-1 0), (-1 -1), (-1 -1); the last
    # one of a pair stays for ever
    lasts = [-2, 0, -2, 0, -2, -2]
    firsts = [-1 + 0.5 * last for last in lasts]
    assert row["level0/return"] == pytest.approx(np.mean([*firsts, *lasts]))
    assert row["level0/reached"] == pytest.approx(1 / 3)
    assert row["level1/saturated"] == 0.0


def test_decisions_are_at_multiples_of_the_period():
    from baselines_her.algorithms.hac_measures import decisions

    found = decisions(EPISODES, level(1, OWN))
    wanted = at(*[(e, t) for e in (0, 1) for t in (0, 2, 4)])
    np.testing.assert_array_equal(found.episode, wanted.episode)
    np.testing.assert_array_equal(found.step, wanted.step)


@pytest.mark.parametrize(
    ("task", "horizon", "periods"), [("UMaze", 300, (1, 30)), ("Large", 800, (1, 40))]
)
def test_periods_of_mazes_divide_their_episodes(task, horizon, periods):
    from baselines_her.settings.hac import steps_of

    config = from_flags(alg="hac", env=f"PointMaze_{task}-v3")
    resolved = config.resolve(SPEC._replace(horizon=horizon))
    assert steps_of(resolved.levels) == periods
