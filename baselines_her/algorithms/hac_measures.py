"""What whole episodes say about each level: reached subgoals, returns beside values."""

import numpy as np

from ..ddpg import DDPG
from ..her_sampler import RewardFn
from ..types import Episodes, Index, Row
from .hac_rows import Level, is_missed, own_rows, places, subgoals_at

SATURATED = 0.99  # an action at least this large is at the end of its range


def decisions(episodes, level: Level) -> Index:
    """All decisions of a level, [E * T / p], episode after episode."""
    n_episodes, horizon, _ = episodes.action.shape
    steps = np.arange(0, horizon, level.period)
    episode = np.repeat(np.arange(n_episodes), len(steps))
    return Index(episode, np.tile(steps, n_episodes))


def reached_shares(episodes, levels: list[Level]) -> np.ndarray:
    """The share of its subgoals that each level but the top reaches, [E, L-1]."""
    n_episodes = len(episodes.goal)
    shares = [
        1.0
        - is_missed(episodes, decisions(episodes, decider), decider)
        .reshape(n_episodes, -1)
        .mean(axis=1)
        for decider in levels[1:]
    ]
    return np.stack(shares, axis=1) if shares else np.zeros((n_episodes, 0))


def distance(episodes, decider: Level) -> float:
    """Mean distance to the subgoal at the end of its period, in the space's units."""
    index = decisions(episodes, decider)
    subgoal = subgoals_at(episodes, index, decider.number - 1)
    end = Index(index.episode, index.step + decider.period)
    there = places(episodes, decider.space, end)
    return float(np.linalg.norm(there - subgoal, axis=-1).mean())


def saturated(action: np.ndarray) -> float:
    """The share of decisions [N, S] with an entry at the end of its range."""
    return float((np.abs(action) >= SATURATED).any(axis=1).mean())


def measured_returns(reward: np.ndarray, gamma: float) -> np.ndarray:
    """Discounted sums of the rewards from each decision on, [N, H].

    The last reward is taken to stay, since values look beyond the last decision; with
    gamma = 1 the sum ends there.

    Args:
      reward: [N, H], of N sequences of decisions for one goal each.
      gamma: the discount, in [0, 1].
    """
    found = np.empty(reward.shape)
    later = reward[:, -1] / (1.0 - gamma) if gamma < 1.0 else np.zeros(len(reward))
    for n in range(reward.shape[1] - 1, -1, -1):
        later = reward[:, n] + gamma * later
        found[:, n] = later
    return found


def measures(
    episodes: Episodes,
    levels: list[Level],
    learners: list[DDPG],
    rewards: RewardFn,
    gammas: list[float],
) -> Row:
    """The columns that greedy episodes give."""
    row: Row = {}
    shares = reached_shares(episodes, levels).mean(axis=0)
    for level, learner, gamma in zip(levels, learners, gammas):
        name = f"level{level.number}/"
        rows = own_rows(episodes, decisions(episodes, level), level, rewards)
        q = learner.mean_q(rows.obs, rows.goal, rows.action)
        row[f"{name}Q"] = q
        runs = rows.reward.reshape(-1, level.attempts)
        row[f"{name}return"] = float(measured_returns(runs, gamma).mean())
        if level.is_top:
            row["test/mean_Q"] = q
        else:
            row[f"{name}reached"] = float(shares[level.number])
            row[f"{name}distance"] = distance(episodes, levels[level.number + 1])
        if level.number:
            row[f"{name}saturated"] = saturated(rows.action)
    return row
