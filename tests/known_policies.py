"""Policies whose actions are known, and what they are asked."""

import numpy as np

from baselines_her.acting.normalizer import Stats
from baselines_her.acting.policy import Policy
from baselines_her.seeding import TRAINING, stream
from baselines_her.settings.her import InputConfig
from baselines_her.types import Start


class Straight:
    """Straight to the point's goal, half of the way at a time."""

    def start(self, rng):
        return lambda obs, achieved, goal: 0.5 * np.clip(goal - achieved, -1, 1)


def constant_policy(action=0.5, **inputs):
    """A policy whose output is `action` times its limit of 2, whatever the input."""
    bias = np.full(2, np.arctanh(action), np.float32)
    zeros = np.zeros((5, 2), np.float32)
    stats = Stats(np.zeros(3, np.float32), np.ones(3, np.float32))
    goal_stats = Stats(np.zeros(2, np.float32), np.ones(2, np.float32))
    config = InputConfig(**inputs)
    return Policy([(zeros, bias)], stats, goal_stats, (2.0, 2.0), config)


def arrays(*rows):
    return [np.array(row, np.float32) for row in rows]


def seeds(*numbers):
    """Starts of the training episodes with these numbers."""
    return [Start(stream(7, TRAINING, n=n)) for n in numbers]
