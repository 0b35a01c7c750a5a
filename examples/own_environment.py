"""Train in a goal environment of your own: `python examples/own_environment.py`.

A point in a square must stop at a random place.  The observations are a Dict, the
reward is 0 at the goal and -1 elsewhere, and every episode has the same length.
"""

import sys

import gymnasium as gym
import numpy as np

import baselines_her
from baselines_her.cli.flags import parse_flags


class Point(gym.Env):
    """Actions are velocities; at the goal means within 0.1."""

    action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
    observation_space = gym.spaces.Dict(
        {
            name: gym.spaces.Box(-2.0, 2.0, (2,), np.float64)
            for name in ("observation", "achieved_goal", "desired_goal")
        }
    )

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.goal = self.np_random.uniform(-1.0, 1.0, (2, 2))
        return self.observe(), {}

    def step(self, action):
        self.place = np.clip(self.place + 0.2 * action, -2.0, 2.0)
        reward = self.compute_reward(self.place, self.goal, {})
        return self.observe(), reward, False, False, {"is_success": reward == 0.0}

    def compute_reward(self, achieved_goal, desired_goal, info):
        apart = np.linalg.norm(achieved_goal - desired_goal, axis=-1)
        return -(apart > 0.1).astype(np.float32)  # of rows of goals, too

    def observe(self):
        place = self.place.copy()
        return {
            "observation": place,
            "achieved_goal": place,
            "desired_goal": self.goal.copy(),
        }


def make_point():
    """The environment with its time limit."""
    return gym.wrappers.TimeLimit(Point(), max_episode_steps=25)


if __name__ == "__main__":
    flags = {"num_timesteps": 10_000, **parse_flags(sys.argv[1:])}
    result = baselines_her.train(make_env=make_point, **flags)
    print(baselines_her.evaluate(result.policy, make_point, episodes=50).success_last)
