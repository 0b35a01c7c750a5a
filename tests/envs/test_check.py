"""Broken environments, each with one thing wrong, each named in one sentence."""

import gymnasium as gym
import numpy as np
import pytest
from point_env import PointEnv, make_point

from baselines_her.envs.check import check

BROKEN = {}


def broken(message, horizon=12):
    """Registers a class of `PointEnv` with one fault and the sentence it deserves."""

    def register(cls):
        BROKEN[cls.__name__] = (cls, horizon, message)
        return cls

    return register


def with_space(env, **replaced):
    spaces = {**env.observation_space.spaces, **replaced}
    env.observation_space = gym.spaces.Dict(
        {name: space for name, space in spaces.items() if space is not None}
    )


@broken("observation space must be a Dict")
class FlatObservations(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.observation_space = gym.spaces.Box(-1, 1, (3,))


@broken("found no desired_goal")
class NoGoal(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        with_space(self, desired_goal=None)


@broken("observation must be a flat Box")
class ImageObservations(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        with_space(self, observation=gym.spaces.Box(0, 255, (8, 8, 3), np.uint8))


@broken(r"must have one shape; found \[2\] and \[3\]")
class OtherGoalShape(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        with_space(self, desired_goal=gym.spaces.Box(-9, 9, (3,)))


@broken("action space must be a flat Box")
class DiscreteActions(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.action_space = gym.spaces.Discrete(4)


@broken("action limits must be finite")
class EndlessActions(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.action_space = gym.spaces.Box(-np.inf, np.inf, (2,))


@broken("action limits must be symmetric.*RescaleAction")
class LopsidedActions(PointEnv):
    def __init__(self, render_mode=None):
        super().__init__(render_mode)
        self.action_space = gym.spaces.Box(0.0, 1.0, (2,))


@broken("there must be a compute_reward")
class NoReward(gym.Wrapper):
    def __init__(self, render_mode=None):
        super().__init__(PointEnv(render_mode))

    def get_wrapper_attr(self, name):
        if name == "compute_reward":
            raise AttributeError(name)
        return super().get_wrapper_attr(name)


@broken(r"must be vectorised: .* found shape \[\] for 12 rows")
class OneRewardForAll(PointEnv):
    def compute_reward(self, achieved_goal, desired_goal, info):
        return -float(np.linalg.norm(achieved_goal - desired_goal) > 0.4)


@broken("work on rows of goals with an empty info; found KeyError")
class RewardFromInfo(PointEnv):
    def compute_reward(self, achieved_goal, desired_goal, info):
        if np.ndim(achieved_goal) == 2:
            return info["reward"]
        return super().compute_reward(achieved_goal, desired_goal, info)


@broken("must equal the reward of step; found -1 and -2 at step 1")
class OtherRewardInStep(PointEnv):
    def step(self, action):
        observation, reward, *rest = super().step(action)
        return observation, reward - 1.0, *rest


@broken("fixed length.*terminated=True at step 3")
class Terminates(PointEnv):
    def step(self, action):
        observation, reward, _, truncated, info = super().step(action)
        return observation, reward, self.steps == 3, truncated, info


@broken("must end by truncation", horizon=None)
class NeverEnds(PointEnv):
    pass


@broken("the same length; found", horizon=None)
class VaryingLength(PointEnv):
    def reset(self, *, seed=None, options=None):
        result = super().reset(seed=seed)
        self.length = int(self.np_random.integers(5, 30))
        return result

    def step(self, action):
        observation, reward, terminated, _, info = super().step(action)
        return observation, reward, terminated, self.steps == self.length, info


@broken("desired_goal must stay the same.*another one at step 4")
class MovingGoal(PointEnv):
    def step(self, action):
        if self.steps == 3:
            self.goal = self.goal + 0.5
        return super().step(action)


@broken("info must hold")
class NoSuccess(PointEnv):
    def step(self, action):
        *result, _ = super().step(action)
        return *result, {}


@broken("the same after the same reset")
class GlobalRandomness(PointEnv):
    rng = np.random.default_rng(0)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.goal = self.rng.uniform(-5, 5, 2)
        return self._observation(), {}


@broken("the same after the same reset")
class KeepsState(PointEnv):
    speed = 0.0

    def step(self, action):
        self.speed += 0.01
        return super().step(action + self.speed)


@broken("must be finite; found obs that is not at step 5")
class Explodes(PointEnv):
    def _observation(self):
        observation = super()._observation()
        if self.steps == 5:
            observation["observation"][0] = np.nan
        return observation


@broken(r"observation must have its space's shape \[3\]; found \[4\]")
class WrongShape(PointEnv):
    def _observation(self):
        observation = super()._observation()
        return observation | {"observation": np.zeros(4)}


@broken("reset must take seed=")
class OldReset(gym.Wrapper):
    def __init__(self, render_mode=None):
        super().__init__(PointEnv(render_mode))

    def reset(self):
        return self.env.reset()[0]


@broken("must not write into the action")
class WritesIntoActions(PointEnv):
    def step(self, action):
        action *= 0.5
        return super().step(action)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_environment_is_named_in_one_sentence(name):
    cls, horizon, message = BROKEN[name]
    env = cls() if name == "OldReset" else make_point(cls, horizon)
    with pytest.raises(ValueError, match=message) as caught:
        check(env, name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shift", "kind"), [(0.0, (-1.0, 0.0)), (1.0, (0.0, 1.0)), (0.5, (None, None))]
)
def test_the_kind_of_reward_is_measured(shift, kind):
    class Shifted(PointEnv):
        def compute_reward(self, achieved_goal, desired_goal, info):
            return super().compute_reward(achieved_goal, desired_goal, info) + shift

        def step(self, action):
            *result, _ = super().step(action)
            return *result, {"is_success": False}

    spec = check(make_point(Shifted), "Shifted")
    assert (spec.reward_low, spec.reward_high) == kind
