"""The records that pass between the rooms: episodes, indices, batches, dimensions.

Axes: E episodes, T steps, B rows of a batch, O observation, G goal, A action.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class EnvSpec(NamedTuple):
    """What an environment looks like to the learner; written by `envs.check`."""

    env_id: str
    obs_dim: int
    goal_dim: int
    action_dim: int
    max_action: tuple[float, ...]  # [A], actions lie in [-max_action, max_action]
    horizon: int  # T, steps in every episode
    reward_low: float | None  # None: rewards are not of the {-1, 0} or {0, 1} kind
    reward_high: float | None


class Episodes(NamedTuple):
    """E whole episodes, each exactly T steps long.

    States carry one more entry than actions: `obs[:, t]` is what the policy saw
    before `action[:, t]`, and `obs[:, t + 1]` is what followed it.  Rewards are not
    stored: they depend on the goal, and hindsight changes the goal.
    """

    obs: np.ndarray  # [E, T+1, O] float32
    achieved: np.ndarray  # [E, T+1, G] float32
    goal: np.ndarray  # [E, G] float32
    action: np.ndarray  # [E, T, A] float32, in [-max_action, max_action]
    success: np.ndarray  # [E, T] bool, after each action
    skipped: np.ndarray = np.zeros(0, int)  # [E] bad ones dropped before each, if told
    returns: np.ndarray = np.zeros(0)  # [E] float64, sums of step()'s rewards, if told


class Start(NamedTuple):
    """Where an episode begins: at the environment's own start, or within another."""

    seed: np.random.SeedSequence  # all randomness of the episode
    state: np.ndarray | None = None  # [S] float64, the simulator's, instead of its own
    goal: np.ndarray | None = None  # [G], goes with `state`
    actions: np.ndarray | None = None  # [n, A], taken before the actor's first

    @property
    def options(self) -> dict[str, np.ndarray | None]:
        """What the environment's reset is given for a state."""
        return {"state": self.state, "goal": self.goal}


class Scales(NamedTuple):
    """Factors of settings that change over a run."""

    cloning: float = 1.0  # of aux_loss_weight
    lr: float = 1.0  # of Q_lr and pi_lr


class Demos(NamedTuple):
    """N demonstrations.  The first fields are those of `Episodes`."""

    obs: np.ndarray  # [N, T+1, O] float32
    achieved: np.ndarray  # [N, T+1, G] float32
    goal: np.ndarray  # [N, G] float32
    action: np.ndarray  # [N, T, A] float32, exactly what the environment was given
    success: np.ndarray  # [N] bool, at the last step
    seed: np.ndarray  # [N] int64, given to env.reset; -1: unknown
    state0: np.ndarray | None  # [N, S] float64, the simulator's after the reset
    facts: dict[str, Any]  # env_id, versions, generator: what JSON can hold


class ObjectMotion(NamedTuple):
    """How to find an environment's object in what it returns; see `envs.objects`."""

    position: Callable[[np.ndarray, np.ndarray], np.ndarray]  # (obs, achieved): [.., 3]
    dt: float  # seconds of a step
    rotation: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None  # [.., 4]
    most: float = 0.5  # joules that a step can gain


class Index(NamedTuple):
    """B transitions: step `step` of stored episode `episode`."""

    episode: np.ndarray  # [B] int
    step: np.ndarray  # [B] int, 0 .. T-1


class Batch(NamedTuple):
    """Transitions with their final goals.  The learner takes them as [K, B, ...]."""

    obs: Any  # [B, O]
    goal: Any  # [B, G]
    action: Any  # [B, A]
    reward: Any  # [B]
    next_obs: Any  # [B, O]
    next_goal: Any  # [B, G], differs from `goal` only with relative goals
    weight: Any  # [B], importance weights: 1 under uniform sampling
    is_demo: Any  # [B], 1 for demonstrations, else 0


def concatenate(parts: list[Any], axis: int = 0) -> Any:
    """Joins records of one kind field by field along `axis`."""
    if len(parts) == 1:
        return parts[0]
    joined = (np.concatenate(field, axis) for field in zip(*parts, strict=True))
    return type(parts[0])(*joined)
