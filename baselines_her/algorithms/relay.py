"""Relay: reaching the object is learned beside the task, by the same networks.

Luo et al. 2022, "Relay Hindsight Experience Replay" (arXiv:2208.00843), with one
auxiliary task: the gripper at the object.  Networks get one goal vector for both tasks
(`acting.two_goals`) and rows of either one.  Every stored transition can be learned
from for either task.
"""

from typing import NamedTuple

import numpy as np

from ..acting import names
from ..acting.normalizer import Stats
from ..acting.two_goals import ADDED, PLACE, join, masked
from ..her_sampler import Hindsight, RewardFn, choose_goals, goal_steps, relabel
from ..types import Arrays, Batch, Index, ReachPoints

REACHED = 0.05  # metres: the gripper is at its goal


class Mix(NamedTuple):
    """Which rows are of which task."""

    share: float  # of the rows that learn to reach
    hindsight_p: float  # share of those that get a place of the gripper as their goal
    reward: float = 0.0  # at the goal; elsewhere it is 1 less


def reach_goals(
    episodes,
    index: Index,
    points: ReachPoints,
    rng: np.random.Generator,
    hindsight_p: float,
) -> np.ndarray:
    """Goals [B, 3] of the gripper: the object's place now, or a later place of its own.

    Args:
      episodes: anything with the fields of `Episodes`.
      index: [B], the transitions.
      points: find gripper and object in an observation.
      rng: draws which rows get a later place of the gripper, and which one.
      hindsight_p: share of those.
    """
    episode, step = index
    goal = points.object(*_state(episodes, episode, step)).astype(np.float32)
    chosen = np.flatnonzero(rng.random(len(episode)) < hindsight_p)
    horizon = episodes.action.shape[1]
    later = goal_steps(step[chosen], horizon, "future", rng)
    goal[chosen] = points.gripper(*_state(episodes, episode[chosen], later))
    return goal


def reach_reward(place: np.ndarray, goal: np.ndarray, best: float) -> np.ndarray:
    """`best` where the gripper [B, 3] is within 5 cm of its goal, else 1 less: [B].

    It must be of the kind of the environment's own rewards, {-1, 0} or {0, 1}: the
    targets of both tasks are clipped to the returns that are possible there.
    """
    distance = np.linalg.norm(place - goal, axis=-1)
    return np.float32(best) - (distance > REACHED).astype(np.float32)


def relay_rows(
    episodes,
    index: Index,
    reward_fn: RewardFn,
    rng: np.random.Generator,
    hindsight: Hindsight,
    n_episodes: int,
    points: ReachPoints,
    mix: Mix,
    mean: np.ndarray,
) -> Batch:
    """The transitions at `index` as rows of one of the two tasks each.

    The first six arguments are those of `relabel`.

    Args:
      episodes: anything with the fields of `Episodes`.
      index: [B], the transitions.
      reward_fn: of the environment's task.
      rng: draws each row's task, then its goal.
      hindsight: of the environment's task.
      n_episodes: how many of `episodes` are stored.
      points: find gripper and object in an observation.
      mix: shares of the tasks.
      mean: [3 + G + 1], of the goal vectors so far.
    """
    is_task = rng.random(len(index.episode)) >= mix.share
    rows = relabel(episodes, index, reward_fn, rng, hindsight, n_episodes)
    place = reach_goals(episodes, index, points, rng, mix.hindsight_p)
    episode, step = index
    reached = points.gripper(*_state(episodes, episode, step + 1))
    reward = np.where(is_task, rows.reward, reach_reward(reached, place, mix.reward))
    return rows._replace(
        goal=masked(join(place, rows.goal, is_task), is_task, mean),
        next_goal=masked(join(place, rows.next_goal, is_task), is_task, mean),
        reward=reward.astype(np.float32),
    )


def relay_inputs(
    episodes,
    index: Index,
    reward_fn: RewardFn,
    rng: np.random.Generator,
    hindsight: Hindsight,
    points: ReachPoints,
    mix: Mix,
) -> tuple[np.ndarray, np.ndarray]:
    """Observations [B, O] and goal vectors with both goals, for the statistics."""
    goal = choose_goals(episodes, index, reward_fn, rng, hindsight)
    obs, achieved = _state(episodes, *index)
    if hindsight.relative_goals:
        goal = goal - achieved
    place = reach_goals(episodes, index, points, rng, mix.hindsight_p)
    is_task = rng.random(len(goal)) >= mix.share
    return obs, join(place, goal, is_task)


def near(episodes, points: ReachPoints, distance: float) -> float:
    """The share of all states in which the gripper is this near to the object."""
    parts = episodes.obs[:, :-1], episodes.achieved[:, :-1]
    apart = np.linalg.norm(points.gripper(*parts) - points.object(*parts), axis=-1)
    return float((apart <= distance).mean())


def folded(
    arrays: Arrays, obs_dim: int, stats: Stats, clip_obs: float, norm_clip: float
) -> Arrays:
    """The environment's task alone, as networks and statistics of the usual shape.

    The gripper's goal is 0 there, so its weights are dropped; the task's bit is
    constant, so its weights join the bias.

    Args:
      arrays: of a learner of both tasks.
      obs_dim: entries of an observation, which come first in the networks' input.
      stats: of the goal vectors.
      clip_obs: limit of inputs.
      norm_clip: limit of normalised inputs.
    """
    goal_dim = len(stats.mean) - ADDED
    bit = (min(1.0, clip_obs) - stats.mean[-1]) / stats.std[-1]
    bit = np.clip(bit, -norm_clip, norm_clip)
    first, last = obs_dim + PLACE, obs_dim + PLACE + goal_dim  # of the task's goal
    kept = dict(arrays)
    for network in names.NETWORKS:
        kernel, bias = names.layer_names(network, 0)
        rows = arrays[kernel]
        kept[bias] = arrays[bias] + rows[last] * np.float32(bit)
        parts = rows[:obs_dim], rows[first:last], rows[last + 1 :]
        kept[kernel] = np.concatenate(parts)
    for part in "sum", "sumsq":
        name = f"{names.GOAL_NORM}/{part}"
        kept[name] = arrays[name][PLACE:-1]
    return kept


def _state(episodes, episode, step) -> tuple[np.ndarray, np.ndarray]:
    """Observations and achieved goals at these steps."""
    return episodes.obs[episode, step], episodes.achieved[episode, step]
