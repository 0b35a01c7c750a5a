"""Where object and gripper are, for the energy-based prioritisation and for relay.

Any environment can provide it: with a method `object_position(obs, achieved)` of
`env.unwrapped` that takes observations [..., O] and achieved goals [..., G] and
returns positions [..., 3] in metres, z upwards; and with `dt`, the seconds of a step
(default: 0.04).  Relay also needs `gripper_position`, and for relay both must be static
methods, since other processes call them without this environment.  The Fetch
environments are built in, and for the energy those of the Hand; for the objects of the
Hand the rotation also counts.
"""

import inspect
from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from ..types import EnvSpec, ObjectMotion, ReachPoints
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


def reach_points(env: gym.Env, spec: EnvSpec) -> ReachPoints:
    """How to find gripper and object in what an environment returns.

    Raises:
      ValueError: the environment has no known gripper and object, or what it offers
        is not of the kind that relay needs.
    """
    base: Any = env.unwrapped
    gripper = getattr(base, "gripper_position", None)
    thing = getattr(base, "object_position", None)
    if gripper is not None and thing is not None:
        _require_positions("gripper_position", gripper, spec)
        _require_positions("object_position", thing, spec)
        return ReachPoints(gripper, thing)
    if is_plain(env) and getattr(base, "has_object", False):
        return ReachPoints(gripper_in_fetch, in_fetch)
    name = env.spec.id if env.spec else base
    raise ValueError(
        f"relay needs an environment with a gripper and an object, found {name}.  Drop "
        "--relay, or offer `gripper_position(obs, achieved)` and `object_position(obs, "
        "achieved)` (see envs/objects.py)."
    )


def _require_positions(name: str, offered: Callable[..., Any], spec: EnvSpec) -> None:
    """Raises ValueError unless `offered` can serve relay."""
    owner = getattr(offered, "__self__", None)
    if owner is not None and not inspect.isclass(owner):
        raise ValueError(
            f"relay needs {name} as a static method, since other processes call it "
            f"without this environment; found a method of {type(owner).__name__}.  Put "
            "@staticmethod above it and drop self."
        )
    for rows in (), (2,):
        obs, achieved = (
            np.zeros((*rows, spec.obs_dim)),
            np.zeros((*rows, spec.goal_dim)),
        )
        found = np.shape(offered(obs, achieved))
        if found != (*rows, 3):
            raise ValueError(
                f"{name} must return positions of shape {(*rows, 3)} for observations "
                f"of shape {obs.shape}, found {found}.  Index the last axis: "
                "obs[..., 0:3]."
            )


def gripper_in_fetch(obs: np.ndarray, achieved: np.ndarray) -> np.ndarray:
    """Fetch observations begin with the gripper's position."""
    return obs[..., 0:3]


def in_fetch(obs: np.ndarray, achieved: np.ndarray) -> np.ndarray:
    """Fetch observations hold the gripper's position, then the object's."""
    return obs[..., 3:6]


def in_hand(obs: np.ndarray, achieved: np.ndarray) -> np.ndarray:
    """The first entries of the achieved goal, also in the environments with touch."""
    return achieved[..., :3]


def rotation_in_hand(obs: np.ndarray, achieved: np.ndarray) -> np.ndarray:
    """The object's quaternion [..., 4], w first."""
    return achieved[..., 3:7]
