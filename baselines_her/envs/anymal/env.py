"""ANYmal C as a Gymnasium environment: a pack of one robot."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import mujoco
import numpy as np

from ...settings.fields import nearest
from . import looks
from .pack import Pack
from .task import Task

WINDOW = {  # the camera of a window, which follows the robot
    "type": mujoco.mjtCamera.mjCAMERA_TRACKING,
    "distance": 3.0,
    "azimuth": 120.0,
    "elevation": -15.0,
}


def task_of(settings: dict[str, Any]) -> Task:
    """The task with these settings.

    Raises:
      ValueError: a setting is unknown or out of range.
    """
    known = [field.name for field in dataclasses.fields(Task)]
    for name in settings:
        if name not in known:
            raise ValueError(f"unknown setting {name}{nearest(name, known)}")
    return Task(**settings)


class AnymalC(gym.Env):
    """The robot ANYmal C is told how fast to walk and to turn (docs/anymal.md).

    Actions are 12 changes of joint angles from the standing pose, in units of
    `action_scale`; observations are described in `task.observation`.

    Attributes:
      reward_terms: names of the terms whose sum is the reward; `info["reward_terms"]`
        holds their values at every step.
    """

    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 50}

    def __init__(self, render_mode: str | None = None, **settings: Any):
        """Builds the robot and its scene.

        Args:
          render_mode: None, "rgb_array" or "human".
          settings: the attributes of `task.Task`.

        Raises:
          ValueError: a setting is unknown or out of range, or MENAGERIE_ROOT is set but
            holds no model of the robot.
        """
        self.task = task_of(settings)
        self.metadata = self.metadata | {"render_fps": round(1 / self.task.rules.dt)}
        self.render_mode = render_mode
        self.reward_terms = tuple(self.task.weights)
        root = os.environ.get("MENAGERIE_ROOT") if render_mode else None
        self._pack = Pack(1, self.task, looks.find(root) if root else None)
        self.model, self.data = self._pack.models[0], self._pack.data[0]
        size = (self.task.obs_dim,)
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, size, np.float64)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (12,), np.float32)
        self.mujoco_renderer = self._renderer() if render_mode else None

    @property
    def command(self) -> np.ndarray:
        """[3]: the velocity along x and y in m/s, and turn in rad/s, at present."""
        return self._pack.command[0]

    def set_command(self, values: Sequence[float]) -> None:
        """Sets what the command moves to, until the episode ends.

        Before the first step of an episode, the command becomes that at once.

        Args:
          values: velocity along x and y in m/s, and turn in rad/s.
        """
        self._pack.set_command(0, values)

    def together(self, n: int) -> Pack:
        """N more robots of the same task, which are stepped together."""
        return Pack(n, self.task)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begins an episode, a function of the seed."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        obs = self._pack.reset(0, seed)
        if self.render_mode == "human":
            self.render()
        return obs, {}

    def step(
        self, action: np.ndarray
    ) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One control step, of 20 ms (10 ms with `reward="aidl2023"`)."""
        outcome = self._pack.step([0], np.asarray(action, np.float64)[None])
        info = {
            "reward_terms": outcome.terms[0],
            "metrics": self._pack.metrics(0),
        }
        if self.render_mode == "human":
            self.render()
        return (
            outcome.obs[0],
            float(outcome.reward[0]),
            bool(outcome.terminated[0]),
            bool(outcome.truncated[0]),
            info,
        )

    def render(self) -> Any:
        """A frame [H, W, 3], or nothing after drawing the window."""
        if self.mujoco_renderer is None:
            return None
        return self.mujoco_renderer.render(self.render_mode)

    def close(self) -> None:
        """Closes the window."""
        if self.mujoco_renderer is not None:
            self.mujoco_renderer.close()

    def _renderer(self) -> Any:
        from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

        return MujocoRenderer(
            self.model,
            self.data,
            width=640,
            height=480,
            camera_name="side",
            default_cam_config=WINDOW | {"trackbodyid": self.model.body("base").id},
        )
