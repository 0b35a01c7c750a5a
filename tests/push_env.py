"""A point that carries a block over a plane: a task with something to reach first.

Importing this module registers `Carry-v0`, so `--env=push_env:Carry-v0` works.
"""

import threading

import gymnasium as gym
import numpy as np

ARENA, NEAR, GOAL = 2.0, 0.3, 0.2


class CarryEnv(gym.Env):
    """The block moves with the point once they are near; reward 0 at its goal."""

    action_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def __init__(self, render_mode=None):
        self.render_mode = render_mode
        self.lock = threading.Lock()  # such an environment cannot be pickled
        spaces = {"observation": 6, "achieved_goal": 2, "desired_goal": 2}
        self.observation_space = gym.spaces.Dict(
            {k: gym.spaces.Box(-np.inf, np.inf, (n,)) for k, n in spaces.items()}
        )

    @staticmethod
    def gripper_position(obs, achieved):
        return obs[..., 0:3]

    @staticmethod
    def object_position(obs, achieved):
        return obs[..., 3:6]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.point = np.zeros(2)
        self.block, self.goal = self.np_random.uniform(-ARENA, ARENA, (2, 2))
        return self._observation(), {}

    def step(self, action):
        is_near = np.linalg.norm(self.point - self.block) < NEAR
        self.point = self.point + 0.25 * action
        if is_near:
            self.block = self.point.copy()
        reward = self.compute_reward(self.block, self.goal, {})
        return self._observation(), reward, False, False, {"is_success": reward == 0.0}

    def compute_reward(self, achieved_goal, desired_goal, info):
        distance = np.linalg.norm(achieved_goal - desired_goal, axis=-1)
        return -(distance > GOAL).astype(np.float32)

    def _observation(self):
        return {
            "observation": np.array([*self.point, 0.0, *self.block, 0.0]),
            "achieved_goal": self.block.copy(),
            "desired_goal": self.goal.copy(),
        }


gym.register("Carry-v0", entry_point=CarryEnv, max_episode_steps=20)
