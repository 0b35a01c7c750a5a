"""Values of trainings and the points at which they are compared, by hand."""

import numpy as np
import pytest

from baselines_her.sweep.objective import Budget, Curve, Objective, points, value_of


def curve(scores, steps=100.0, minutes=0.5):
    n = np.arange(1, len(scores) + 1)
    return Curve(steps * n, minutes * n, np.array(scores, float))


@pytest.fixture
def folder(tmp_path):
    """A run with success rates."""
    (tmp_path / "progress.csv").write_text("steps/env,time/total,test/success_rate\n")
    return tmp_path


def test_the_evaluations_in_the_last_15_hundredths_of_the_budget_count(folder):
    found = curve([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.9])
    # of 700 steps those after 595: at 600 and 700
    budget = Budget(steps=700)
    assert value_of(found, budget, Objective(), folder) == pytest.approx(0.7)
    # a run may end a little later than its budget
    assert value_of(found, Budget(steps=690), Objective(), folder) == pytest.approx(0.7)
    within = Budget(minutes=1.5)  # the first three, of which the last counts
    assert value_of(found, within, Objective(), folder) == pytest.approx(0.2)
    with pytest.raises(ValueError, match="an evaluation within its budget"):
        value_of(found, Budget(minutes=0.4), Objective(), folder)


def test_evaluations_that_are_further_apart_are_compared_over_the_same_stretch(folder):
    often = Curve(np.arange(1.0, 101.0), np.zeros(100), np.arange(1.0, 101.0))
    seldom = Curve(often.steps[9::10], np.zeros(10), often.scores[9::10])
    parts = Budget(steps=100), Objective(), folder
    assert value_of(often, *parts) == pytest.approx(93.0)  # 86 to 100
    assert value_of(seldom, *parts) == pytest.approx(95.0)  # 90 and 100


def test_minutes_to_a_level_end_with_three_evaluations_in_a_row(folder):
    found = curve([0.2, 0.9, 1.0, 1.0, 0.9])  # .9, 1, 1 are .967 on average
    assert value_of(found, Budget(minutes=9.0), Objective(0.95), folder) == 2.0


def test_a_level_that_is_missed_costs_up_to_two_budgets(folder):
    budget, objective = Budget(minutes=10.0), Objective(0.8)
    missed = value_of(curve([0.0, 0.0]), budget, objective, folder)
    half = value_of(curve([0.4, 0.4]), budget, objective, folder)
    assert (missed, half) == (20.0, pytest.approx(15.0))
    assert Objective(0.8).direction == "minimize" and Objective().sign == 1.0


def test_points_hold_the_mean_of_the_scores_shortly_before_them():
    found = points(curve([0.0, 1.0, 2.0, 3.0]), Budget(steps=1000))
    # 20 points: point 2 is at 100 steps, 4 at 200, 8 at 400; nothing is known after
    assert [p for p, _ in found] == [2, 3, 4, 5, 6, 7, 8]
    means = dict(found)
    # point 4 (200 steps) takes in what came after 50; point 5 what came after 100
    assert (means[2], means[3], means[4], means[5], means[8]) == (0, 0, 0.5, 1, 2.5)
    assert points(curve([]), Budget(steps=1000)) == []
    by_minutes = points(curve([5.0] * 2), Budget(minutes=1.0))
    assert [p for p, _ in by_minutes] == [*range(10, 21)]
