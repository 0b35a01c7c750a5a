"""Every term of the losses against numbers worked out by hand."""

import math

import numpy as np
import pytest

from baselines_her.nets import ddpg_losses as losses
from baselines_her.nets import tf


def f(*values):
    return tf.constant(values, tf.float32)


def test_td_target_is_reward_plus_discounted_next_value():
    target = losses.td_target(f(-1, 0), f(-10, -20), f(0.9, 0.9), -math.inf, math.inf)
    np.testing.assert_allclose(target, [-10.0, -18.0])


def test_td_target_never_leaves_the_range_of_possible_returns():
    target = losses.td_target(f(-1, 0), f(-100, 100), f(0.98, 0.98), -50.0, 0.0)
    np.testing.assert_allclose(target, [-50.0, 0.0])


def test_td_target_ends_where_nothing_follows():
    target = losses.td_target(f(-1, -1), f(-10, -10), f(0.9, 0.0), -50.0, 0.0)
    np.testing.assert_allclose(target, [-10.0, -1.0])


def test_td_target_passes_no_gradient():
    next_q = f(-1, -2)
    with tf.GradientTape() as tape:
        tape.watch(next_q)
        target = losses.td_target(f(-1, -1), next_q, f(0.98, 0.98), -50.0, 0.0)
    assert tape.gradient(target, next_q) is None


def test_critic_loss_is_the_mean_squared_error():
    # (1-3)^2 = 4, (2-2)^2 = 0, (0-1)^2 = 1: mean 5/3
    loss = losses.critic_loss(f(3, 2, 1), f(1, 2, 0), f(1, 1, 1))
    np.testing.assert_allclose(loss, 5 / 3, rtol=1e-6)


def test_critic_loss_weighs_each_row():
    # (0.5*4 + 1*0 + 0.25*1) / 3
    loss = losses.critic_loss(f(3, 2, 1), f(1, 2, 0), f(0.5, 1, 0.25))
    np.testing.assert_allclose(loss, 0.75)


def test_critic_loss_pushes_q_towards_its_target():
    q = f(0.0)
    with tf.GradientTape() as tape:
        tape.watch(q)
        loss = losses.critic_loss(q, f(3), f(1))
    np.testing.assert_allclose(tape.gradient(loss, q), [-6.0])


def test_policy_loss_is_minus_the_mean_value():
    np.testing.assert_allclose(losses.policy_loss(f(-3, 1)), 1.0)


def test_action_l2_is_a_mean_over_rows_and_entries():
    # (1 + 0 + 0.25 + 0.25) / 4
    loss = losses.action_l2_loss(tf.constant([[1.0, 0.0], [-0.5, 0.5]]))
    np.testing.assert_allclose(loss, 0.375)


def test_bc_loss_is_a_sum_over_demonstrations_and_entries():
    pi = tf.constant([[1.0, 0.0], [9.0, 9.0], [0.0, 2.0]])
    demo = tf.constant([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    # row 0: 1 + 0, row 1 is masked, row 2: 1 + 4
    np.testing.assert_allclose(losses.bc_loss(pi, demo, f(1, 0, 1)), 6.0)


def test_without_q_filter_every_demonstration_is_cloned():
    mask = losses.demo_mask(f(0, 1, 1), f(0, -9, 9), f(0, 0, 0), q_filter=False)
    np.testing.assert_array_equal(mask, [0, 1, 1])


def test_q_filter_keeps_demonstrations_that_beat_the_policy():
    is_demo, q_action, q_pi = f(0, 1, 1, 1), f(5, -1, -1, -2), f(0, -2, -1, -1)
    mask = losses.demo_mask(is_demo, q_action, q_pi, q_filter=True)
    np.testing.assert_array_equal(mask, [0, 1, 0, 0])  # equal is not better


def test_q_filter_passes_no_gradient():
    q_action = f(-1.0)
    with tf.GradientTape() as tape:
        tape.watch(q_action)
        mask = losses.demo_mask(f(1), q_action, f(-2), q_filter=True)
    assert tape.gradient(mask, q_action) is None


@pytest.mark.parametrize("shape", [(2, 1), ()])
def test_losses_refuse_values_that_would_broadcast(shape):
    with pytest.raises(ValueError, match=r"must have shape \[B\]"):
        losses.critic_loss(tf.zeros(shape), f(0, 0), f(1, 1))
