"""Exploration around a policy: noise, and random actions."""

from typing import NamedTuple

import numpy as np

from ..types import Act, ReachPoints
from .noise import Noise, gaussian
from .policy import Policy, clip
from .two_goals import ADDED, join, masked


class Explorer(NamedTuple):
    """A policy with exploration noise (Andrychowicz 2017, appendix A).

    u = pi + noise of size noise_eps * max_action, clipped; then, with probability
    random_eps, the whole action is drawn from U(-max_action, max_action).
    """

    policy: Policy
    noise_eps: float
    random_eps: float
    max_action: tuple[float, ...]
    noise: Noise = gaussian

    def start(self, rng: np.random.Generator) -> Act:
        """Begins an episode whose noise comes from `rng` alone."""
        limit = np.array(self.max_action, np.float32)
        next_noise = self.noise(self.noise_eps * limit, rng)

        def act(obs, achieved, goal):
            action = self.policy.act(obs, achieved, goal)
            action = clip(action + next_noise().astype(np.float32), limit)
            if rng.random() < self.random_eps:
                action = rng.uniform(-limit, limit).astype(np.float32)
            return action

        return act


class RelayExplorer(NamedTuple):
    """Explores by two tasks: far from the object also by the task of reaching it.

    Luo et al. 2022 (arXiv:2208.00843), section IV.  Far from the object an action comes
    with probability `guide` from the task of reaching it, else from the environment's
    own task, and with probability `far_random_eps` it is random; near the object the
    environment's task acts as with `Explorer`.  Noise is the same everywhere.
    """

    policy: Policy  # of both tasks
    noise_eps: float
    random_eps: float
    max_action: tuple[float, ...]
    noise: Noise
    points: ReachPoints
    near: float  # metres
    guide: float
    far_random_eps: float
    relative_goals: bool

    def start(self, rng: np.random.Generator) -> Act:
        """Begins an episode whose noise comes from `rng` alone."""
        limit = np.array(self.max_action, np.float32)
        next_noise = self.noise(self.noise_eps * limit, rng)

        def act(obs, achieved, goal):
            place = self.points.object(obs, achieved)
            apart = np.linalg.norm(self.points.gripper(obs, achieved) - place)
            is_far = apart > self.near
            is_task = not (is_far and rng.random() < self.guide)
            goal = goal - achieved if self.relative_goals else goal
            mean = self.policy.input_mean[-(len(goal) + ADDED) :]
            both = masked(join(place, goal, is_task)[None], np.array([is_task]), mean)
            action = self.policy.act(obs, achieved, both[0])
            action = clip(action + next_noise().astype(np.float32), limit)
            if rng.random() < (self.far_random_eps if is_far else self.random_eps):
                action = rng.uniform(-limit, limit).astype(np.float32)
            return action

        return act
