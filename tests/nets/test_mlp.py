"""The perceptrons, and layer normalisation, by hand."""

import numpy as np
import pytest
import tensorflow as tf
from learners import make_learner

from baselines_her.config import with_flags
from baselines_her.nets.mlp import MLP, layer_norm


def test_layer_norm_by_hand():
    rows = tf.constant([[1.0, 3.0], [0.0, 4.0], [2.0, 2.0]])  # variances 1, 4, 0
    np.testing.assert_allclose(
        layer_norm(rows), [[-1.0, 1.0], [-1.0, 1.0], [0.0, 0.0]], atol=1e-5
    )


@pytest.mark.parametrize(("normalise", "expected"), [(False, 16.0), (True, 5.0)])
def test_hidden_layers_are_normalised_before_their_relu(normalise, expected):
    network = MLP([1, 2, 1], np.random.default_rng(0), "net", normalise)
    arrays = [[[1.0, 3.0]]], [[0.0, 1.0]], [[[5.0], [2.0]]], [[3.0]]
    for variable, (array,) in zip(network.weights, arrays):
        variable.assign(array)
    # hidden: 1 and 3 + 1 = 4; normalised -1 and 1
    found = network(tf.constant([[1.0]]))
    np.testing.assert_allclose(found, [[expected]], atol=1e-4)


def test_only_the_critics_are_normalised(point_spec, small_config):
    config = with_flags(small_config, layer_norm=True)
    normalised, plain = (make_learner(point_spec, c) for c in (config, small_config))
    names = "actor", "target_actor", "critic", "target_critic"
    x = tf.ones([2, point_spec.obs_dim + point_spec.goal_dim])
    xa = tf.ones([2, x.shape[1] + point_spec.action_dim])
    for name in names:
        rows = xa if "critic" in name else x
        one, other = (getattr(who, name)(rows) for who in (normalised, plain))
        assert np.allclose(one, other) == ("actor" in name), name
