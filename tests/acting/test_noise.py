"""Exploration noise: by hand, begun anew with every episode, of its stream alone."""

import functools

import numpy as np
import pytest
from known_policies import arrays, constant_policy, seeds
from point_env import make_point

from baselines_her.acting.exploration import Explorer
from baselines_her.acting.noise import gaussian, noise_process, ornstein_uhlenbeck
from baselines_her.rollout import collect


class Given:
    """A generator whose normal numbers are known."""

    def __init__(self, *rows):
        self._rows = iter(np.array(rows))

    def standard_normal(self, n):
        return next(self._rows)


def test_ornstein_uhlenbeck_numbers():
    sigma = np.array([1.0, 2.0])
    step = ornstein_uhlenbeck(sigma, Given([1, 1], [0, -1], [0, 0]), 0.5, 0.04)
    # sqrt(0.04) = 0.2: x = 0.2 sigma; then x - 0.5 * 0.04 x + ... = 0.98 x
    np.testing.assert_allclose(step(), [0.2, 0.4])
    np.testing.assert_allclose(step(), [0.196, 0.392 - 0.4])
    np.testing.assert_allclose(step(), [0.19208, -0.00784])


def test_ornstein_uhlenbeck_stays_near_its_known_deviation():
    rng = np.random.default_rng(0)
    step = ornstein_uhlenbeck(np.full(2000, 0.2), rng, theta=0.15, dt=0.1)
    for _ in range(500):
        x = step()
    # in the long run sigma / sqrt(2 theta) = 0.365
    assert x.std() == pytest.approx(0.2 / np.sqrt(0.3), rel=0.05)


def explorer(noise, random_eps=0.3):
    return Explorer(constant_policy(0.0), 0.2, random_eps, (1.0, 1.0), noise)


def actions(actor, number, n=30):
    place = arrays([0, 0, 0], [0, 0], [0, 0])
    act = actor.start(np.random.default_rng(number))
    return np.array([act(*place) for _ in range(n)])


@pytest.mark.parametrize("kind", ["gaussian", "ou", "none"])
def test_an_episode_s_noise_begins_anew_and_depends_on_its_stream_alone(kind):
    actor = explorer(noise_process(kind))
    alone = actions(actor, 5)
    one, two = (actor.start(np.random.default_rng(n)) for n in (4, 5))
    place = arrays([0, 0, 0], [0, 0], [0, 0])
    both = np.array([(one(*place), two(*place)) for _ in range(30)])  # in turn
    np.testing.assert_array_equal(both[:, 1], alone)
    np.testing.assert_array_equal(actions(actor, 5), alone)


def test_gaussian_noise_keeps_its_draws():
    place = arrays([0, 0, 0], [0, 0], [0, 0])
    limit, rng = np.ones(2, np.float32), np.random.default_rng(7)
    found = actions(Explorer(constant_policy(0.3), 0.2, 0.3, (1.0, 1.0)), 7)
    for action in found:
        noise = 0.2 * limit * rng.standard_normal(2)
        wanted = constant_policy(0.3).act(*place) + noise.astype(np.float32)
        wanted = np.clip(wanted, -1, 1)
        if rng.random() < 0.3:
            wanted = rng.uniform(-limit, limit).astype(np.float32)
        np.testing.assert_array_equal(action, wanted)


def test_no_noise_leaves_the_random_actions():
    found = actions(explorer(noise_process("none")), 0, n=4000)
    still = (found == 0).all(axis=1)
    assert abs((~still).mean() - 0.3) < 0.03


def test_settings_reach_the_process():
    process = noise_process("ou", ou_theta=0.5, ou_dt=0.04)
    assert isinstance(process, functools.partial)
    step = process(np.array([1.0]), Given([1], [0]))
    np.testing.assert_allclose([step(), step()], [[0.2], [0.196]])
    assert noise_process("gaussian") is gaussian


def test_episodes_with_correlated_noise_do_not_depend_on_who_plays_them(point_spec):
    actor = explorer(noise_process("ou"), random_eps=0.0)
    together = collect(make_point(), point_spec, actor, seeds(0, 1, 2))
    alone = collect(make_point(), point_spec, actor, seeds(2))
    np.testing.assert_array_equal(together.action[2], alone.action[0])
    assert (together.action[0] != together.action[1]).any()
