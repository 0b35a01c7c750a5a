"""Options that every reset of an environment gets, as the cells of a maze.

`--reset_options='{"reset_cell": [7, 1], "goal_cell": [1, 10]}'` fixes where an episode
of a maze of gymnasium-robotics begins and where its goal lies.  Without options, both
may be any cell, and a goal next to the start is an easy one.
"""

import json
from typing import Any

import gymnasium as gym
import numpy as np

from .faults import refuse

SEEDS = 1, 2, 3  # of the resets that show whether an option has an effect


class FixedOptions(gym.Wrapper):
    """Passes the same options to every reset, besides those that it is given."""

    def __init__(self, env: gym.Env, options: dict[str, Any]):
        super().__init__(env)
        self._options = options

    def reset(self, *, seed=None, options=None):
        """Calls the environment's own reset; the caller's options go first."""
        return self.env.reset(seed=seed, options={**self._options, **(options or {})})


def with_options(env: gym.Env, text: str | None) -> gym.Env:
    """The environment, whose resets get the options in `text` (JSON), if any."""
    return env if text is None else FixedOptions(env, json.loads(text))


def check_options(env: gym.Env, text: str | None) -> None:
    """Refuses options that the environment does not take.

    Args:
      env: the environment; it is reset.
      text: a JSON object, or None.

    Raises:
      Refusal: an option raises an error or changes nothing.
    """
    if text is None:
        return
    base: Any = env.unwrapped
    for name, value in json.loads(text).items():
        try:
            changes = any(_differs(base, seed, {name: value}) for seed in SEEDS)
        except Exception as error:
            refuse(
                "reset must take every one of reset_options",
                f"{type(error).__name__} for {name}={value}: {error}",
                "give cells (row, column) that exist and are free",
            )
        if not changes:
            refuse(
                "every one of reset_options must have an effect",
                f"the same episode with and without {name}={value}",
                "drop it or correct its name (mazes take reset_cell and goal_cell)",
            )


def _differs(base: Any, seed: int, options: dict[str, Any]) -> bool:
    plain, _ = base.reset(seed=seed)
    other, _ = base.reset(seed=seed, options=options)
    if not isinstance(plain, dict):
        return not np.array_equal(plain, other)
    return any(not np.array_equal(plain[name], other[name]) for name in plain)
