"""A goal environment without MuJoCo: a point that must reach a spot on a plane.

Importing this module registers `Point-v0`, so `--env=point_env:Point-v0` works.
"""

import gymnasium as gym
import numpy as np

ARENA, REACH = 5.0, 0.4


class PointEnv(gym.Env):
    """Moves by up to 1 a step; reward 0 within `REACH` of the goal, else -1."""

    def __init__(self, render_mode=None):
        self.render_mode = render_mode
        plane = gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)
        self.observation_space = gym.spaces.Dict(
            {
                "observation": gym.spaces.Box(-np.inf, np.inf, (3,), np.float64),
                "achieved_goal": plane,
                "desired_goal": plane,
            }
        )
        self.action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        self.point = np.zeros(2)
        self.goal = self.np_random.uniform(-ARENA, ARENA, 2)
        return self._observation(), {}

    def step(self, action):
        self.steps += 1
        self.point = np.clip(self.point + action, -ARENA, ARENA)
        observation = self._observation()
        reward = self.compute_reward(self.point, self.goal, {})
        return observation, reward, False, False, {"is_success": reward == 0.0}

    def compute_reward(self, achieved_goal, desired_goal, info):
        distance = np.linalg.norm(achieved_goal - desired_goal, axis=-1)
        return -(distance > REACH).astype(np.float32)

    def render(self):
        frame = np.zeros((64, 64, 3), np.uint8)
        for place, colour in (self.goal, 1), (self.point, 0):
            row, column = ((place / ARENA + 1) / 2 * 59).astype(int)
            frame[row : row + 4, column : column + 4, colour] = 255
        return frame

    def _observation(self):
        return {
            "observation": np.append(self.point, 1.0),
            "achieved_goal": self.point.copy(),
            "desired_goal": self.goal.copy(),
        }


def make_point(env_class=PointEnv, horizon=12, render_mode=None):
    """A `PointEnv`, or a variant of it, with a time limit."""
    env = env_class(render_mode=render_mode)
    return gym.wrappers.TimeLimit(env, horizon) if horizon else env


gym.register("Point-v0", entry_point=PointEnv, max_episode_steps=12)
