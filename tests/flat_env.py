"""Small environments for PPO: a target to hit, and ways of breaking the rules."""

import gymnasium as gym
import numpy as np


class Target(gym.Env):
    """The reward is highest where the action is obs / 2; episodes end early or not.

    An episode terminates after `ends_at` steps, which the seed draws; with `cut_at`
    it is cut off instead.
    """

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,))
    action_space = gym.spaces.Box(-2.0, 2.0, (1,), np.float32)

    def __init__(self, cut_at=None):
        self._cut_at = cut_at

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self._t, self._ends_at = 0, int(self.np_random.integers(3, 9))
        return self._observation(), {}

    def step(self, action):
        wanted = self._place[0] / 2.0
        reward = -float(np.square(action[0] - wanted))
        self._t += 1
        observation = self._observation()
        terminated = self._cut_at is None and self._t >= self._ends_at
        truncated = self._cut_at is not None and self._t >= self._cut_at
        return observation, reward, terminated, truncated, {}

    def _observation(self):
        self._place = self.np_random.uniform(-1.0, 1.0, 2)
        return self._place.copy()


gym.register("Target-v0", Target)


class Broken(Target):
    """Breaks one rule, in a step of its first episodes."""

    def __init__(self, how):
        super().__init__()
        self._how = how

    def reset(self, *, seed=None, options=None):
        observation, info = super().reset(seed=seed)
        if self._how == "reset alone":
            return observation
        if self._how == "own randomness":
            self._place = np.random.default_rng().uniform(-1.0, 1.0, 2)
            return self._place.copy(), info
        return observation, info

    def step(self, action):
        observation, *rest = super().step(action)
        if self._how == "nan observation":
            observation[1] = np.nan
        if self._how == "nan reward":
            rest[0] = np.nan
        if self._how == "vector reward":
            rest[0] = np.array([rest[0]])
        if self._how == "long observation":
            observation = np.append(observation, 0.0)
        if self._how == "writes":
            action[:] = 0.0
        if self._how == "four values":
            return observation, rest[0], rest[1], rest[3]
        if self._how == "raises":
            raise ZeroDivisionError("the simulator broke")
        return observation, *rest
