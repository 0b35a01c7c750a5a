"""Scripted experts for the Fetch tasks, which see only what a policy sees.

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
    """The action that moves the gripper by `offset` [3] metres, or as far as it can."""
    return np.append(np.clip(GAIN * offset, -1, 1), fingers)


def length(vector: np.ndarray) -> float:
    """The Euclidean length."""
    return float(np.linalg.norm(vector))


class Reach:
    """Moves straight to the goal."""

    def act(self, obs, achieved, goal):
        """The next action [4]."""
        return towards(goal - obs[:3], CLOSED)


class PickAndPlace:
    """Moves over the object, goes down, closes, carries it to the goal, holds it."""

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
    """Moves around the object to its far side, down, then pushes it to the goal."""

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
                target = np.append(gripper[:2], target[2])  # first straight up
            return towards(target - gripper, CLOSED)
        if not self.is_down:
            return towards(np.append(behind[:2], height) - gripper, CLOSED)
        speed = np.clip(distance, 0.03, 0.12)
        step = direction * speed
        step[:2] -= lateral
        step[2] = height - gripper[2]
        return towards(step, CLOSED)


class Slide:
    """Goes down behind the puck and strikes it once, for two steps; it slides the rest.

    Last-step success: 0.94 in 100 episodes (noise 0, seed 0).  Most failures stop 5 to
    9 cm from the goal: the moment within a time step at which the fingers meet the puck
    changes the distance by 2 cm (standard deviation), and straight strikes reach 0.7 m
    at most.

    `STRIKES` was fitted by least squares to 1500 simulated strikes (FetchSlide-v4,
    resets 50000 to 51499) of random angle and size: how far and in which direction the
    puck slid.  The fingers are a box, which deflects it towards the normal of the face
    that hits it.
    """

    BEHIND, ABOVE, SETTLED = 0.05, 0.07, 0.001
    STEPS, LATEST = 2, 24  # of the strike; the step at which it starts at the latest
    # For strikes at 0, 0.1, ... 1.6 rad from the x axis, on either side: `a` and `b` of
    # sqrt(metres slid) = a * size + b, then of turn = a * size + b in radians.
    STRIKES = np.array([
        (0.802, 0.013, 0.016, 0.004),  # 0.0
        (0.827, 0.002, 0.019, -0.010),  # 0.1
        (0.810, 0.012, 0.103, -0.107),  # 0.2
        (0.813, 0.003, 0.181, -0.205),  # 0.3
        (0.761, 0.026, 0.095, -0.206),  # 0.4
        (0.724, 0.067, -0.072, 0.046),  # 0.5
        (0.754, 0.095, -0.040, 0.098),  # 0.6
        (0.796, 0.086, -0.022, 0.072),  # 0.7
        (0.829, 0.075, -0.005, -0.011),  # 0.8
        (0.854, 0.058, -0.000, -0.094),  # 0.9
        (0.806, 0.068, 0.015, -0.123),  # 1.0
        (0.756, 0.060, 0.019, -0.072),  # 1.1
        (0.780, 0.020, -0.001, 0.100),  # 1.2
        (0.748, 0.041, -0.063, 0.157),  # 1.3
        (0.798, 0.016, -0.023, 0.090),  # 1.4
        (0.801, 0.019, -0.001, 0.030),  # 1.5
        (0.851, -0.005, 0.010, -0.020),  # 1.6
    ])  # fmt: skip

    def __init__(self):
        self.behind = self.strike = np.zeros(3)
        self.n_acted = self.n_struck = 0
        self.is_over = self.is_down = False

    @classmethod
    def plan(cls, way: np.ndarray) -> np.ndarray:
        """The strike [3] after which the puck stops closest to `way` [2] from here."""
        angle = np.arange(0.0, 1.571, 0.01)
        nodes = 0.1 * np.arange(len(cls.STRIKES))
        a, b, turn_a, turn_b = (np.interp(angle, nodes, x) for x in cls.STRIKES.T)
        most = 1 / np.maximum(np.cos(angle), np.sin(angle))
        size = np.clip((np.sqrt(length(way)) - b) / a, 0.1, most)
        slid, course = (a * size + b) ** 2, angle + turn_a * size + turn_b
        stops = slid * np.array([np.cos(course), np.sin(course)])
        side = -1.0 if way[1] < 0 else 1.0
        miss = np.hypot(stops[0] - way[0], stops[1] - abs(way[1]))
        best = np.argmin(miss)
        direction = np.cos(angle[best]), side * np.sin(angle[best]), 0.0
        return size[best] * np.array(direction)

    def act(self, obs, achieved, goal):
        """The next action [4]."""
        if self.n_acted == 0:
            self.strike = self.plan((goal - obs[3:6])[:2])
            self.behind = obs[3:6] - self.BEHIND * self.strike / length(self.strike)
        self.n_acted += 1
        step = self.behind - obs[:3]
        self.is_over = self.is_over or length(step[:2]) < 0.008
        settled = length(step) < self.SETTLED or self.n_acted >= self.LATEST
        self.is_down = self.is_down or bool(self.is_over and settled)
        if not self.is_over:
            step[2] += self.ABOVE
            if step[2] > 0.03:
                step[:2] = 0  # first straight up
        elif self.is_down and self.n_struck < self.STEPS:
            self.n_struck += 1
            return np.append(np.clip(self.strike, -1, 1), CLOSED)
        return towards(3 * step, CLOSED)


EXPERTS: dict[str, Callable] = {
    "FetchReach": Reach,
    "FetchPush": Push,
    "FetchPickAndPlace": PickAndPlace,
    "FetchSlide": Slide,
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
