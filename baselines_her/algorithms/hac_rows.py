"""What several levels learn from: rows of stored episodes, for each level its own.

Levy et al. 2019, "Learning Multi-Level Hierarchies with Hindsight"
(arXiv:1712.00948), section 4.  Level l decides every p steps.  Its transition goes from
step t to t + p; its action is a subgoal for the level below, its goal the subgoal of
the level above.  Nothing here keeps state or changes what is stored.
"""

from typing import NamedTuple

import numpy as np

from ..acting.subgoals import Units, project, reached
from ..her_sampler import (
    Hindsight,
    RewardFn,
    choose_goals,
    goal_steps,
    relabel,
    rows_at,
)
from ..types import Batch, GoalSpace, Index

BEYOND = 1.1  # a subgoal whose action lies further out than this is not learned from


class Level(NamedTuple):
    """One level, as its rows see it."""

    number: int  # from 0, the lowest
    is_top: bool
    period: int  # p, steps of one transition
    attempts: int  # H, decisions for one goal
    hindsight: Hindsight  # how its goals are replaced
    space: GoalSpace  # of subgoals
    units: Units  # of its actions, above level 0
    hindsight_actions: bool = True
    sees_place: bool = False  # networks see the point of the space instead of the state


class Actions(NamedTuple):
    """The actions of a level above level 0, and where they come from."""

    drawn: Index  # [B], the transitions: those without a sound action are replaced
    action: np.ndarray  # [B, S], in [-1, 1]
    clipped: float  # share of rows whose action was outside, a little if any is sound
    redrawn: float  # share of rows that were replaced


def subgoals_at(episodes, index: Index, number: int) -> np.ndarray:
    """The subgoals [B, S] that level `number` pursues at these steps."""
    return episodes.subgoal[index.episode, number, index.step]


def places(episodes, space: GoalSpace, index: Index) -> np.ndarray:
    """The states at these steps as points of the space, [B, S]."""
    parts = rows_at(episodes.obs, *index), rows_at(episodes.achieved, *index)
    return project(space, *parts)


def proposed_actions(episodes, index: Index, level: Level) -> np.ndarray:
    """The actions [B, S] for the subgoals in force; `index` are decision steps."""
    subgoal = subgoals_at(episodes, index, level.number - 1)
    return level.units.action(subgoal, places(episodes, level.space, index))


def reached_actions(episodes, index: Index, level: Level) -> np.ndarray:
    """Hindsight actions [B, S]: those that choose the place reached a period later.

    2019, section 4.1: the level below is taken for one that reaches every subgoal.
    """
    later = Index(index.episode, index.step + level.period)
    here, there = (places(episodes, level.space, i) for i in (index, later))
    return level.units.action(there, here)


def is_missed(episodes, index: Index, level: Level) -> np.ndarray:
    """Whether the level below misses the subgoal at every step of the period, [B]."""
    steps = index.step[:, None] + 1 + np.arange(level.period)
    episode = np.broadcast_to(index.episode[:, None], steps.shape)
    flat = Index(episode.reshape(-1), steps.reshape(-1))
    place = places(episodes, level.space, flat).reshape(*steps.shape, -1)
    subgoal = subgoals_at(episodes, index, level.number - 1)
    return np.logical_not(reached(level.space, place, subgoal[:, None]).any(axis=1))


def sound_actions(
    index: Index,
    action: np.ndarray,
    rng: np.random.Generator,
    is_spare: np.ndarray | None = None,
) -> Actions:
    """Actions within [-1, 1]; rows that are more than 10 % outside are drawn again.

    If there is no sound row, all are clipped.

    Args:
      index: [B], the transitions.
      action: [B, S], of any size.
      rng: chooses a sound row in the place of each one that is not.
      is_spare: [B], the rows that are preferred for that; default: all.
    """
    size = np.abs(action).max(axis=1)
    is_sound = size <= BEYOND
    good = np.flatnonzero(is_sound)
    if is_spare is not None and (is_sound & is_spare).any():
        good = np.flatnonzero(is_sound & is_spare)
    bad = np.flatnonzero(~is_sound) if len(good) else good
    rows = np.arange(len(action))
    rows[bad] = good[rng.integers(max(1, len(good)), size=len(bad))]
    kept = Index(*(part[rows] for part in index))
    n_outside = int((size > 1.0).sum()) - len(bad)
    shares = n_outside / len(rows), len(bad) / len(rows)
    return Actions(kept, action[rows].clip(-1.0, 1.0).astype(np.float32), *shares)


def level_rows(
    episodes,
    index: Index,
    level: Level,
    reward_fn: RewardFn,
    rng: np.random.Generator,
    n_episodes: int,
) -> tuple[Batch, Actions | None]:
    """Rows of a level from any steps t in 0 .. T - p.

    Above level 0 the action is the hindsight action.  Without `hindsight_actions` it is
    the proposed one of a decision, and each decision stands for as many steps t.

    Args:
      episodes: anything with the fields of `Episodes` (the replay buffer is one).
      index: [B], the transitions.
      level: whose rows.
      reward_fn: of the environment, -1 or 0, for the top level.
      rng: draws replacements, which rows get a new goal, and which one.
      n_episodes: only this many first ones of `episodes` are stored.

    Returns:
      The rows, and above level 0 the actions with the transitions that they are of.
    """
    actions = None
    if level.number:
        if level.hindsight_actions:
            action = reached_actions(episodes, index, level)
        else:
            index = _spread(index, level.period, episodes.action.shape[1])
            action = proposed_actions(episodes, index, level)
        actions = sound_actions(index, action, rng)
        index = actions.drawn
    rows = _goal_rows(episodes, index, level, reward_fn, rng, n_episodes)
    return (rows._replace(action=actions.action) if actions else rows), actions


def decision_rows(
    episodes,
    index: Index,
    level: Level,
    reward_fn: RewardFn,
    rng: np.random.Generator,
    n_episodes: int,
) -> tuple[Batch, np.ndarray]:
    """Rows of the decisions themselves, for their own goals (2019, section 4.3).

    A decision that was tested keeps its proposed action.  If the level below missed the
    subgoal, the reward is -H and nothing follows; if it reached it, the row is an
    ordinary one.  Decisions that were not tested get the hindsight action; if it is not
    sound, another one that was not tested takes their place.

    Args:
      episodes: see `level_rows`.
      index: [B], decisions: steps that are multiples of p.
      level: above level 0.
      reward_fn: see `level_rows`.
      rng: draws replacements for rows without a sound action.
      n_episodes: see `level_rows`.

    Returns:
      The rows, and which of them are penalties [B].
    """
    tested = _tested(episodes, index, level)
    other = reached_actions if level.hindsight_actions else proposed_actions
    action = np.where(
        tested[:, None],
        proposed_actions(episodes, index, level).clip(-1.0, 1.0),
        other(episodes, index, level),
    )
    actions = sound_actions(index, action, rng, ~tested)
    index = actions.drawn
    own = level._replace(hindsight=level.hindsight._replace(hindsight_p=0.0))
    rows = _goal_rows(episodes, index, own, reward_fn, rng, n_episodes)
    missed = _tested(episodes, index, level) & is_missed(episodes, index, level)
    rows = rows._replace(
        action=actions.action,
        reward=np.where(missed, np.float32(-level.attempts), rows.reward),
        discount=np.where(missed, np.float32(0.0), rows.discount),
    )
    return rows, missed


def own_rows(episodes, index: Index, level: Level, reward_fn: RewardFn) -> Batch:
    """The decisions at `index` as they were taken, with their own goals [B]."""
    own = level._replace(hindsight=level.hindsight._replace(hindsight_p=0.0))
    rng, n_episodes = np.random.default_rng(0), len(episodes.goal)  # nothing is drawn
    rows = _goal_rows(episodes, index, own, reward_fn, rng, n_episodes)
    if not level.number:
        return rows
    action = proposed_actions(episodes, index, level).clip(-1.0, 1.0)
    return rows._replace(action=action.astype(np.float32))


def level_inputs(
    episodes,
    index: Index,
    level: Level,
    reward_fn: RewardFn,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Observations [B, ...] and goals [B, ...] of such rows, for the statistics."""
    hindsight = level.hindsight
    obs, achieved = rows_at(episodes.obs, *index), rows_at(episodes.achieved, *index)
    if level.is_top:
        goal = choose_goals(episodes, index, reward_fn, rng, hindsight)
    else:
        goal = _subgoals(episodes, index, level, rng)
    if hindsight.relative_goals:
        place = achieved if level.is_top else project(level.space, obs, achieved)
        goal = goal - place
    return _seen(obs, achieved, level), goal


def _goal_rows(episodes, index, level, reward_fn, rng, n_episodes) -> Batch:
    """Rows with goals and rewards; their actions are those of the environment."""
    if level.is_top:
        goals = level.hindsight
        return relabel(episodes, index, reward_fn, rng, goals, n_episodes)
    hindsight, n = level.hindsight, len(index.episode)
    goal = _subgoals(episodes, index, level, rng)
    later = Index(index.episode, index.step + level.period)
    states = [
        (rows_at(episodes.obs, *i), rows_at(episodes.achieved, *i))
        for i in (index, later)
    ]
    place, next_place = (project(level.space, *state) for state in states)
    is_relative = hindsight.relative_goals
    return Batch(
        obs=_seen(*states[0], level),
        goal=goal - place if is_relative else goal,
        action=rows_at(episodes.action, *index),
        reward=reached(level.space, next_place, goal).astype(np.float32) - 1.0,
        discount=np.ones(n, np.float32),
        next_obs=_seen(*states[1], level),
        next_goal=goal - next_place if is_relative else goal,
        weight=np.ones(n, np.float32),
        is_demo=np.zeros(n, np.float32),
    )


def _subgoals(episodes, index: Index, level: Level, rng) -> np.ndarray:
    """Goals [B, S] of a level below the top: its own, or a place reached later."""
    goal = subgoals_at(episodes, index, level.number)
    episode, step = index
    chosen = np.flatnonzero(rng.random(len(step)) < level.hindsight.hindsight_p)
    ahead = level.period, level.attempts
    horizon = episodes.action.shape[1]
    later = goal_steps(step[chosen], horizon, "future", rng, *ahead)
    goal[chosen] = places(episodes, level.space, Index(episode[chosen], later))
    return goal


def _spread(index: Index, period: int, horizon: int) -> Index:
    """Decision steps, each for an equal share of the steps 0 .. T - p."""
    decision = index.step * (horizon // period) // (horizon - period + 1)
    return Index(index.episode, decision * period)


def _tested(episodes, index: Index, level: Level) -> np.ndarray:
    """Whether the decisions of this level at these steps are tested, [B]."""
    return episodes.tested[index.episode, level.number - 1, index.step].astype(bool)


def _seen(obs, achieved, level: Level) -> np.ndarray:
    """What the level's networks see of states, [B, ...]."""
    if level.sees_place:
        return project(level.space, obs, achieved)
    sees_all = level.hindsight.see_achieved
    return np.concatenate([obs, achieved], axis=-1) if sees_all else obs
