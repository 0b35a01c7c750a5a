"""Episodes whose numbers tell where they come from, and levels that learn from them.

An episode has 6 steps; its place at step t of episode e is t + 10 e, its achieved goal
100 more.  Level 1 decides every 2 steps, level 2 of three levels every 4 of 8.
"""

import numpy as np

from baselines_her.acting.subgoals import units_of
from baselines_her.algorithms.hac_rows import Level
from baselines_her.her_sampler import Hindsight
from baselines_her.types import Episodes, GoalSpace, Index

SPACE = GoalSpace("x", (0,), (0.0,), (20.0,), (0.5,))  # action = (place - 10) / 10
OWN, NEW = Hindsight(hindsight_p=0.0), Hindsight(hindsight_p=1.0)


def episodes(subgoal, tested, n=2, horizon=6, goal=(103.0, 113.0)):
    """`subgoal` and `tested` are rows of decisions, one for each step."""
    place = np.arange(horizon + 1) + 10.0 * np.arange(n)[:, None]
    place = place[..., None].astype(np.float32)
    return Episodes(
        obs=place,
        achieved=place + 100,
        goal=np.array(goal, np.float32)[:, None],
        action=place[:, :-1] + 0.25,
        success=np.zeros((n, horizon), bool),
        subgoal=np.array(subgoal, np.float32).reshape(n, -1, horizon, 1),
        tested=np.array(tested, np.float32).reshape(n, -1, horizon),
    )


# episode 0: subgoals 3, 4, 1; episode 1: 12, 18, 14 (the last decision is reached)
SUBGOALS = [[3, 3, 4, 4, 1, 1], [12, 12, 18, 18, 14, 14]]
TESTED = [[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1]]
EPISODES = episodes(SUBGOALS, TESTED)


def level(number, hindsight, top=1, period=None, attempts=None, **more):
    periods, tries = (1, 2), (2, 3)
    period = periods[number] if period is None else period
    attempts = tries[number] if attempts is None else attempts
    goals = hindsight._replace(period=period, attempts=attempts)
    parts = number, number == top, period, attempts, goals
    return Level(*parts, SPACE, units_of(SPACE), **more)


def at(*pairs):
    return Index(*(np.array(column) for column in zip(*pairs)))


def sparse(achieved, goal):
    return -(np.abs(achieved - goal).max(axis=-1) > 0.1).astype(np.float64)
