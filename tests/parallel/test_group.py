"""Environments of one process: one after the other, or in the group that they offer."""

import gymnasium as gym
import numpy as np
import pytest
from flat_env import Target

from baselines_her.envs.faults import Place
from baselines_her.envs.make import EnvFactory
from baselines_her.parallel.group import Separate, group_of
from baselines_her.types import FlatSpec

SPEC = FlatSpec("Target", 2, 1, (-2.0,), (2.0,), None)


class Herd:
    """Counts what it is asked for."""

    def __init__(self, n):
        self.n = n


class Social(Target):
    def together(self, n):
        return Herd(n)


def grouped(build, n=3):
    factory = EnvFactory("Target", lambda render_mode=None: build())
    return group_of(factory, SPEC, n, lambda i: Place("Target", f"stream {i}"))


def test_an_environment_that_offers_a_group_is_stepped_in_it():
    group = grouped(Social)
    assert isinstance(group, Herd) and group.n == 3


def test_a_wrapper_that_only_keeps_order_is_left_out():
    assert isinstance(grouped(lambda: gym.wrappers.OrderEnforcing(Social())), Herd)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda: gym.wrappers.TimeLimit(Social(), 5),
        lambda: gym.wrappers.TransformReward(Social(), lambda r: 2 * r),
        Target,
    ],
)
def test_an_environment_in_a_wrapper_that_matters_is_stepped_alone(wrapped):
    assert isinstance(grouped(wrapped), Separate)


def test_some_environments_can_take_a_step_without_the_others():
    group = grouped(Target)
    first = np.stack([group.reset(i, seed=i) for i in range(3)])
    outcome = group.step([2, 0], np.array([[0.1], [0.2]]))
    np.testing.assert_allclose(
        outcome.reward,
        [-((0.1 - first[2, 0] / 2) ** 2), -((0.2 - first[0, 0] / 2) ** 2)],
    )
    alone = Target()
    obs, _ = alone.reset(seed=1)
    np.testing.assert_array_equal(obs, first[1])
    np.testing.assert_array_equal(
        group.step([1], np.array([[0.3]])).obs[0], alone.step(np.array([0.3]))[0]
    )
