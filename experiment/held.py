"""Environments whose actions are held for several steps: a control for several levels.

    python -m baselines_her.run --env=experiment.held:Held-v0 \\
        --env_kwargs='{"env": "PointMaze_UMaze-v3", "hold": 30}'

With `hold=30` a policy decides every 30th step, as the upper one of two levels with
`--periods=30` does.  One step of it is 30 steps of the environment.
"""

import dataclasses
from typing import Any

import gymnasium as gym
import gymnasium_robotics

gym.register_envs(gymnasium_robotics)


class Held(gym.Wrapper):
    """Repeats each action `hold` times; the reward is that of the last step."""

    def __init__(self, env: str, hold: int = 30, **settings: Any):
        """Makes the environment.

        Args:
          env: its id.
          hold: steps for which an action is held; must divide the episode's length.
          settings: keywords of the environment.

        Raises:
          ValueError: `hold` does not divide the episode's length.
        """
        super().__init__(gym.make(env, **settings))
        steps = getattr(self.env.spec, "max_episode_steps", None)
        if hold < 1 or not steps or steps % hold:
            raise ValueError(f"hold must divide {steps} steps, found {hold}.")
        self._hold, self._steps = hold, steps // hold

    @property
    def spec(self) -> Any:  # type: ignore[override]
        """The registration, with as many steps as there are held actions."""
        own: Any = super().spec
        return own and dataclasses.replace(own, max_episode_steps=self._steps)

    def compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        """The reward of the wrapped environment."""
        rewarding: Any = self.env.unwrapped
        return rewarding.compute_reward(achieved_goal, desired_goal, info)

    def step(self, action: Any) -> Any:
        """Holds the action; ends early where the environment does."""
        for _ in range(self._hold):
            found = self.env.step(action)
            if found[2] or found[3]:
                break
        return found


gym.register("Held-v0", entry_point="experiment.held:Held")
