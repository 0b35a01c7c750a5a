"""Acting with several levels: each level but the lowest chooses subgoals.

Levy et al. 2019, "Learning Multi-Level Hierarchies with Hindsight"
(arXiv:1712.00948), with fixed periods: a level decides every `period` steps, and its
subgoal stays in force until it decides again, whether reached or not.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..types import Actor, GoalSpace
from .chain import Chain
from .policy import Policy
from .subgoals import Units, project


class LevelActor(NamedTuple):
    """How one level acts."""

    policy: Policy  # greedy
    explorer: Actor  # with noise; the policy itself in evaluation
    period: int = 1  # steps between two decisions
    test_p: float = 0.0  # share of its decisions that are tested; 0 at the lowest level
    sees_place: bool = False  # instead of the whole state; of the lowest level


class Hierarchy(NamedTuple):
    """Levels that act together, the lowest first; one level acts like its policy."""

    levels: tuple[LevelActor, ...]
    space: GoalSpace | None  # of subgoals; None with one level
    units: Units | None
    see_achieved: bool  # networks see [observation | achieved goal]
    header: dict[str, Any]

    def start(self, rng: np.random.Generator) -> "Course":
        """Begins an episode; counters, noise and coins come from `rng` alone."""
        return Course(self, rng)

    def __call__(self, observation: Mapping[str, np.ndarray]) -> np.ndarray:
        """The greedy action for an environment's observation, of one level only.

        Raises:
          TypeError: there are several levels.
        """
        if len(self.levels) > 1:
            raise TypeError(
                "a policy of several levels must know when an episode begins: "
                "act = policy.start(np.random.default_rng(0)), then "
                "act(observation, achieved_goal, desired_goal) at every step."
            )
        names = "observation", "achieved_goal", "desired_goal"
        parts = (np.asarray(observation[name], np.float32) for name in names)
        return self.start(np.random.default_rng(0))(*parts)

    def chain(self) -> Chain:
        """Refuses: an export is a function of one observation.

        Raises:
          ValueError: always.
        """
        raise ValueError(
            "a policy of alg=hac cannot be exported: its subgoals last for several "
            "steps, and an export is a function of one observation.  Export a policy "
            "of alg=her."
        )


class Course:
    """The decisions of one episode; calling it acts for one step.

    Attributes:
      subgoals: [L-1, S] in force now; row l is given to level l by level l+1.  NaN
        before the first step.
      tested: [L-1] bool, whether they are being tested.
    """

    def __init__(self, hierarchy: Hierarchy, rng: np.random.Generator):
        self._hierarchy, self._rng = hierarchy, rng
        self._explore = [level.explorer.start(rng) for level in hierarchy.levels]
        n_below = len(hierarchy.levels) - 1
        n_entries = len(hierarchy.space.columns) if hierarchy.space else 0
        self.subgoals = np.full((n_below, n_entries), np.nan, np.float32)
        self.tested = np.zeros(n_below, bool)
        self._history: list[tuple[np.ndarray, np.ndarray]] = []

    def __call__(self, obs, achieved, goal) -> np.ndarray:
        """The action [A] for an observation [O] and goals [G], float32."""
        levels, space = self._hierarchy.levels, self._hierarchy.space
        see = self._hierarchy.see_achieved
        state = np.concatenate([obs, achieved]) if see else obs
        top, t = len(levels) - 1, len(self._history)
        if space is None:
            return self._act(0, state, achieved, goal)
        place = project(space, obs, achieved)
        for n in range(top, 0, -1):
            if t % levels[n].period == 0:
                pursued = (achieved, goal) if n == top else (place, self.subgoals[n])
                self._decide(n, state, place, *pursued)
        self._history.append((self.subgoals.copy(), self.tested.copy()))
        seen = place if levels[0].sees_place else state
        return self._act(0, seen, place, self.subgoals[0])

    def notes(self) -> dict[str, np.ndarray]:
        """Subgoals [1, L-1, T, S] and tests [1, L-1, T], fields of `Episodes`."""
        if not self._history:
            return {}
        subgoals, tested = map(np.stack, zip(*self._history))
        return {
            "subgoal": np.moveaxis(subgoals, 0, 1)[None],
            "tested": np.moveaxis(tested, 0, 1)[None],
        }

    def _decide(self, n, state, place, reached, goal) -> None:
        """Level n chooses a subgoal for the level below, tested or not."""
        action = self._act(n, state, reached, goal)
        units: Any = self._hierarchy.units
        self.subgoals[n - 1] = units.subgoal(action, place)
        share = self._hierarchy.levels[n].test_p
        is_new = not self._under_test(n) and share and self._rng.random() < share
        self.tested[n - 1] = self._under_test(n) or is_new

    def _act(self, n, state, reached, goal) -> np.ndarray:
        """Level n's action: greedy while a decision of a level above is tested."""
        greedy = self._hierarchy.levels[n].policy.act
        act = greedy if self._under_test(n) else self._explore[n]
        return act(state, reached, goal)

    def _under_test(self, n) -> bool:
        """Whether a decision above level n is tested; a test extends to all below."""
        return n < len(self.tested) and bool(self.tested[n])
