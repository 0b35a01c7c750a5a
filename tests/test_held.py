"""The control for several levels: an action is held for some steps."""

import gymnasium as gym
import numpy as np
import pytest

import experiment.held  # noqa: F401  registers Held-v0

UMAZE = "PointMaze_UMaze-v3"


def test_an_action_is_held_and_an_episode_has_fewer_steps():
    held, plain = gym.make("Held-v0", env=UMAZE, hold=10), gym.make(UMAZE)
    (one, _), (other, _) = held.reset(seed=3), plain.reset(seed=3)
    np.testing.assert_array_equal(one["observation"], other["observation"])
    action, n, done = np.array([1.0, -0.5], np.float32), 0, False
    while not done:
        one, reward, terminated, truncated, _ = held.step(action)
        for _ in range(10):
            other, same, *_ = plain.step(action)
        np.testing.assert_array_equal(one["observation"], other["observation"])
        assert reward == same
        n, done = n + 1, terminated or truncated
    assert n == 30


def test_the_hold_must_divide_the_episode():
    with pytest.raises(ValueError, match="hold must divide 300 steps, found 7"):
        gym.make("Held-v0", env=UMAZE, hold=7)
