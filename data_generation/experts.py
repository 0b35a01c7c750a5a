"""Scripted experts for the Fetch tasks: they see what a policy sees.

An observation holds the gripper's position in 0:3, the object's in 3:6 and the
object's relative to the gripper in 6:9 (metres).  An action moves the gripper by up
to 5 cm in x, y, z and opens (1) or closes (-1) the fingers.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

GAIN = 6.0
OPEN, CLOSED = 1.0, -1.0


def towards(offset: np.ndarray, fingers: float) -> np.ndarray:
    """The action that moves the gripper by `offset` [3] metres, if it can."""
    return np.append(np.clip(GAIN * offset, -1, 1), fingers)


def length(vector: np.ndarray) -> float:
    """Its Euclidean length."""
    return float(np.linalg.norm(vector))


class Reach:
    """Straight to the goal."""

    def act(self, obs, achieved, goal):
        """The next action [4]."""
        return towards(goal - obs[:3], CLOSED)


class PickAndPlace:
    """Over the object, down, close, carry to the goal, hold."""

    def __init__(self):
        self.is_over = self.is_down = False
        self.n_closing = 0

    def act(self, obs, achieved, goal):
        """The next action [4]."""
        to_object = obs[6:9]
        over = to_object + np.array([0, 0, 0.03])
        self.is_over = self.is_over or length(over) < 0.008
        self.is_down = self.is_down or (self.is_over and length(to_object) < 0.006)
        if not self.is_over:
            return towards(over, OPEN)
        if not self.is_down:
            return towards(to_object, OPEN)
        self.n_closing += 1
        if self.n_closing <= 2:
            return towards(to_object, CLOSED)
        return towards(goal - obs[3:6], CLOSED)


class Push:
    """Round the object to its far side, down, then through it towards the goal."""

    BEHIND, HEIGHT, ABOVE = 0.075, 0.0, 0.09

    def __init__(self):
        self.is_behind = self.is_down = False

    def act(self, obs, achieved, goal):
        """The next action [4]."""
        gripper, thing = obs[:3], obs[3:6]
        way = (goal - thing)[:2]
        distance = length(way)
        if distance < 0.02:
            return towards(np.zeros(3), CLOSED)
        direction = np.append(way / distance, 0.0)
        behind = thing - self.BEHIND * direction
        aside = length((behind - gripper)[:2])
        lateral = (gripper - thing)[:2] - ((gripper - thing)[:2] @ direction[:2]) * (
            direction[:2]
        )
        if self.is_down and length(lateral) > 0.03:
            self.is_behind = self.is_down = False  # the object has slipped aside
        self.is_behind = self.is_behind or aside < 0.015
        height = thing[2] + self.HEIGHT
        self.is_down = self.is_down or bool(
            self.is_behind and abs(gripper[2] - height) < 0.02
        )
        if not self.is_behind:
            target = behind + np.array([0, 0, self.ABOVE])
            if aside > 0.04 and gripper[2] < thing[2] + 0.06:
                target = np.append(gripper[:2], target[2])  # up first
            return towards(target - gripper, CLOSED)
        if not self.is_down:
            return towards(np.append(behind[:2], height) - gripper, CLOSED)
        speed = np.clip(distance, 0.03, 0.12)
        step = direction * speed
        step[:2] -= lateral
        step[2] = height - gripper[2]
        return towards(step, CLOSED)


EXPERTS: dict[str, Callable] = {
    "FetchReach": Reach,
    "FetchPush": Push,
    "FetchPickAndPlace": PickAndPlace,
}


class Expert(NamedTuple):
    """An expert as an actor, with Gaussian noise on its actions."""

    script: Callable
    noise: float

    def start(self, rng: np.random.Generator):
        """Begins an episode; the noise comes from `rng`."""
        script = self.script()

        def act(obs, achieved, goal):
            action = script.act(obs, achieved, goal)
            action = action + self.noise * rng.standard_normal(action.shape)
            return np.clip(action, -1.0, 1.0).astype(np.float32)

        return act
