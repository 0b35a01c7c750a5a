"""A level's batches: which transitions, which decisions, which priorities."""

from types import SimpleNamespace

import numpy as np
import pytest
from numbered_levels import OWN, SPACE, episodes, level, sparse

from baselines_her.algorithms.hac_draw import Draws, Trainee, trainee_of
from baselines_her.config import from_flags
from baselines_her.types import Index

PLACES = np.array([0.0, 0.5])  # of the two batches of a call in the training


class Listed:
    """A sampler that hands out given transitions and remembers what it is asked."""

    def __init__(self, index):
        self.index, self.asked = index, []

    def draw(self, n, rng):
        assert n == len(self.index.step)
        return self.index

    def weights(self, index, places):
        self.asked.append(index)
        return np.arange(len(index.step)) + 1.0


class Ring:
    """Stored episodes; their places are t + 10 e."""

    def __init__(self, stored):
        self._stored, self.horizon = stored, stored.action.shape[1]

    def __len__(self):
        return len(self._stored.goal)

    def __getattr__(self, name):
        return getattr(self._stored, name)


def ring(n=4):
    subgoals, tested = [[3, 3, 4, 4, 1, 1]] * n, [[1, 1, 0, 0, 0, 0]] * n
    return Ring(
        episodes(subgoals, tested, n=n, goal=[103.0 + 10 * k for k in range(n)])
    )


def drawn(one, stored, n_rows, n_decisions, steps):
    index = Index(*(np.array(part) for part in zip(*steps)))
    sampler = Listed(index)
    trainee = Trainee(one, None, sampler, n_rows, n_decisions)
    rngs = np.random.default_rng(0), np.random.default_rng(1)
    return sampler, trainee.draw(Draws(stored, sparse, 2), PLACES, *rngs)


def test_priorities_are_those_of_the_transitions_that_were_drawn():
    """Episode 3 ends beyond [0, 20]: another row stands in for its transition."""
    steps = [(0, 1), (3, 4), (0, 3), (1, 2)]
    sampler, (batch, index, columns) = drawn(level(1, OWN), ring(), 2, 1, steps)
    assert list(zip(*index)) == steps and list(zip(*sampler.asked[0])) == steps
    assert batch.obs.shape == (2, 3, 1)  # K = 2: two rows from any step, one decision
    np.testing.assert_array_equal(batch.weight[:, :2], [[1, 2], [3, 4]])
    assert batch.obs[0, 1, 0] in (1, 3, 12)  # and not 34
    assert columns["level1/redrawn"] == 0.25


def test_decisions_are_drawn_from_all_decisions_and_from_nothing_else():
    steps = [(0, 1)] * 2
    _, (batch, _, columns) = drawn(level(1, OWN), ring(2), 1, 200, steps)
    place = batch.obs[:, 1:, 0].reshape(-1)
    assert set(place) == {0, 2, 4, 10, 12, 14}
    # a third is tested, subgoal 3 is missed by places 1, 2 and by 11, 12
    share = np.isin(place, [0, 10]).mean()
    assert abs(share - 1 / 3) < 0.08
    wanted = share * 400 / 402
    assert columns["level1/penalty"] == pytest.approx(wanted)
    is_penalty = (
        batch.reward[:, 1:, 0] if batch.reward.ndim > 2 else batch.reward[:, 1:]
    )
    np.testing.assert_array_equal(is_penalty.reshape(-1) == -3, np.isin(place, [0, 10]))


def test_level_0_has_no_decisions_of_its_own():
    _, (batch, _, columns) = drawn(level(0, OWN), ring(), 1, 0, [(0, 1), (1, 4)])
    np.testing.assert_array_equal(batch.obs[..., 0], [[1], [14]])
    assert columns == {}


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({"batch_size": 60, "replay_k": 4}, (50, 10)),
        ({"batch_size": 2}, (1, 1)),
        ({"batch_size": 32, "replay_k": 70}, (31, 1)),
    ],
)
def test_one_row_of_k_plus_2_is_a_decision_and_at_least_one(flags, wanted, point_spec):
    from baselines_her.algorithms.hac import noted
    from baselines_her.replay.buffer import ReplayBuffer

    spec = point_spec._replace(space=SPACE)
    config = from_flags(alg="hac", env="p", levels=2, periods="3", **flags)
    config = config.resolve(spec)
    stored = ReplayBuffer(spec, 240, noted(spec, config))
    for number, sizes in (0, (sum(wanted), 0)), (1, wanted):
        one = SimpleNamespace(number=number, period=3)
        found = trainee_of(one, None, stored, config, None)
        assert (found.n_rows, found.n_decisions) == sizes
