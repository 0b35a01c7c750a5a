"""PPO's checker: what it measures, and what it refuses in one sentence."""

import gymnasium as gym
import numpy as np
import pytest
from flat_env import Broken, Target
from gymnasium.envs.registration import EnvSpec

from baselines_her.envs.check_flat import check_flat
from baselines_her.envs.make import env_factory
from baselines_her.types import FlatSpec


def test_it_measures_dimensions_limits_and_the_time_limit():
    env = gym.wrappers.TimeLimit(Target(), 20)
    env.unwrapped.spec = EnvSpec("TargetFlat-v0", max_episode_steps=20)
    found = check_flat(env, "Target")
    assert found == FlatSpec("Target", 2, 1, (-2.0,), (2.0,), 20)


def test_actions_without_limits_have_none():
    env = Target()
    env.action_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    spec = check_flat(env, "Target")
    assert (spec.low, spec.high, spec.horizon) == (None, None, None)


def test_the_observations_of_a_goal_environment_are_joined():
    spec = check_flat(env_factory("FetchReach", None)(), "FetchReach-v4")
    assert (spec.obs_dim, spec.action_dim, spec.horizon) == (10 + 3 + 3, 4, 50)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("nan observation", "observations must be finite; found others after step"),
        ("nan reward", "rewards must be finite numbers; found nan"),
        ("vector reward", "rewards must be finite numbers"),
        ("long observation", r"the 2 numbers of its observation space; found \[3\]"),
        ("writes", "step must not write into the action"),
        ("four values", r"terminated, truncated, info\); found tuple of 4"),
        ("reset alone", r"reset must return \(observation, info\)"),
        ("own randomness", "must be the same after the same reset"),
    ],
)
def test_broken_environments_are_refused(how, message):
    with pytest.raises(ValueError, match=message) as caught:
        check_flat(Broken(how), "Broken")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (gym.spaces.Discrete(3), "actions must be continuous"),
        (gym.spaces.MultiDiscrete([2, 2]), "actions must be continuous"),
        (gym.spaces.Box(-1, 1, (2, 2)), "the action space must be a flat Box"),
        (gym.spaces.Box(np.array([-np.inf, -1]), np.ones(2)), "for all entries, or"),
        (gym.spaces.Box(np.ones(2), np.ones(2)), "below the upper ones"),
    ],
)
def test_other_actions_are_refused(space, message):
    env = Target()
    env.action_space = space
    with pytest.raises(ValueError, match=message):
        check_flat(env, "Target")


@pytest.mark.parametrize(
    "space", [gym.spaces.Discrete(3), gym.spaces.Box(0, 255, (8, 8, 3), np.uint8)]
)
def test_other_observations_are_refused(space):
    env = Target()
    env.observation_space = space
    with pytest.raises(ValueError, match="observations must be a flat Box"):
        check_flat(env, "Target")
