"""Scenes: flat ground, a step, a ramp.

All of them are one shape: the ground rises from 0 to `height` between x = `start` and
x = `start + length`, and stays there.  A step has the length 0, flat ground the height
0.  So one function knows the ground's height everywhere.
"""

from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np

from . import looks
from .model import specification

DEPTH, FAR, WIDTH = 0.5, 40.0, 10.0  # metres, of the boxes that form a rise
RAMP = 1.10, 0.14, 0.15  # start, length and height of the student project's ramp


class Rise(NamedTuple):
    """Where the ground rises; numbers, or arrays of one per robot."""

    start: Any  # metres along x
    length: Any
    height: Any

    def ground(self, x: np.ndarray) -> np.ndarray:
        """The ground's height at `x`, in metres."""
        beyond = np.asarray(x) - self.start
        share = np.where(
            np.asarray(self.length) > 0,
            np.clip(beyond / np.maximum(self.length, 1e-9), 0.0, 1.0),
            beyond >= 0,
        )
        return self.height * share


class Scene(NamedTuple):
    """Where a scene's rise may be: ranges from which an episode draws."""

    start: tuple[float, float]
    height: tuple[float, float]
    length: float = 0.0

    def draw(self, rng: np.random.Generator) -> Rise:
        """The rise of one episode."""
        return Rise(rng.uniform(*self.start), self.length, rng.uniform(*self.height))


SCENES = {
    "flat": Scene((0.0, 0.0), (0.0, 0.0)),
    "step": Scene((1.0, 2.0), (0.02, 0.15)),
    "ramp": Scene(RAMP[:1] * 2, RAMP[2:] * 2, RAMP[1]),
}


def build(scene: str, meshes: Path | None = None) -> mujoco.MjModel:
    """The model of the robot in a scene, with the rise at its lowest start.

    Args:
      scene: one of SCENES.
      meshes: a model whose meshes are drawn, see `looks.find`; None: our own shapes.
    """
    spec = specification()
    if meshes is not None:
        looks.dress(spec, meshes)
    if scene == "flat":
        return spec.compile()
    rise = Rise(SCENES[scene].start[0], SCENES[scene].length, SCENES[scene].height[0])
    default = spec.find_default("terrain")
    box = mujoco.mjtGeom.mjGEOM_BOX
    for name, (size, pos, quat) in _boxes(rise).items():
        # Places are given here already: MuJoCo would never look again at those of
        # geoms that it compiled at the origin.
        spec.worldbody.add_geom(
            default, name=name, type=box, size=size, pos=pos, quat=quat
        )
    return spec.compile()


def place(model: mujoco.MjModel, scene: str, rise: Rise) -> None:
    """Moves the scene's boxes to where the ground rises."""
    if scene == "flat":
        return
    for name, (_, pos, quat) in _boxes(rise).items():
        model.geom(name).pos, model.geom(name).quat = pos, quat


def _boxes(rise: Rise) -> dict[str, tuple[list[float], list[float], list[float]]]:
    """Half sizes, places and quaternions of the boxes whose tops are the rise."""
    start, length, height = map(float, rise)
    middle = start + length + FAR / 2
    size = [FAR / 2, WIDTH / 2, DEPTH / 2]
    boxes = {"plateau": (size, [middle, 0.0, height - DEPTH / 2], [1.0, 0.0, 0.0, 0.0])}
    if length:
        angle = np.arctan2(height, length)
        thick, along = 0.05, np.hypot(length, height) / 2
        pos = [
            start + length / 2 + thick * np.sin(angle),
            0.0,
            height / 2 - thick * np.cos(angle),
        ]
        quat = [np.cos(angle / 2), 0.0, -np.sin(angle / 2), 0.0]
        boxes["slope"] = ([along, WIDTH / 2, thick], pos, quat)
    return boxes
