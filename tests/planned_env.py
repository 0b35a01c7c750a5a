"""The point, whose place a higher level may ask for.

Importing this module registers `Planned-v0`: `--env=planned_env:Planned-v0`.
"""

import gymnasium as gym
from point_env import PointEnv

PLANE = {"columns": [0, 1], "low": [-5, -5], "high": [5, 5], "threshold": [0.4, 0.4]}


class PlannedEnv(PointEnv):
    """Offers its place as a space of subgoals."""

    def subgoal_space(self):
        return PLANE


class ObjectEnv(PlannedEnv):
    """The point as an object that lies on a table."""

    @staticmethod
    def object_position(obs, achieved):
        return obs[..., :3] * [1.0, 1.0, 0.0]


gym.register("Planned-v0", entry_point=PlannedEnv, max_episode_steps=12)
