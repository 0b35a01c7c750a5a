"""The loop: when it ends, and how several workers share an evaluation."""

import numpy as np
import pytest
from fake_workers import together

from baselines_her.algorithms import entry
from baselines_her.config import from_flags
from baselines_her.parallel.communicator import Solo
from baselines_her.runs import loop as loops
from baselines_her.runs.console import Silent
from baselines_her.types import Evaluation


class Scripted:
    """An algorithm whose evaluations are known; 10 env steps an iteration."""

    def __init__(self, scores, size=1):
        self._scores, self._size = iter(scores), size
        self.n_env_steps = 0

    def iterate(self):
        self.n_env_steps += 10
        return {}

    def evaluate(self, starts):
        n_successes = round(next(self._scores) * len(starts))
        success = np.arange(len(starts)) < n_successes
        returns = np.zeros(len(starts))
        return Evaluation(returns, returns, success, success), {"test/mean_Q": 0.0}

    def status(self):
        return {"steps/env": self.n_env_steps}

    def arrays(self):
        return {}


class Nowhere:
    """A run folder that keeps nothing."""

    def write(self, row, arrays):
        pass


def loop_of(scores, comm=Solo(), **flags):
    flags = {"n_cycles": 1, "n_test_rollouts": 4, "num_timesteps": 100, **flags}
    config, rooms = from_flags(**flags), (None, Silent(), comm)
    return loops.Loop(config, entry("her"), Scripted(scores), *rooms)


def n_epochs(loop):
    while not loop.is_finished:
        loop.run_epoch(Nowhere())
    return len(loop.rows)


@pytest.mark.parametrize(
    ("scores", "stop_at", "n"),
    [
        # means of three: .4167, .25, .5
        ([1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0], 0.5, 5),
        ([1.0, 1.0, 1.0], 1.0, 3),
        ([0.0] * 10, 0.0, 3),
        ([0.75] * 10, 0.8, 10),
        ([1.0] * 10, None, 10),
    ],
)
def test_a_run_ends_once_three_evaluations_reach_stop_at_in_the_mean(
    scores, stop_at, n
):
    assert n_epochs(loop_of(scores, stop_at=stop_at)) == n


def test_stop_at_is_reached_despite_rounding():
    # .7, .7 and .7 have a mean of .6999999999999998
    scores = {"n_test_rollouts": 10, "stop_at": 0.7}
    assert n_epochs(loop_of([0.7] * 10, **scores)) == 3


def test_a_run_that_reached_stop_at_is_finished_and_continues_with_a_higher_one():
    first = loop_of([1.0, 0.5, 0.75, 0.75], stop_at=0.75)
    assert n_epochs(first) == 3
    for stop_at, finished in (0.75, True), (0.8, False), (None, False):
        again = loop_of([1.0] * 10, stop_at=stop_at)
        again.load_state(first.state())
        assert again.is_finished == finished
    assert n_epochs(again) == 13  # its 100 steps are counted anew here


def test_a_run_ends_only_after_its_last_epoch_is_evaluated():
    loop = loop_of([1.0] * 10, stop_at=0.5)
    n_epochs(loop)
    state = {**loop.state(), "cycles": [{}]}  # an iteration whose epoch is open
    loop.load_state(state)
    assert not loop.is_finished


def test_workers_agree_on_the_end_by_all_their_episodes():
    """Alone, the first would end after 3 epochs, and the second never."""

    def work(comm):
        scores = [1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.5, 1.0]
        loop = loop_of(scores[comm.rank] * 2, comm, stop_at=0.75)
        return n_epochs(loop), [row["test/success_rate"] for row in loop.rows]

    one, other = together(2, work)
    assert one == other == (5, [0.5, 0.5, 0.5, 0.75, 1.0])


def test_the_row_of_an_evaluation_weighs_every_episode_alike():
    def evaluation(returns, last, some):
        lengths = np.full(len(returns), 12)
        return Evaluation(np.array(returns), lengths, np.array(last), np.array(some))

    one = evaluation([-3.0, -1.0, -8.0], [True, False, False], [True, True, False])
    other = evaluation([-12.0], [False], [True])
    row = loops.test_row([(one, {"test/mean_Q": -1.0}), (other, {"test/mean_Q": -5.0})])
    assert row == {
        "test/return": -6.0,
        "test/return_median": -5.5,
        "test/return_min": -12.0,
        "test/length": 12.0,
        "test/success_rate": 0.25,
        "test/success_any": 0.75,
        "test/mean_Q": -2.0,  # (3 * -1 + 1 * -5) / 4
    }


def test_a_task_without_goals_has_no_success():
    row = loops.test_row([(Evaluation(np.array([1.0, 4.0]), np.array([5, 7])), {})])
    assert row["test/return"] == 2.5
    assert row["test/length"] == 6.0
    assert not any("success" in name for name in row)
