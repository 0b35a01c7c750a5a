"""The faster look-ups return the original's bits."""

import os

import numpy as np
import pytest

from baselines_her.envs.fetch import FastUtils, slowness, speed_up
from baselines_her.envs.make import env_factory

# `make reliability` plays 400 episodes of each: 20,000 steps.
N_EPISODES = int(os.environ.get("FETCH_EPISODES", "6"))
TASKS = ["FetchReach", "FetchPush", "FetchPickAndPlace", "FetchSlide", "HandReach"]


def pair(env_id):
    fast = env_factory(env_id, None)
    return fast(), fast._replace(fast=False)()


def same(one, other):
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        return all(same(one[key], other[key]) for key in one)
    return np.array_equal(one, other)


def grasping(observation, rng):
    """A clumsy pick-and-place: over the object, down, close, towards the goal."""
    obs, goal = observation["observation"], observation["desired_goal"]
    gripper, to_object = obs[:3], obs[6:9]
    if np.linalg.norm(to_object[:2]) > 0.02:
        move = [*(to_object[:2] * 6), to_object[2] * 6 + 0.4, 1.0]
    elif to_object[2] < -0.01:
        move = [*(to_object * 6), 1.0]
    elif obs[9] > 0.026:  # fingers are still apart
        move = [0.0, 0.0, 0.0, -1.0]
    else:
        move = [*((goal - gripper) * 6), -1.0]
    return np.clip(move + rng.normal(0, 0.05, 4), -1, 1).astype(np.float32)


@pytest.mark.parametrize("env_id", TASKS)
@pytest.mark.parametrize("acting", ["random", "grasping"])
def test_fast_environments_return_the_same_bits(env_id, acting):
    if acting == "grasping" and env_id not in ("FetchPush", "FetchPickAndPlace"):
        pytest.skip("nothing to grasp")
    fast, original = pair(env_id)
    assert isinstance(fast.unwrapped._utils, FastUtils)
    assert not isinstance(original.unwrapped._utils, FastUtils)
    rng, lifted = np.random.default_rng(0), 0.0
    for episode in range(N_EPISODES):
        observation, _ = fast.reset(seed=episode)
        assert same(observation, original.reset(seed=episode)[0])
        for _ in range(50):
            action = rng.uniform(-1, 1, fast.action_space.shape).astype(np.float32)
            if acting == "grasping":
                action = grasping(observation, rng)
            observation, *rest = fast.step(action)
            expected, *others = original.step(action)
            assert same(observation, expected)
            assert rest == others
            lifted = max(lifted, observation["achieved_goal"][2])
    if env_id == "FetchPickAndPlace" and acting == "grasping":
        assert lifted > 0.5  # the object really was carried, 8 cm above the table


def test_an_unknown_version_is_left_alone_and_said(monkeypatch):
    _, original = pair("FetchReach")
    monkeypatch.setattr("baselines_her.envs.fetch.KNOWN", ("other",))
    speed_up(original)
    assert "another version is installed" in slowness(original)
    assert not isinstance(original.unwrapped._utils, FastUtils)


def test_other_environments_are_left_alone():
    from point_env import make_point

    point = make_point()
    before = dict(vars(point.unwrapped))
    speed_up(point)
    assert vars(point.unwrapped) == before
    assert slowness(point) is None


def test_an_environment_that_is_already_fast_is_nothing_to_speak_of():
    fast, _ = pair("FetchReach")
    utils = fast.unwrapped._utils
    assert speed_up(fast) is None
    assert fast.unwrapped._utils is utils
