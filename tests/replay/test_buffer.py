"""The ring of episodes and the uniform sampler."""

import numpy as np
import pytest
from conftest import HORIZON, counting_episodes

from baselines_her.replay.buffer import ReplayBuffer
from baselines_her.replay.samplers import UniformSampler


def test_episodes_come_back_as_they_went_in(spec):
    buffer = ReplayBuffer(spec, 100)
    buffer.add(counting_episodes(3))
    for name in ("obs", "achieved", "goal", "action"):
        stored = getattr(buffer, name)[: len(buffer)]
        np.testing.assert_array_equal(stored, getattr(counting_episodes(3), name))


def test_the_oldest_episodes_are_overwritten_first(spec):
    buffer = ReplayBuffer(spec, 4 * HORIZON)
    buffer.add(counting_episodes(3, first=0))
    slots = buffer.add(counting_episodes(3, first=3))
    np.testing.assert_array_equal(slots, [3, 0, 1])
    np.testing.assert_array_equal(buffer.achieved[:, 0, 0], [400, 500, 200, 300])
    assert len(buffer) == 4


def test_more_episodes_than_fit_keep_the_newest(spec):
    buffer = ReplayBuffer(spec, 2 * HORIZON)
    buffer.add(counting_episodes(5))
    assert sorted(buffer.achieved[:, 0, 0]) == [300, 400]


def test_a_buffer_smaller_than_an_episode_is_refused(spec):
    with pytest.raises(ValueError, match="at least one episode of 5 steps, found 4"):
        ReplayBuffer(spec, HORIZON - 1)


@pytest.mark.parametrize("name", ["obs", "achieved", "goal", "action"])
def test_numbers_that_are_not_finite_are_not_stored(spec, name):
    episodes = counting_episodes(2)
    getattr(episodes, name)[1, -1] = np.nan
    buffer = ReplayBuffer(spec, 100)
    with pytest.raises(ValueError, match=f"finite numbers, found nan in {name}"):
        buffer.add(episodes)
    assert len(buffer) == 0


def test_uniform_draws_reach_every_stored_transition_and_no_other(spec):
    buffer = ReplayBuffer(spec, 100)
    buffer.add(counting_episodes(3))
    index = UniformSampler(buffer).draw(15_000, np.random.default_rng(0))
    counts = np.bincount(index.episode * HORIZON + index.step)
    assert counts.shape == (15,)
    assert np.abs(counts - 1000).max() < 150  # deviation 31


def test_a_fetch_transition_takes_at_most_132_bytes():
    from baselines_her.types import EnvSpec

    spec = EnvSpec("FetchPush-v4", 25, 3, 4, (1.0,) * 4, 50, -1.0, 0.0)
    buffer = ReplayBuffer(spec, 10_000)
    fields = buffer.obs, buffer.achieved, buffer.goal, buffer.action
    assert sum(field.nbytes for field in fields) <= 132 * 10_000
