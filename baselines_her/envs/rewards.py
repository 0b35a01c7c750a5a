"""Calls an environment's compute_reward, and checks that its results are right."""

from typing import Any, NoReturn

import gymnasium as gym
import numpy as np

from ..her_sampler import RewardFn
from .faults import refuse
from .trial import Trace

BY_ROW = "give --reward_rows=1, which calls it once for each row (slower)"
APART, NEIGHBOURS = 12, 50  # states compared with each other, and with the next state


def reward_function(env: gym.Env, by_row: bool = False) -> RewardFn:
    """`compute_reward` as a function of goals [B, G] and [B, G], with an empty info.

    Args:
      env: a goal environment.
      by_row: call it once for each row, which is slow (about 100 us for a row of
        HandManipulatePen) but right even if its vectorised result is wrong.

    Raises:
      ValueError: the environment has no compute_reward.
    """
    try:
        compute_reward = env.get_wrapper_attr("compute_reward")
    except AttributeError:
        refuse(
            "there must be a compute_reward(achieved_goal, desired_goal, info)",
            "none",
            "add it; hindsight recomputes rewards with it",
        )
    if by_row:
        return lambda achieved, goal: np.array(
            [compute_reward(*row, {}) for row in zip(achieved, goal)]
        )
    return lambda achieved, goal: compute_reward(achieved, goal, {})


def check_rows(traces: list[Trace], reward_fn: RewardFn, row_fn: RewardFn) -> None:
    """Refuses a compute_reward whose result for a row depends on the other rows.

    Args:
      traces: random episodes; each state is also tried as a goal for others.
      reward_fn: computes all rows at once.
      row_fn: computes one row after the other.

    Raises:
      ValueError: the two differ; the message says where.
    """
    for trace in traces:
        for achieved, goal in (trace.achieved[1:], trace.goal[1:]), _pairs(trace):
            together = _vectorised(reward_fn, achieved, goal)
            alone = _rewards(row_fn, achieved, goal)
            if isinstance(alone, Exception) or alone.shape != together.shape:
                continue  # it takes only batches; `check_rewards` compares it with step
            wrong = _different(together, alone)
            if len(wrong):
                row = wrong[0]
                refuse(
                    "compute_reward must give many rows the rewards that it gives each "
                    "row alone",
                    f"{together[row]:g} instead of {alone[row]:g} for row {row} of "
                    f"{len(goal)}",
                    "index the last axis in it ([..., 2] and not [2]) or " + BY_ROW,
                )


def check_rewards(trace: Trace, reward_fn: RewardFn) -> None:
    """Refuses a compute_reward that differs from the rewards of step."""
    found = _vectorised(reward_fn, trace.achieved[1:], trace.goal[1:])
    wrong = _different(found, trace.reward)
    if len(wrong):
        t = wrong[0]
        refuse(
            "compute_reward must equal the reward of step",
            f"{found[t]:g} and {trace.reward[t]:g} at step {t + 1}",
            "return self.compute_reward(achieved_goal, desired_goal, info) from step",
        )


def reward_kind(trace: Trace, reward_fn: RewardFn) -> tuple[float | None, float | None]:
    """(-1, 0) or (0, 1) for the two sparse kinds, else (None, None).

    Pairing states as goals of each other shows successes that random play misses.
    """
    n = len(trace.achieved)
    some = np.unique(np.linspace(0, n - 1, min(n, 50)).astype(int))
    achieved = np.repeat(trace.achieved[some], len(some), axis=0)
    goal = np.tile(trace.achieved[some], (len(some), 1))
    seen = {float(r) for r in np.unique(reward_fn(achieved, goal))}
    seen |= {float(r) for r in trace.reward}
    for kind in (-1.0, 0.0), (0.0, 1.0):
        if seen <= set(kind) and seen != {0.0}:
            return kind
    return None, None


def _pairs(trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    """States as goals of other states: some far apart, and neighbours in time."""
    states = trace.achieved
    last = len(states) - 1
    some = np.linspace(0, last, APART).astype(int)
    near = np.arange(min(last, NEIGHBOURS))
    achieved = np.concatenate([np.repeat(some, APART), near])
    goal = np.concatenate([np.tile(some, APART), near + 1])
    return states[achieved], states[goal]


def _vectorised(
    reward_fn: RewardFn, achieved: np.ndarray, goal: np.ndarray
) -> np.ndarray:
    """Rewards [B]; refuses other shapes."""
    rewards = _rewards(reward_fn, achieved, goal)
    if isinstance(rewards, Exception):
        _refuse_error(rewards)
    if rewards.shape != goal.shape[:1]:
        refuse(
            "compute_reward must be vectorised: [B, G] goals give [B] rewards",
            f"shape {list(rewards.shape)} for {len(goal)} rows",
            f"reduce over the last axis only (axis=-1) or {BY_ROW}",
        )
    return rewards


def _rewards(reward_fn: RewardFn, achieved: np.ndarray, goal: np.ndarray) -> Any:
    """Rewards as float64, or the error that computing them raised."""
    try:
        return np.asarray(reward_fn(achieved, goal), np.float64)
    except Exception as error:
        return error


def _refuse_error(error: Exception) -> NoReturn:
    refuse(
        "compute_reward must work on rows of goals with an empty info",
        f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
        "compute it from achieved_goal [B, G] and desired_goal [B, G] alone or, if it "
        f"works for single goals, {BY_ROW}",
    )


def _different(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.flatnonzero(~np.isclose(one, other, rtol=1e-5, atol=1e-6))
