"""Hindsight relabelling: turn stored episodes into transitions with new goals.

Andrychowicz et al. 2017, "Hindsight Experience Replay" (arXiv:1707.01495), section
3.3 and the strategies of section 4.5.  Nothing here keeps state or changes
what is stored: every row's reward is computed again, for the goal that it gets.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .types import Batch, Index

RewardFn = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (achieved, goal) -> [B]


class Mixture(NamedTuple):
    """Weights of the sources from which relabelled rows get their goals.

    Pitis et al. 2020, "Maximum Entropy Gain Exploration" (arXiv:2007.02832), whose
    code (mrl) mixes real, future, actual, achieved and behavioural goals 1:4:3:1:1.
    Here episodes pursue the environment's goals, so behavioural goals are actual ones.
    """

    future: float = 1.0  # achieved later in the row's own episode
    actual: float = 0.0  # desired in any stored episode
    achieved: float = 0.0  # achieved at any step of any stored episode


class Hindsight(NamedTuple):
    """How goals are replaced: the arguments of `relabel`, fixed for a run."""

    strategy: str = "future"  # see `goal_steps`; `none` keeps every goal
    hindsight_p: float = 0.8  # share of rows with a new goal; see `future_p`
    mixture: Mixture = Mixture()  # where new goals come from
    filter_goals: bool = False  # refuse a goal that is reached at the episode's start
    relative_goals: bool = False  # goals minus the achieved one, after the reward
    see_achieved: bool = False  # observations end with the achieved goal
    period: int = 1  # steps of a transition: those between two decisions
    attempts: int | None = None  # how many decisions ahead a `future` goal may lie


def hindsight(
    replay_strategy: str,
    replay_k: float,
    actual_k: float = 0.0,
    achieved_k: float = 0.0,
    filter_goals: bool = False,
    relative_goals: bool = False,
    see_achieved: bool = False,
) -> Hindsight:
    """Hindsight from numbers of rows instead of shares.

    Args:
      replay_strategy: a value of `--replay_strategy`.
      replay_k: rows with a goal from their own episode, for each ordinary row.
      actual_k: with `futureactual`, rows with the desired goal of any episode, for
        each ordinary row.
      achieved_k: with `futureactual`, rows with an achieved goal of any episode, for
        each ordinary row.
      filter_goals: see `Hindsight`.
      relative_goals: see `Hindsight`.
      see_achieved: see `Hindsight`.
    """
    mixes = replay_strategy == "futureactual"
    mixture = Mixture(replay_k, actual_k, achieved_k) if mixes else Mixture()
    share = future_p(replay_strategy, sum(mixture) if mixes else replay_k)
    seen = relative_goals, see_achieved
    return Hindsight(replay_strategy, share, mixture, filter_goals, *seen)


def future_p(replay_strategy: str, replay_k: float) -> float:
    """The share of rows with a new goal: `replay_k` for each that keeps its own.

    Args:
      replay_strategy: a value of `--replay_strategy`.
      replay_k: hindsight rows per ordinary row, at least 0 (4 in the paper).
    """
    return 0.0 if replay_strategy == "none" else 1.0 - 1.0 / (1.0 + replay_k)


def goal_steps(
    step: np.ndarray,
    horizon: int,
    strategy: str,
    rng: np.random.Generator,
    period: int = 1,
    attempts: int | None = None,
) -> np.ndarray:
    """For each row, the step [B] whose achieved goal becomes the new goal.

    `future` draws from t+1 .. T, both ends included: t+1 makes the row an immediate
    success, T is the state after the last action.  `episode` draws from 1 .. T,
    `final` is always T.  `futureactual` draws like `future`, before `borrow_goals`.

    A level that decides every `period` steps, at most `attempts` times for one goal,
    draws from t + period j with j in 1 .. min(attempts, (T-t) // period); its `final`
    is the last of them.
    """
    if strategy == "episode":
        return rng.integers(1, horizon + 1, size=step.shape)
    ahead = (horizon - step) // period
    ahead = ahead if attempts is None else np.minimum(ahead, attempts)
    if strategy == "final":
        return step + period * ahead
    return step + period * (1 + rng.integers(ahead))


def borrow_goals(
    goal: np.ndarray,
    chosen: np.ndarray,
    episodes,
    n_episodes: int,
    mixture: Mixture,
    rng: np.random.Generator,
) -> None:
    """Gives some of the `chosen` rows goals from other episodes, in place.

    The other episode may be any stored one, including the row's own.

    Args:
      goal: [B, G] of all rows.
      chosen: the relabelled rows.
      episodes: see `relabel`; the first `n_episodes` are stored.
      n_episodes: how many those are.
      mixture: weights of the goals' origins.
      rng: not used if nothing is borrowed.
    """
    borrowed = mixture.actual + mixture.achieved
    if not borrowed:
        return
    total, n = sum(mixture), len(chosen)
    kind, other = rng.random(n), rng.integers(n_episodes, size=n)
    step = rng.integers(1, episodes.action.shape[1] + 1, size=n)
    desired = kind < mixture.actual / total
    achieved = (kind < borrowed / total) & ~desired
    goal[chosen[desired]] = episodes.goal[other[desired]]
    goal[chosen[achieved]] = episodes.achieved[other[achieved], step[achieved]]


def is_reached(
    achieved: np.ndarray, goal: np.ndarray, reward_fn: RewardFn
) -> np.ndarray:
    """Whether each goal [B, G] gives the same reward at `achieved` as at itself.

    A goal that is reached from the start rewards every behaviour that leaves the object
    alone, such as moving away from it.  Manela & Biess 2021 (arXiv:1905.05498) remove
    such misleading hindsight because of its bias; the rule for what is misleading is
    our own.
    """
    return reward_fn(achieved, goal) >= reward_fn(goal, goal)


def choose_goals(
    episodes,
    index: Index,
    reward_fn: RewardFn,
    rng: np.random.Generator,
    hindsight: Hindsight = Hindsight(),
    n_episodes: int | None = None,
) -> np.ndarray:
    """The goals [B, G] of the transitions at `index`, a share of them replaced.

    The arguments are those of `relabel`.  Goals are absolute, never relative.
    """
    episode, step = index
    goal = episodes.goal[episode]
    chosen = np.flatnonzero(rng.random(len(episode)) < hindsight.hindsight_p)
    horizon = episodes.action.shape[1]
    ahead = hindsight.period, hindsight.attempts
    later = goal_steps(step[chosen], horizon, hindsight.strategy, rng, *ahead)
    goal[chosen] = episodes.achieved[episode[chosen], later]
    n_episodes = len(episodes.goal) if n_episodes is None else n_episodes
    borrow_goals(goal, chosen, episodes, n_episodes, hindsight.mixture, rng)
    if hindsight.filter_goals and len(chosen):
        _keep_own_goal(goal, chosen, episodes, episode, reward_fn)
    return goal


def relabel(
    episodes,
    index: Index,
    reward_fn: RewardFn,
    rng: np.random.Generator,
    hindsight: Hindsight = Hindsight(),
    n_episodes: int | None = None,
) -> Batch:
    """The transitions at `index`, a share of them with new goals.

    Args:
      episodes: anything with the fields of `Episodes` (the replay buffer is one).
      index: [B], the transitions.
      reward_fn: `compute_reward` of the environment, vectorised over rows.
      rng: draws which rows are relabelled and with which goals.
      hindsight: how goals are replaced.
      n_episodes: only this many first ones of `episodes` are stored; default: all.

    Returns:
      A `Batch` of B rows with weights of 1, none marked as a demonstration.

    Raises:
      ValueError: `compute_reward` gave a number that is not finite.
    """
    episode, step = index
    period = hindsight.period
    achieved, next_achieved = _pair(episodes.achieved, episode, step, period)
    obs, next_obs = _pair(episodes.obs, episode, step, period)
    goal = choose_goals(episodes, index, reward_fn, rng, hindsight, n_episodes)
    reward = reward_fn(next_achieved, goal).astype(np.float32)
    if not np.isfinite(reward).all():
        row = int(np.flatnonzero(~np.isfinite(reward))[0])
        raise ValueError(
            f"compute_reward must give finite numbers, found {reward[row]} for goal "
            f"{goal[row]}, achieved {next_achieved[row]}.  Correct the environment."
        )
    if hindsight.see_achieved:
        obs = np.concatenate([obs, achieved], axis=-1)
        next_obs = np.concatenate([next_obs, next_achieved], axis=-1)
    is_relative, n = hindsight.relative_goals, len(episode)
    return Batch(
        obs=obs,
        goal=goal - achieved if is_relative else goal,
        action=rows_at(episodes.action, episode, step),
        reward=reward,
        discount=np.ones(n, np.float32),
        next_obs=next_obs,
        next_goal=goal - next_achieved if is_relative else goal,
        weight=np.ones(n, np.float32),
        is_demo=np.zeros(n, np.float32),
    )


def network_inputs(
    episodes,
    index: Index,
    reward_fn: RewardFn,
    rng: np.random.Generator,
    hindsight: Hindsight = Hindsight(),
) -> tuple[np.ndarray, np.ndarray]:
    """Only the observations [B, O] and goals [B, G] of the batch of `relabel`.

    The arguments and the random draws are those of `relabel`.
    """
    goal = choose_goals(episodes, index, reward_fn, rng, hindsight)
    obs, achieved = rows_at(episodes.obs, *index), rows_at(episodes.achieved, *index)
    if hindsight.see_achieved:
        obs = np.concatenate([obs, achieved], axis=-1)
    return obs, goal - achieved if hindsight.relative_goals else goal


def _keep_own_goal(goal, chosen, episodes, episode, reward_fn):
    """Restores, in place, a row's own goal if its new one is reached at the start."""
    first = episodes.achieved[episode[chosen], 0]
    rows = chosen[is_reached(first, goal[chosen], reward_fn)]
    goal[rows] = episodes.goal[episode[rows]]


def rows_at(array: np.ndarray, episode: np.ndarray, step: np.ndarray) -> np.ndarray:
    """`array[episode, step]` computed with `take`, which is several times faster."""
    flat = array.reshape(-1, array.shape[-1])
    return flat.take(episode * array.shape[1] + step, axis=0)


def _pair(array, episode, step, period):
    """The rows before and after the action, which lasts for `period` steps."""
    return rows_at(array, episode, step), rows_at(array, episode, step + period)
