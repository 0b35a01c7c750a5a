"""Adam against its definition, worked out by hand."""

import numpy as np

from baselines_her.nets import tf
from baselines_her.nets.adam import Adam


def adam(value, rate=0.1):
    variable = tf.Variable([value], dtype=tf.float32)
    return variable, Adam([variable], rate)


def test_first_step_is_the_learning_rate_whatever_the_gradient():
    # t=1: rate*sqrt(1-b2)/(1-b1) * (1-b1)g / (sqrt((1-b2) g^2)) = rate * sign(g)
    for gradient in (1e-3, 1.0, 1e3):
        variable, optimiser = adam(2.0)
        optimiser.apply([tf.constant([gradient])], tf.constant(True))
        np.testing.assert_allclose(variable, [1.9], rtol=1e-4)


def test_second_step_uses_both_moments():
    variable, optimiser = adam(0.0)
    for gradient in (1.0, -2.0):
        optimiser.apply([tf.constant([gradient])], tf.constant(True))
    m = 0.9 * 0.1 - 0.1 * 2.0  # -0.11
    v = 0.999 * 0.001 + 0.001 * 4.0  # 0.004999
    rate = 0.1 * np.sqrt(1 - 0.999**2) / (1 - 0.9**2)
    expected = -0.1 - rate * m / (np.sqrt(v) + 1e-8)
    np.testing.assert_allclose(variable, [expected], rtol=1e-4)
    np.testing.assert_allclose(optimiser.first[0], [m], rtol=1e-5)
    np.testing.assert_allclose(optimiser.second[0], [v], rtol=1e-5)
    assert int(optimiser.step) == 2


def test_a_scale_shortens_the_step_and_leaves_the_moments():
    """The gradients of the test above; the second step is a quarter as long."""
    variable, optimiser = adam(0.0)
    for gradient, scale in (1.0, 1.0), (-2.0, 0.25):
        gradients = [tf.constant([gradient])]
        optimiser.apply(gradients, tf.constant(True), tf.constant(scale))
    m, v = -0.11, 0.004999
    rate = 0.25 * 0.1 * np.sqrt(1 - 0.999**2) / (1 - 0.9**2)
    expected = -0.1 - rate * m / (np.sqrt(v) + 1e-8)
    np.testing.assert_allclose(variable, [expected], rtol=1e-4)
    np.testing.assert_allclose(optimiser.first[0], [m], rtol=1e-5)
    np.testing.assert_allclose(optimiser.second[0], [v], rtol=1e-5)


def test_a_step_that_does_not_apply_changes_nothing():
    variable, optimiser = adam(2.0)
    optimiser.apply([tf.constant([1.0])], tf.constant(True))
    state = [variable.numpy(), optimiser.first[0].numpy(), optimiser.second[0].numpy()]
    optimiser.apply([tf.constant([np.nan])], tf.constant(False))
    after = [variable.numpy(), optimiser.first[0].numpy(), optimiser.second[0].numpy()]
    np.testing.assert_array_equal(state, after)
    assert int(optimiser.step) == 1
