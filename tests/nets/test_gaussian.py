"""Gaussians over actions, against numbers worked out by hand."""

import math

import numpy as np

from baselines_her.nets import gaussian, tf


def f(*rows):
    return tf.constant(rows, tf.float32)


def test_log_prob_is_a_sum_over_the_actions_entries():
    # std 1 and 2; z = 1 and 1: -(1/2 + 0 + c) - (1/2 + log 2 + c), c = log(2 pi) / 2
    c = 0.5 * math.log(2 * math.pi)
    found = gaussian.log_prob(f([1.0, 2.0]), f([0.0, 0.0]), f(0.0, math.log(2.0)))
    assert found.shape == (1,)  # [B], not [B, A]
    np.testing.assert_allclose(found, [-1.0 - math.log(2.0) - 2 * c], rtol=1e-6)


def test_log_prob_takes_a_deviation_per_state():
    action, mean = f([1.0], [1.0]), f([0.0], [0.0])
    found = gaussian.log_prob(action, mean, f([0.0], [math.log(2.0)]))
    c = 0.5 * math.log(2 * math.pi)
    expected = [-0.5 - c, -0.125 - math.log(2.0) - c]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_entropy_grows_with_the_deviation_alone():
    # 2 x (0.5 + log(2 pi) / 2) + log 1 + log 3 = 2.8379 + 1.0986
    found = gaussian.entropy(f([5.0, -5.0], [0.0, 0.0]), f(0.0, math.log(3.0)))
    np.testing.assert_allclose(found, [3.9364891] * 2, rtol=1e-6)


def test_kl_divergence_by_hand():
    # old N(0, 1), new N(1, 2): log 2 + (1 + 1) / 8 - 1/2 = 0.4431
    found = gaussian.kl_divergence(f([0.0]), f(0.0), f([1.0]), f(math.log(2.0)))
    np.testing.assert_allclose(found, [0.44314718], rtol=1e-6)
    same = gaussian.kl_divergence(f([0.3]), f(0.5), f([0.3]), f(0.5))
    np.testing.assert_allclose(same, [0.0], atol=1e-7)
