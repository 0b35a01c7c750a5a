"""Spaces of subgoals: which numbers of a state a higher level may ask a lower one for.

A space is a box over some entries of the state, which is the observation followed by
the achieved goal: [O + G].  The mazes of gymnasium-robotics and the Fetch environments
are built in.  Any other environment can offer a method `subgoal_space()` of
`env.unwrapped`, which returns a dict:

    {"columns": [0, 1],          # S entries of [observation | achieved goal]
     "low": [-1.4, -1.4],        # the smallest and
     "high": [1.4, 1.4],         # the largest subgoal
     "threshold": [0.3, 0.3]}    # reached: within this in every entry
"""

import math
from typing import Any

import gymnasium as gym
import numpy as np

from ..types import EnvSpec, GoalSpace
from .faults import refuse
from .state import is_plain

# Metres, of the gripper of Fetch: where it gets to above the table.
GRIPPER = ((1.10, 0.50, 0.41), (1.55, 1.00, 0.88), 0.05)
OBJECT = ((1.05, 0.40, 0.41), (1.55, 1.10, 0.88), 0.05)
FINGER = ((0.0,), (0.05,), 0.01)
# Metres between a subgoal and the nearest wall, and at a subgoal: point, ant.
POINT, ANT = (0.1, 0.3), (0.2, 0.5)


def goal_space(env: gym.Env, spec: EnvSpec, name: str | None = None) -> GoalSpace:
    """The space of subgoals of an environment.

    Args:
      env: the environment.
      spec: its dimensions.
      name: one of the spaces that the environment has; default: its first one.

    Raises:
      Refusal: the environment has no space, none of that name, or one that is not of
        the documented kind.
    """
    base: Any = env.unwrapped
    if hasattr(base, "subgoal_space"):
        known = {"own": _own(base.subgoal_space())}
    else:
        known = _built_in(base, spec) if is_plain(env) else {}
    if not known:
        refuse(
            "several levels need a space of subgoals",
            f"none for {spec.env_id}",
            "offer a method subgoal_space() (see envs/goal_spaces.py), or give "
            "--levels=1",
        )
    name = next(iter(known)) if name is None else name
    if name not in known:
        refuse(
            f"subgoal_space must be one of {', '.join(known)} for {spec.env_id}",
            repr(name),
            "choose one of them, or drop --subgoal_space",
        )
    space = known[name]
    _require_sound(space, spec)
    return space


def _built_in(base: Any, spec: EnvSpec) -> dict[str, GoalSpace]:
    """Name -> space, the default first; empty if the environment is not known."""
    if hasattr(base, "maze"):
        return {"place": _place(base, spec)}
    if not hasattr(base, "has_object") or not hasattr(base, "gripper_extra_height"):
        return {}
    gripper = _box("gripper", (0, 1, 2), GRIPPER)
    if not base.has_object:
        return {"gripper": gripper}
    both = _box("gripper_object", range(6), GRIPPER, OBJECT)
    if base.block_gripper:
        return {"gripper": gripper, "gripper_object": both}
    fingers = _box("gripper_fingers", (0, 1, 2, 9), GRIPPER, FINGER)
    known = fingers, gripper, both
    return {space.name: space for space in known}


def _place(base: Any, spec: EnvSpec) -> GoalSpace:
    """x and y within the outer walls of a maze; they are the achieved goal."""
    maze, is_ant = base.maze, hasattr(base, "ant_env")
    margin, threshold = ANT if is_ant else POINT
    wall = maze.maze_size_scaling + margin
    half = maze.x_map_center - wall, maze.y_map_center - wall
    columns = spec.obs_dim, spec.obs_dim + 1
    low = tuple(-float(x) for x in half)
    return GoalSpace("place", columns, low, tuple(map(float, half)), (threshold,) * 2)


def _box(name: str, columns: Any, *parts: Any) -> GoalSpace:
    """The product of boxes, each (low, high, one threshold)."""
    low, high = (tuple(x for part in parts for x in part[k]) for k in (0, 1))
    threshold = tuple(part[2] for part in parts for _ in part[0])
    return GoalSpace(name, tuple(columns), low, high, threshold)


def _own(offered: Any) -> GoalSpace:
    """What an environment of the user's own offers."""
    names = "columns", "low", "high", "threshold"
    try:
        columns, *numbers = (np.asarray(offered[name]).reshape(-1) for name in names)
        parts = (tuple(float(x) for x in part) for part in numbers)
        return GoalSpace("own", tuple(int(c) for c in columns), *parts)
    except (KeyError, TypeError, ValueError) as error:
        refuse(
            f"subgoal_space() must return a dict with {', '.join(names)}",
            f"{type(error).__name__}: {error}",
            "see envs/goal_spaces.py",
        )


def _require_sound(space: GoalSpace, spec: EnvSpec) -> None:
    """Refuses a space that no state can have."""
    problem = unsound(space, spec.obs_dim + spec.goal_dim)
    if problem:
        refuse("a space of subgoals must fit its environment", problem, "correct it")


def unsound(space: GoalSpace, state_dim: int) -> str | None:
    """What is wrong with a space for states of so many entries, or None."""
    sizes = {len(part) for part in space[1:]}
    if len(sizes) != 1 or sizes == {0}:
        return f"columns and limits of different lengths ({space})"
    if not all(0 <= column < state_dim for column in space.columns):
        return f"columns {space.columns} of a state with {state_dim} entries"
    triples = zip(space.low, space.high, space.threshold)
    if not all(
        math.isfinite(low) and math.isfinite(high) and low < high and 0 < near < 1e9
        for low, high, near in triples
    ):
        return "limits that are not finite, or not low < high, or no threshold above 0"
    return None
