"""Prioritised replay: the sum tree, the draws, the weights, the run's beta."""

import numpy as np
import pytest
from conftest import HORIZON, counting_episodes

from baselines_her.algorithms.her import HER
from baselines_her.algorithms.schedules import progress, schedule
from baselines_her.algorithms.tasks import OwnTask
from baselines_her.config import from_flags
from baselines_her.replay.buffer import ReplayBuffer
from baselines_her.replay.priority import PrioritisedSampler, SumTree, strata
from baselines_her.replay.samplers import UniformSampler
from baselines_her.replay.sources import replay_source
from baselines_her.types import Demos, Index


def sampler_of(spec, n=3, capacity=4, batch_size=2, **options):
    """A sampler over a buffer of `capacity` episodes that holds `n`."""
    buffer = ReplayBuffer(spec, capacity * HORIZON)
    sampler = PrioritisedSampler(buffer, batch_size, **options)
    sampler.add(buffer.add(counting_episodes(n)))
    return sampler, buffer


def index_of(*slots):
    return Index(*np.divmod(np.array(slots), HORIZON))


def slots_of(index):
    return index.episode * HORIZON + index.step


def test_points_of_the_total_lie_in_slots_as_wide_as_their_priority():
    tree = SumTree(5)
    tree.set(np.arange(5), np.array([1.0, 2.0, 0.5, 4.0, 0.5]))
    assert tree.total == 8.0
    mass = np.array([0.0, 0.999, 1.0, 2.9, 3.0, 3.4, 3.5, 7.4, 7.5, 7.9])
    np.testing.assert_array_equal(tree.find(mass), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])


def test_of_a_slot_that_is_set_twice_the_last_priority_counts():
    tree = SumTree(4)
    tree.set(np.arange(4), 1.0)
    tree.set(np.array([2, 0, 2]), np.array([5.0, 3.0, 7.0]))
    np.testing.assert_array_equal(tree.priorities, [3, 1, 7, 1])
    assert tree.total == 12.0


@pytest.mark.parametrize("n", [1, 2, 3, 5, 64, 65])
def test_no_rounding_leads_to_a_slot_without_priority(n):
    tree = SumTree(2 * n)
    tree.set(np.arange(n), np.full(n, 0.1))
    edge = tree.total * np.array([1 - 2**-53, 1.0, 1 + 2**-52])
    np.testing.assert_array_equal(tree.find(edge), [n - 1] * 3)


def test_a_million_slots_are_drawn_as_often_as_their_priorities_say():
    rng = np.random.default_rng(0)
    tree, group = SumTree(1_000_000), np.arange(1_000_000) % 7
    tree.set(np.arange(1_000_000), 1.0 + group)
    mass = rng.random(70_000) * tree.total
    counts = np.bincount(group[tree.find(mass)], minlength=7)
    expected = 70_000 * np.arange(1, 8) / 28
    # six degrees of freedom: above 22.5 once in 1,000
    assert ((counts - expected) ** 2 / expected).sum() < 22.5


def test_strata_cover_every_part_in_every_batch():
    found = strata(12, 4, np.random.default_rng(0)).reshape(3, 4)
    for batch in found:
        assert list((4 * batch).astype(int)) == [0, 1, 2, 3]


def test_every_batch_reaches_old_and_new_slots(spec):
    sampler, _ = sampler_of(spec, n=4, batch_size=20)
    index = sampler.draw(5 * 20, np.random.default_rng(0))
    for episodes in index.episode.reshape(5, 20):
        # all priorities alike: 20 strata over 20 slots
        assert sorted(episodes) == sorted(list(range(4)) * 5)


def test_draws_follow_the_priorities(spec):
    sampler, _ = sampler_of(spec, batch_size=100, alpha=0.5)
    slots = np.arange(15)
    sampler.update(index_of(*slots), (slots + 1.0) ** 2)  # priorities 1 .. 15
    counts = np.bincount(slots_of(sampler.draw(12_000, np.random.default_rng(0))))
    expected = 12_000 * (slots + 1) / 120
    # 14 degrees of freedom: above 36 once in 1,000, and strata only come nearer
    assert ((counts - expected) ** 2 / expected).sum() < 36


def test_new_episodes_get_the_largest_priority_so_far(spec):
    sampler, buffer = sampler_of(spec, n=1, alpha=0.5, eps=1e-6)
    np.testing.assert_array_equal(sampler.state()["priorities"], [1.0] * 5)
    sampler.update(index_of(0), np.array([9.0]))
    sampler.update(index_of(0), np.array([0.25]))
    sampler.add(buffer.add(counting_episodes(1)))
    found = sampler.state()["priorities"]
    np.testing.assert_allclose(found[0], 0.5, rtol=1e-5)
    np.testing.assert_allclose(found[5:], 3.0, rtol=1e-5)  # 9^0.5, though it is gone


def test_a_priority_is_the_errors_size_to_the_power_of_alpha(spec):
    sampler, _ = sampler_of(spec, n=1, alpha=0.5, eps=0.25)
    sampler.update(index_of(1, 2), np.array([-2.0, 0.0], np.float32))
    # (2 + 0.25)^0.5 = 1.5, (0 + 0.25)^0.5 = 0.5
    np.testing.assert_array_equal(sampler.state()["priorities"], [1, 1.5, 0.5, 1, 1])


def test_weights_are_those_of_the_paper_over_the_largest_of_their_batch(spec):
    sampler, _ = sampler_of(spec, n=1, alpha=1.0, beta0=0.5, eps=1e-12)
    errors = np.array([8.0, 4.0, 2.0, 1.0, 1.0])  # sum 16
    sampler.update(index_of(0, 1, 2, 3, 4), errors)
    index = index_of(0, 2, 1, 3)  # two batches
    # (N P)^-1/2 with N = 5: (5 8/16)^-.5, (5 2/16)^-.5: ratio (2/8)^.5 = 0.5
    # (5 4/16)^-.5, (5 1/16)^-.5: (1/4)^.5 = 0.5; with beta 1: 1/4
    first = sampler.weights(index, np.array([0.0, 0.0]))
    np.testing.assert_allclose(first, [0.5, 1.0, 0.5, 1.0], rtol=1e-9)
    last = sampler.weights(index, np.array([0.0, 1.0]))
    np.testing.assert_allclose(last, [0.5, 1.0, 0.25, 1.0], rtol=1e-9)


def test_a_slot_that_is_drawn_twice_keeps_its_last_error(spec):
    sampler, _ = sampler_of(spec, n=1, alpha=1.0, eps=1e-12)
    sampler.update(index_of(3, 1, 3), np.array([5.0, 2.0, 7.0]))
    np.testing.assert_allclose(sampler.state()["priorities"], [1, 2, 1, 7, 1])


def test_an_overwritten_episode_loses_its_priorities(spec):
    sampler, buffer = sampler_of(spec, n=4, capacity=4, alpha=1.0, eps=1e-12)
    everything = index_of(*range(20))
    sampler.update(everything, np.full(20, 0.5))
    sampler.add(buffer.add(counting_episodes(2, first=4)))
    found = sampler.state()["priorities"].reshape(4, 5)
    np.testing.assert_allclose(found[:, 0], [1, 1, 0.5, 0.5])
    assert (found == found[:, :1]).all()


def test_slots_that_are_not_filled_are_never_drawn(spec):
    sampler, _ = sampler_of(spec, n=3, capacity=50, batch_size=1000)
    rng = np.random.default_rng(0)
    sampler.update(index_of(*range(15)), rng.random(15) * 1e-3)
    index = sampler.draw(20_000, rng)
    assert (index.episode.min(), index.episode.max()) == (0, 2)


def test_priorities_go_to_disk_and_back(spec):
    sampler, buffer = sampler_of(spec)
    sampler.update(index_of(0, 7), np.array([3.0, 0.1]))
    again = PrioritisedSampler(buffer, 2)
    again.load_state(sampler.state())
    one, two = (s.draw(1000, np.random.default_rng(1)) for s in (sampler, again))
    np.testing.assert_array_equal(slots_of(one), slots_of(two))
    with pytest.raises(ValueError, match="must hold 15 priorities above 0"):
        again.load_state({**sampler.state(), "priorities": np.ones(14)})


def test_beta_goes_from_the_first_update_to_the_last(point_spec):
    config = from_flags(num_timesteps=100, num_env=2, n_batches=3)
    _, total = schedule(0, point_spec, config)
    assert total == 5 * 3  # 24 steps a cycle: the fifth reaches 100
    places = np.concatenate([progress(3 * n, 3, total) for n in range(5)])
    np.testing.assert_allclose(places, np.arange(15) / 14)
    assert (places[0], places[-1]) == (0.0, 1.0)
    assert progress(0, 1, 1) == 1.0
    np.testing.assert_array_equal(progress(14, 3, 15), [1, 1, 1])  # an extended run


def test_beta_reaches_one_with_other_workers_too(point_spec):
    """Half of the run with four workers, the other half with one, and the reverse."""
    for n in (1, 4):
        flags = {"num_timesteps": 960, "num_env": 2, "n_batches": 3, "num_cpu": n}
        first, total = schedule(480, point_spec, from_flags(**flags))
        assert first / total == 0.5
        cycles = 480 // (24 * n)
        places = progress(first + 3 * (cycles - 1), 3, total)
        assert places[-1] == 1.0
        assert progress(first, 1, total)[0] == pytest.approx(0.5, abs=0.04)


def test_no_new_episodes_change_nothing(spec):
    sampler, _ = sampler_of(spec)
    before = sampler.state()["priorities"]
    sampler.add(np.zeros(0, int))
    np.testing.assert_array_equal(sampler.state()["priorities"], before)


def test_the_run_s_last_update_has_a_beta_of_one(spec):
    sampler, _ = sampler_of(spec, n=1, alpha=1.0, beta0=0.37, eps=1e-12)
    sampler.update(index_of(0, 1), np.array([4.0, 2.0]))
    weight = sampler.weights(index_of(0, 1), progress(14, 1, 15))
    np.testing.assert_allclose(weight, [0.5, 1.0], rtol=1e-9)


def test_uniform_draws_are_one_call_of_integers(spec):
    buffer = ReplayBuffer(spec, 100)
    buffer.add(counting_episodes(3))
    index = UniformSampler(buffer).draw(60, np.random.default_rng(4))
    flat = np.random.default_rng(4).integers(15, size=60)
    np.testing.assert_array_equal(slots_of(index), flat)
    weight = UniformSampler(buffer).weights(index, np.zeros(3))
    assert weight.dtype == np.float32
    assert set(weight) == {1.0}


@pytest.mark.parametrize(
    ("flags", "kind"), [({}, UniformSampler), ({"per": True}, PrioritisedSampler)]
)
def test_one_setting_chooses_the_sampler(spec, flags, kind):
    source = replay_source(spec, from_flags(**flags))
    assert type(source.sampler) is kind


class ColumnLearner:
    """Its TD error is 100 x the update's number + the column of the batch."""

    def __init__(self):
        self.batches = []

    def observe(self, obs, goal):
        """Keeps no statistics."""

    def policy(self):
        """Nobody acts."""

    def update_targets(self):
        """There are none."""

    def update(self, batch, scales):
        """The errors [K, B]."""
        self.batches.append(batch)
        k, b = batch.weight.shape
        return 100.0 * np.arange(k)[:, None] + np.arange(b), {"loss/critic": 0.0}


class Played:
    """Collectors that have played already."""

    def submit(self, actor, starts):
        return self

    def result(self):
        return counting_episodes(2)._replace(skipped=np.zeros(2, int))


def demos_of_counting(n):
    episodes = counting_episodes(n)
    fields = episodes.obs, episodes.achieved, episodes.goal, episodes.action
    return Demos(*fields, np.ones(n, bool), np.zeros(n, int), None, {})


def test_errors_reach_the_rows_they_belong_to_beside_demonstrations(spec):
    flags = {"per": True, "per_alpha": 1.0, "n_batches": 2, "batch_size": 8}
    flags |= {"demo_file": "demos.npz", "demo_batch_size": 3, "num_env": 2}
    config = from_flags(**flags, pipelined=False).resolve(spec)

    def reward_fn(achieved, goal):
        return np.zeros(len(goal))

    learner, demos = ColumnLearner(), demos_of_counting(1)
    tasks = OwnTask(spec, config, reward_fn)
    algorithm = HER(config, spec, learner, tasks, Played(), demos)
    algorithm.iterate()
    (batch,) = learner.batches
    # obs[0] is 100 e + t; the first five columns are drawn by priority
    episode, step = np.divmod(batch.obs[:, :5, 0].astype(int), 100)
    wanted = np.ones(10)
    for k in range(2):
        for column in range(5):
            wanted[episode[k, column] * HORIZON + step[k, column]] = 100 * k + column
    found = algorithm._sources[0].sampler.state()["priorities"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert set(batch.weight[:, 5:].ravel()) == {1.0}
    np.testing.assert_array_equal(batch.is_demo[0], [0, 0, 0, 0, 0, 1, 1, 1])
