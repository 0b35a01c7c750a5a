"""Policy files of several levels: `level0/actor/0/kernel`, ..., and how to act."""

from typing import Any

import numpy as np

from ..acting.hierarchy import Hierarchy, LevelActor
from ..acting.policy import Policy
from ..envs.goal_spaces import unsound
from ..settings.hac import HACConfig
from ..types import Arrays, EnvSpec, GoalSpace
from . import her_policy
from .hac_levels import levels_of, network_config, network_spec
from .state import part_of

MOST_ENTRIES = 1000  # of a subgoal
fit = her_policy.fit


def read_spec(fields: dict[str, Any]) -> EnvSpec:
    """The spec in a policy file's header.

    Raises:
      ValueError: the environment check could not have produced it.
    """
    others = {name: value for name, value in fields.items() if name != "space"}
    spec, space = her_policy.read_spec(others), fields.get("space")
    if space is None:
        return spec
    name, columns, *limits = space
    lists = [columns, *limits]
    if len(lists) != 4 or not all(
        isinstance(part, list | tuple) and len(part) <= MOST_ENTRIES for part in lists
    ):
        raise ValueError("its space of subgoals has no columns and limits")
    if not isinstance(name, str) or not all(type(c) is int for c in columns):
        raise ValueError("its space of subgoals has columns that are no numbers")
    numbers = [tuple(float(x) for x in part) for part in limits]
    found = GoalSpace(name, tuple(columns), *numbers)
    problem = unsound(found, spec.obs_dim + spec.goal_dim)
    if problem:
        raise ValueError(f"its space of subgoals has {problem}")
    return spec._replace(space=found)


def shapes(spec: EnvSpec, config: HACConfig) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every array that a policy of these dimensions holds."""
    found: dict[str, tuple[int, ...]] = {}
    for level in levels_of(config, spec):
        sizes = network_spec(level, spec, config), network_config(level, config)
        own = her_policy.shapes(*sizes)
        found |= {f"{prefix(level.number)}{name}": size for name, size in own.items()}
    return found


def policy(
    arrays: Arrays,
    spec: EnvSpec,
    config: HACConfig,
    header: dict[str, Any],
    use_target: bool | None = None,
) -> Hierarchy:
    """The greedy policy of all levels; the arguments are those of `her_policy.policy`.

    Raises:
      ValueError: training could not have left these arrays.
    """
    policies = []
    for level in levels_of(config, spec):
        own = part_of(arrays, prefix(level.number))
        sizes = network_spec(level, spec, config), network_config(level, config)
        policies.append(her_policy.policy(own, *sizes, header, use_target))
    return greedy(policies, spec, config, header)


def greedy(
    policies: list[Policy], spec: EnvSpec, config: HACConfig, header: dict[str, Any]
) -> Hierarchy:
    """The levels' policies, the lowest first, as one that does not explore."""
    levels = levels_of(config, spec)
    actors = (
        LevelActor(p, p, level.period, sees_place=level.sees_place)
        for p, level in zip(policies, levels)
    )
    see = config.inputs.see_achieved
    units = levels[0].units if spec.space else None
    return Hierarchy(tuple(actors), spec.space, units, see, header)


def prefix(number: int) -> str:
    """What the names of a level's arrays begin with."""
    return f"level{number}/"


def joined(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of all levels, the lowest first, under their names in files."""
    return {
        f"{prefix(n)}{name}": array
        for n, arrays in enumerate(parts)
        for name, array in arrays.items()
    }
