"""Subgoals: places of a state, the unit box of the policies that choose them, NumPy.

Axes: S entries of a subgoal; the others as in `types`.
"""

from typing import NamedTuple

import numpy as np

from ..types import GoalSpace


def project(space: GoalSpace, obs: np.ndarray, achieved: np.ndarray) -> np.ndarray:
    """States as points of the space: [..., O] and [..., G] give [..., S]."""
    state = np.concatenate([obs, achieved], axis=-1)
    return state[..., list(space.columns)]


def reached(space: GoalSpace, place: np.ndarray, subgoal: np.ndarray) -> np.ndarray:
    """Whether places [..., S] are within the threshold in every entry: [...] bool."""
    apart = np.abs(place - subgoal)
    return (apart <= np.asarray(space.threshold, np.float32)).all(axis=-1)


class Units(NamedTuple):
    """Between subgoals and the actions in [-1, 1] of the level that chooses them.

    Absolute subgoals fill the space's box.  A relative one is at most `reach` away from
    the present place in each entry, and inside the box.
    """

    low: np.ndarray  # [S] float32, of the box
    high: np.ndarray  # [S] float32
    reach: np.ndarray | None = None  # [S] float32; None: absolute subgoals

    def subgoal(self, action: np.ndarray, place: np.ndarray) -> np.ndarray:
        """The subgoal [..., S] that an action [..., S] chooses at a place [..., S]."""
        if self.reach is None:
            return (self.low + self.high) / 2 + action * (self.high - self.low) / 2
        return np.minimum(np.maximum(place + action * self.reach, self.low), self.high)

    def action(self, subgoal: np.ndarray, place: np.ndarray) -> np.ndarray:
        """The action that chooses a subgoal; beyond +-1 if none does."""
        if self.reach is None:
            middle = (self.low + self.high) / 2
            return (subgoal - middle) * 2 / (self.high - self.low)
        return (subgoal - place) / self.reach


def units_of(space: GoalSpace, reach: float | None = None) -> Units:
    """The units of a space.

    Args:
      space: the box.
      reach: of relative subgoals, as a share of half the box; None: absolute ones.
    """
    low, high = np.array(space.low, np.float32), np.array(space.high, np.float32)
    return Units(
        low, high, None if reach is None else np.float32(reach / 2) * (high - low)
    )
