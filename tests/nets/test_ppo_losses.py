"""Every term of PPO's losses against numbers worked out by hand."""

import numpy as np
import pytest

from baselines_her.nets import ppo_losses as losses
from baselines_her.nets import tf


def f(*values):
    return tf.constant(values, tf.float32)


def gae(reward, value, next_value, terminated=None, ended=None, gamma=0.5, lam=0.5):
    zeros = np.zeros_like(reward)
    parts = [reward, value, next_value, terminated, ended]
    parts = [zeros if p is None else p for p in parts]
    tensors = (tf.constant(np.array(p, np.float32)) for p in parts)
    return losses.advantages(*tensors, gamma, lam).numpy()


def test_advantages_are_discounted_sums_of_errors():
    # deltas: 1 + 0.5 x 2 - 1 = 1;  1 + 0.5 x 4 - 2 = 1;  2 + 0 - 4 = -2
    # backwards with 0.25: -2;  1 - 0.5 = 0.5;  1 + 0.125 = 1.125
    found = gae([[1.0, 1.0, 2.0]], [[1.0, 2.0, 4.0]], [[2.0, 4.0, 0.0]])
    np.testing.assert_allclose(found, [[1.125, 0.5, -2.0]])


def test_termination_has_no_next_value():
    # the middle step terminates: 1 + 0 - 2 = -1, and nothing flows back into it
    ends = [[0.0, 1.0, 0.0]]
    found = gae([[1.0, 1.0, 2.0]], [[1.0, 2.0, 4.0]], [[2.0, 9.0, 0.0]], ends, ends)
    np.testing.assert_allclose(found, [[1.0 - 0.25, -1.0, -2.0]])


def test_a_cut_off_episode_keeps_its_next_value():
    # the middle step is cut off: 1 + 0.5 x 8 - 2 = 3, and nothing flows back into it
    ended = [[0.0, 1.0, 0.0]]
    parts = [[1.0, 1.0, 2.0]], [[1.0, 2.0, 4.0]], [[2.0, 8.0, 0.0]]
    np.testing.assert_allclose(gae(*parts, None, ended), [[1.0 + 0.75, 3.0, -2.0]])


def test_a_stream_that_is_cut_in_mid_episode_bootstraps():
    found = gae([[1.0]], [[1.0]], [[6.0]])
    np.testing.assert_allclose(found, [[3.0]])  # 1 + 0.5 x 6 - 1, and 0 afterwards


def test_streams_do_not_mix():
    found = gae([[0.0, 8.0], [0.0, 0.0]], [[0.0, 0.0]] * 2, [[0.0, 0.0]] * 2)
    np.testing.assert_allclose(found, [[2.0, 8.0], [0.0, 0.0]])


def test_advantages_refuse_other_shapes():
    with pytest.raises(ValueError, match="next_value must have shape"):
        gae([[1.0, 2.0]], [[1.0, 2.0]], [[1.0], [2.0]])


def test_normalised_advantages_have_mean_0_and_deviation_1():
    # mean 2, deviation sqrt(((1)^2 + 0 + (1)^2) / 3) = 0.81650
    found = losses.normalised(f(1, 2, 3))
    np.testing.assert_allclose(found, [-1.2247449, 0.0, 1.2247449], rtol=1e-5)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss"),
    [
        (1.1, 2.0, -2.2),  # within the range
        (1.5, 2.0, -2.4),  # too likely already: clipped to 1.2
        (0.5, 2.0, -1.0),  # the worse one counts: not clipped
        (0.5, -2.0, 1.6),  # too unlikely already: clipped to 0.8
        (1.5, -2.0, 3.0),  # the worse one counts: not clipped
    ],
)
def test_the_policy_loss_clips_on_the_side_that_would_gain(ratio, advantage, loss):
    found = losses.policy_loss(f(ratio), f(advantage), 0.2)
    np.testing.assert_allclose(found, loss, rtol=1e-6)


def test_the_policy_loss_is_a_mean_without_gradient_where_it_is_clipped():
    ratio = f(1.0, 1.5)
    with tf.GradientTape() as tape:
        tape.watch(ratio)
        loss = losses.policy_loss(ratio, f(1.0, 1.0), 0.2)
    np.testing.assert_allclose(loss, -1.1, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, ratio), [-0.5, 0.0])


def test_the_value_loss_is_the_mean_squared_error():
    np.testing.assert_allclose(losses.value_loss(f(1, 4), f(3, 4)), 2.0)


def test_the_clipped_value_loss_takes_the_worse_of_both():
    # old 0, clip 0.2.  value 1, target 1: 0 against (0.2 - 1)^2 = 0.64
    # value -1, target 1: 4 against (-0.2 - 1)^2 = 1.44
    found = losses.clipped_value_loss(f(1, -1), f(0, 0), f(1, 1), 0.2)
    np.testing.assert_allclose(found, (0.64 + 4.0) / 2, rtol=1e-6)


def test_columns_are_refused():
    with pytest.raises(ValueError, match=r"ratio must have shape \[B\]"):
        losses.policy_loss(f([1.0]), f(1.0), 0.2)
