"""The control for several levels: an action is held for some steps."""

import importlib
import sys

import gymnasium as gym
import gymnasium_robotics
import numpy as np
import pytest

gym.register_envs(gymnasium_robotics)
UMAZE = "PointMaze_UMaze-v3"


@pytest.fixture(autouse=True)
def registered():
    """Held-v0 is registered for a test, and forgotten after it."""
    importlib.import_module("experiment.held")
    yield
    del sys.modules["experiment.held"]
    for name in "Held-v0", "Counted-v0":
        gym.registry.pop(name, None)


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
    assert n == held.spec.max_episode_steps == 30


class Counted(gym.Env):
    """The reward is the number of the step; the episode ends after 7."""

    observation_space = action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.t += 1
        return np.zeros(1, np.float32), float(self.t), self.t == 7, False, {}


def test_the_reward_is_the_last_one_and_an_end_ends_the_hold():
    gym.register("Counted-v0", entry_point=Counted, max_episode_steps=20)
    env = gym.make("Held-v0", env="Counted-v0", hold=5)
    env.reset(seed=0)
    assert env.step(np.zeros(1, np.float32))[1:4] == (5.0, False, False)
    assert env.step(np.zeros(1, np.float32))[1:4] == (7.0, True, False)


def test_the_hold_must_divide_the_episode():
    with pytest.raises(ValueError, match="hold must divide 300 steps, found 7"):
        gym.make("Held-v0", env=UMAZE, hold=7)
