"""Exploration around a policy: noise, and random actions."""

from typing import NamedTuple

import numpy as np

from ..types import Act
from .noise import Noise, gaussian
from .policy import Policy, clip


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
