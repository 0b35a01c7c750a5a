"""Where an environment's object is, for the energy-based prioritisation.

Any environment can provide it: with a method `object_position(obs, achieved)` of
`env.unwrapped` that takes observations [..., O] and achieved goals [..., G] and
returns positions [..., 3] in metres, z upwards; and with `dt`, the seconds of a step
(default: 0.04).  The Fetch and Hand environments are built in; for the objects of the
Hand the rotation also counts.
"""

from typing import Any

import gymnasium as gym
import numpy as np

from ..types import ObjectMotion
from .state import is_plain

STEP_SECONDS = 0.04
HAND_MOST = 2.5  # joules per step, as in Zhao & Tresp's code for the hand


def object_motion(env: gym.Env) -> ObjectMotion:
    """How to find the object in what an environment returns.

    Raises:
      ValueError: the environment has no known object.
    """
    base: Any = env.unwrapped
    dt = float(getattr(base, "dt", STEP_SECONDS))
    offered = getattr(base, "object_position", None)
    if offered is not None:
        return ObjectMotion(offered, dt)
    if is_plain(env) and getattr(base, "has_object", False):
        return ObjectMotion(in_fetch, dt)
    joints = getattr(getattr(base, "_model_names", None), "joint_names", ())
    if is_plain(env) and "object:joint" in joints:
        return ObjectMotion(in_hand, dt, rotation_in_hand, HAND_MOST)
    name = env.spec.id if env.spec else base
    raise ValueError(
        f"prioritization=energy needs an environment that moves an object, found "
        f"{name}.  Use --prioritization=uniform, or offer `object_position(obs, "
        "achieved)` (see envs/objects.py)."
    )


def in_fetch(obs: np.ndarray, achieved: np.ndarray) -> np.ndarray:
    """Fetch observations hold the gripper's position, then the object's."""
    return obs[..., 3:6]


def in_hand(obs: np.ndarray, achieved: np.ndarray) -> np.ndarray:
    """The first entries of the achieved goal, also in the environments with touch."""
    return achieved[..., :3]


def rotation_in_hand(obs: np.ndarray, achieved: np.ndarray) -> np.ndarray:
    """The object's quaternion [..., 4], w first."""
    return achieved[..., 3:7]
