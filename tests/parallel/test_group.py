"""Environments of one process: one after the other, or in the group that they offer."""

import gymnasium as gym
import numpy as np
import pytest
from flat_env import Target

from baselines_her.envs.faults import Place
from baselines_her.envs.make import EnvFactory
from baselines_her.parallel.group import Outcome, Separate, Together, environments
from baselines_her.types import FlatSpec

SPEC = FlatSpec("Target", 2, 1, (-2.0,), (2.0,), None)


class Herd:
    """A group that adds numbers."""

    def __init__(self, n):
        self.n = n

    def reset(self, i, seed):
        return np.full(2, seed)

    def step(self, some, actions):
        some = np.array(some)
        obs = np.stack([some, some + actions[:, 0]], axis=1)
        return Outcome(obs, some / 2, some == 1, some == 2, np.zeros((len(some), 0)))

    def close(self):
        pass


class Social(Target):
    def together(self, n):
        return Herd(n)


def grouped(build, n=3):
    factory = EnvFactory("Target", lambda render_mode=None: build())
    return environments(factory, SPEC, n, lambda i: Place("Target", f"stream {i}"))


def empty():
    return Outcome(
        np.full((3, 2), -1.0),
        np.full(3, -1.0),
        *np.zeros((2, 3), bool),
        np.zeros((3, 0)),
    )


@pytest.mark.parametrize("some", [[2, 0], [0, 1, 2]])
def test_an_environment_that_offers_a_group_is_stepped_in_it(some):
    group, out = grouped(Social), empty()
    assert isinstance(group, Together)
    np.testing.assert_array_equal(group.reset(1, 7), [7, 7])
    group.step(some, np.array([[0.1], [0.2], [0.3]]), out)
    for i in range(3):
        took = i in some
        expected = [i, i + 0.1 * (i + 1)] if took else [-1, -1]
        np.testing.assert_allclose(out.obs[i], expected)
        assert out.reward[i] == (i / 2 if took else -1)
        assert out.terminated[i] == (took and i == 1)
        assert out.truncated[i] == (took and i == 2)


def test_a_wrapper_that_only_keeps_order_is_left_out():
    group = grouped(lambda: gym.wrappers.OrderEnforcing(Social()))
    assert isinstance(group, Together)


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
    actions, out = np.array([[0.2], [0.3], [0.1]]), empty()
    group.step([2, 0], actions, out)
    wanted = [-((0.2 - first[0, 0] / 2) ** 2), -1, -((0.1 - first[2, 0] / 2) ** 2)]
    np.testing.assert_allclose(out.reward, wanted)
    alone = Target()
    obs, _ = alone.reset(seed=1)
    np.testing.assert_array_equal(obs, first[1])
    group.step([1], actions, out)
    np.testing.assert_array_equal(out.obs[1], alone.step(np.array([0.3]))[0])
