"""Takes frames without changing the episode.

A MuJoCo environment's render() moves the goal's marker and runs mj_forward; the next
action then starts from other numbers, and PickAndPlace drifts from step 1 on.  So the
simulation is copied before every render and restored afterwards.
"""

import itertools
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from ..rollout import Actor, play_episode
from ..types import Act, EnvSpec, Episodes, GoalSpace, Start
from .gl import require_gl
from .make import EnvFactory

FPS = 25  # of films
# Of the subgoals for level 0 and level 1.
COLOURS = np.array([[0.1, 0.3, 1.0, 0.6], [0.1, 0.8, 0.2, 0.6]])


def make_rendered(factory: EnvFactory, render_mode: str) -> gym.Env:
    """An environment whose frames can be taken without changing its episodes.

    Args:
      factory: builds it.
      render_mode: "rgb_array" for frames, "human" for a window.

    Raises:
      RuntimeError: this machine cannot draw; the message names the cure.
    """
    env = factory(render_mode)
    base: Any = env.unwrapped
    if hasattr(getattr(base, "data", None), "site_xpos"):
        require_gl(render_mode)
        # An attribute hides the method, since "human" mode renders within step().
        base.render = _pure_render(base, base.render)
        _follow(base)
    return env


def frame_stride(env: gym.Env) -> int:
    """Steps from one frame of a film to the next, for films of 25 frames a second."""
    return max(1, round(env.metadata.get("render_fps", FPS) / FPS))


def _follow(base: Any) -> None:
    """Looks through the model's camera `track`, if it has one and none was chosen.

    Gymnasium's own choice stays where it is, and a running robot leaves the picture.
    """
    import mujoco

    renderer: Any = getattr(base, "mujoco_renderer", None)
    if getattr(renderer, "camera_id", None) == -1:
        camera = mujoco.mjtObj.mjOBJ_CAMERA
        found = mujoco.mj_name2id(base.model, camera, "track")
        renderer.camera_id = found  # -1 if there is none


def film(
    env: gym.Env, spec: EnvSpec, actor: Actor, start: Start
) -> tuple[Episodes, list[np.ndarray]]:
    """Plays one episode and returns it with its frames [H, W, 3] uint8."""
    frames: list[Any] = []
    camera = Camera(env, spec, actor)
    steps, stride = itertools.count(), frame_stride(env)

    def take_frame() -> None:
        if next(steps) % stride == 0:
            frames.append(camera.frame())

    episode = play_episode(env, spec, camera, start, on_state=take_frame)
    return episode, frames


class Camera:
    """An actor that can be watched: pictures show the subgoals that it pursues."""

    def __init__(self, env: gym.Env, spec: Any, actor: Actor):
        self._env, self._actor = env, actor
        self._space: GoalSpace | None = getattr(spec, "space", None)
        self._act: Any = None

    def start(self, rng: np.random.Generator) -> Act:
        """Begins an episode of the actor."""
        self._act = self._actor.start(rng)
        return self._act

    def frame(self) -> np.ndarray:
        """The present frame [H, W, 3] uint8."""
        self.mark()
        return self._env.render()  # type: ignore[return-value]

    def mark(self) -> None:
        """Shows the present subgoals in the next picture, which a window draws itself.

        Nothing is shown before the first picture, since nobody draws yet.
        """
        viewer = getattr(_renderer(self._env.unwrapped), "viewer", None)
        if viewer is None or self._space is None:
            return
        for n, place in enumerate(self._places()):
            size = np.full(3, 0.7 * self._space.threshold[0])
            viewer.add_marker(pos=place, size=size, rgba=COLOURS[n], label="")

    def _places(self) -> list[np.ndarray]:
        """Where the subgoals are, in metres, as far as they are places."""
        subgoals = getattr(self._act, "subgoals", ())
        if not np.isfinite(subgoals).all():  # none is chosen yet
            return []
        base: Any = self._env.unwrapped
        if self._space.name.startswith("gripper"):  # type: ignore[union-attr]
            return [np.array(subgoal[:3], float) for subgoal in subgoals]
        if self._space.name == "place":  # type: ignore[union-attr]
            height = base.maze.maze_height / 2 * base.maze.maze_size_scaling
            return [np.append(subgoal, height) for subgoal in subgoals]
        return []


def _renderer(base: Any) -> Any:
    """Gymnasium's renderer, which a maze keeps in the robot that it contains."""
    holders = (getattr(base, name, None) for name in ("point_env", "ant_env"))
    owner = next((holder for holder in holders if holder is not None), base)
    return getattr(owner, "mujoco_renderer", None)


def _pure_render(base, render: Callable[[], np.ndarray]) -> Callable[[], np.ndarray]:
    import mujoco

    backup = mujoco.MjData(base.model)

    def pure():
        mujoco.mj_copyData(backup, base.model, base.data)
        sites = base.model.site_pos.copy()
        try:
            return render()
        finally:
            mujoco.mj_copyData(base.data, base.model, backup)
            base.model.site_pos[:] = sites

    return pure
