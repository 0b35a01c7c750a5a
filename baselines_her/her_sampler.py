"""Hindsight relabelling: turn stored episodes into transitions with new goals.

Andrychowicz et al. 2017, "Hindsight Experience Replay" (arXiv:1707.01495), section
3.3 and the strategies of section 4.5.  Nothing here keeps state or edits what is
stored: the reward of every row is computed afresh for the goal it ends up with.
"""

from collections.abc import Callable

import numpy as np

from .types import Batch, Index

RewardFn = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (achieved, goal) -> [B]

STRATEGIES = ("future", "final", "episode", "none")


def future_p(replay_strategy: str, replay_k: float) -> float:
    """The share of rows with a new goal: `replay_k` for each that keeps its own.

    Args:
      replay_strategy: one of `STRATEGIES`.
      replay_k: hindsight rows per ordinary row, at least 0 (4 in the paper).
    """
    return 0.0 if replay_strategy == "none" else 1.0 - 1.0 / (1.0 + replay_k)


def goal_steps(
    step: np.ndarray, horizon: int, strategy: str, rng: np.random.Generator
) -> np.ndarray:
    """For each row, the step [B] whose achieved goal becomes the new goal.

    `future` draws from t+1 .. T, both ends included: t+1 makes the row an immediate
    success, T is the state after the last action.  `episode` draws from 1 .. T,
    `final` is always T.
    """
    if strategy == "final":
        return np.full_like(step, horizon)
    if strategy == "episode":
        return rng.integers(1, horizon + 1, size=step.shape)
    return step + 1 + rng.integers(horizon - step)


def relabel(
    episodes,
    index: Index,
    reward_fn: RewardFn,
    rng: np.random.Generator,
    *,
    strategy: str = "future",
    hindsight_p: float = 0.8,
    relative_goals: bool = False,
) -> Batch:
    """The transitions at `index`, a share of them with a goal reached later on.

    Args:
      episodes: anything with the fields of `Episodes` (the replay buffer is one).
      index: [B] which transitions.
      reward_fn: `compute_reward` of the environment, vectorised over rows.
      rng: draws which rows are relabelled and with which goals.
      strategy: see `goal_steps`; `none` keeps every goal.
      hindsight_p: share of relabelled rows, in [0, 1]; see `future_p`.
      relative_goals: give goals relative to the achieved one, after the reward.

    Returns:
      A `Batch` of B rows, weights 1, none of them marked as demonstrations.
    """
    episode, step = index
    achieved, next_achieved = _pair(episodes.achieved, episode, step)
    obs, next_obs = _pair(episodes.obs, episode, step)
    goal = episodes.goal[episode]
    chosen = np.flatnonzero(rng.random(len(episode)) < hindsight_p)
    later = goal_steps(step[chosen], episodes.action.shape[1], strategy, rng)
    goal[chosen] = episodes.achieved[episode[chosen], later]
    reward = reward_fn(next_achieved, goal).astype(np.float32)
    if not np.isfinite(reward).all():
        row = int(np.flatnonzero(~np.isfinite(reward))[0])
        raise ValueError(
            f"compute_reward must give finite numbers, found {reward[row]} for goal "
            f"{goal[row]}, achieved {next_achieved[row]}.  Mend the environment."
        )
    return Batch(
        obs=obs,
        goal=goal - achieved if relative_goals else goal,
        action=_rows(episodes.action, episode, step),
        reward=reward,
        next_obs=next_obs,
        next_goal=goal - next_achieved if relative_goals else goal,
        weight=np.ones(len(episode), np.float32),
        is_demo=np.zeros(len(episode), np.float32),
    )


def _rows(array: np.ndarray, episode: np.ndarray, step: np.ndarray) -> np.ndarray:
    """`array[episode, step]`, by `take`, which is several times faster."""
    flat = array.reshape(-1, array.shape[-1])
    return flat.take(episode * array.shape[1] + step, axis=0)


def _pair(array, episode, step):
    """The rows before and after the action."""
    return _rows(array, episode, step), _rows(array, episode, step + 1)
