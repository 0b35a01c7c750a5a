"""What a robot is rewarded for: named terms, each a function of values.

Every function takes arrays of N robots and returns [N], before its weight.  The reward
of a control step is dt * max(0, SUM weight * term).  Rudin et al. 2022 ("Learning to
walk in minutes", arXiv:2109.11978, table 2) use most of these terms; docs/anymal.md
says what each one is for, and where ours differ.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

MOVING = 0.1  # m/s: a lower command along x means standing
STRIDE = 0.5  # seconds in the air for which a foot's step is neither good nor bad
STEP = 0.1  # seconds: a foot that has been in the air for so long makes a step


class Motion(NamedTuple):
    """N robots at the end of a control step."""

    velocity: np.ndarray  # [N, 3] of the base, m/s, in its own axes
    spin: np.ndarray  # [N, 3] its angular velocity, rad/s, in its own axes
    gravity: np.ndarray  # [N, 3] the direction down, in its own axes
    command: np.ndarray  # [N, 3] wanted velocity along x and y, m/s, and turn, rad/s
    torque: np.ndarray  # [N, 12] Nm
    speed: np.ndarray  # [N, 12] of the joints, rad/s
    acceleration: np.ndarray  # [N, 12] of the joints, rad/s^2
    action: np.ndarray  # [N, 12]
    action_before: np.ndarray  # [N, 12]
    landed_after: np.ndarray  # [N, 4] seconds a foot was in the air, 0: not landing
    in_air: np.ndarray  # [N, 4] seconds since a foot was on the ground
    touching: np.ndarray  # [N, 8] bool, thighs and shanks on the ground
    offset: np.ndarray  # [N, 12] joint angles minus the standing pose, rad
    advance: np.ndarray  # [N] mean velocity along the world's x axis, m/s
    height: np.ndarray  # [N] of the base above 0, metres
    clearance: np.ndarray  # [N] of the base above the ground below it, metres

    @property
    def must_move(self) -> np.ndarray:
        """[N] whether the command asks for a speed along x."""
        return self.command[:, 0] > MOVING


def forward_share(motion: Motion) -> np.ndarray:
    """The share of the commanded speed that is reached, 0 to 1; 0 if told to stand."""
    wanted = np.maximum(motion.command[:, 0], MOVING)
    return motion.must_move * np.clip(motion.velocity[:, 0] / wanted, 0.0, 1.0)


def track_velocity(motion: Motion) -> np.ndarray:
    """exp(-|v_xy - command|^2 / 0.15), 1 if the velocity is right."""
    error = ((motion.velocity[:, :2] - motion.command[:, :2]) ** 2).sum(axis=1)
    return np.exp(-error / 0.15)


def track_turn(motion: Motion) -> np.ndarray:
    """exp(-(turn - command)^2 / 0.25), times the share of the speed that is reached.

    Without that factor, standing still would earn it.
    """
    error = (motion.spin[:, 2] - motion.command[:, 2]) ** 2
    share = np.where(motion.must_move, forward_share(motion), 1.0)
    return np.exp(-error / 0.25) * share


def alive(motion: Motion) -> np.ndarray:
    """1: the step of a fall earns nothing.

    Without it a beginner earns most by falling forward, as fast as it is told to walk.
    """
    return np.ones(len(motion.velocity))


def bounce(motion: Motion) -> np.ndarray:
    """v_z^2."""
    return motion.velocity[:, 2] ** 2


def sway(motion: Motion) -> np.ndarray:
    """Angular velocity around the horizontal axes, squared."""
    return (motion.spin[:, :2] ** 2).sum(axis=1)


def tilt(motion: Motion) -> np.ndarray:
    """The horizontal part of the direction down, squared; 0 if the base is level."""
    return (motion.gravity[:, :2] ** 2).sum(axis=1)


def low(motion: Motion) -> np.ndarray:
    """(0.5 m - height of the base above the ground)^2 where it is lower, else 0."""
    return np.maximum(0.5 - motion.clearance, 0.0) ** 2


def torque(motion: Motion) -> np.ndarray:
    """SUM torque^2, heat in the motors."""
    return (motion.torque**2).sum(axis=1)


def power(motion: Motion) -> np.ndarray:
    """SUM |torque * speed|, watts."""
    return np.abs(motion.torque * motion.speed).sum(axis=1)


def jerkiness(motion: Motion) -> np.ndarray:
    """SUM (joint acceleration)^2."""
    return (motion.acceleration**2).sum(axis=1)


def action_rate(motion: Motion) -> np.ndarray:
    """SUM (change of the action)^2."""
    return ((motion.action - motion.action_before) ** 2).sum(axis=1)


def air_time(motion: Motion) -> np.ndarray:
    """SUM over feet that land of (seconds in the air - 0.5); 0 if told to stand."""
    landing = motion.landed_after > 0
    return motion.must_move * ((motion.landed_after - STRIDE) * landing).sum(axis=1)


def planted(motion: Motion) -> np.ndarray:
    """1 if no foot makes a step though the command is to walk, else 0.

    Without it a robot that is told to walk slowly creeps over its planted feet until it
    falls forward; while it learns, the noise of its actions keeps it from that.
    """
    return motion.must_move * (motion.in_air < STEP).all(axis=1).astype(float)


def contact(motion: Motion) -> np.ndarray:
    """The number of thighs and shanks that touch the ground."""
    return motion.touching.sum(axis=1).astype(float)


def pose(motion: Motion) -> np.ndarray:
    """SUM (angle - standing pose)^2 of the hips' sideways joints."""
    return (motion.offset[:, 0::3] ** 2).sum(axis=1)


def stand_still(motion: Motion) -> np.ndarray:
    """SUM (angle - standing pose)^2 where the command is to stand, else 0."""
    return ~motion.must_move * (motion.offset**2).sum(axis=1)


def advance(motion: Motion) -> np.ndarray:
    """The mean velocity along the world's x axis."""
    return motion.advance


def height(motion: Motion) -> np.ndarray:
    """The height of the base, minus 0.5 m."""
    return motion.height - 0.5


TERMS = {
    "velocity": track_velocity,
    "turn": track_turn,
    "forward": forward_share,
    "alive": alive,
    "bounce": bounce,
    "sway": sway,
    "tilt": tilt,
    "low": low,
    "torque": torque,
    "power": power,
    "jerkiness": jerkiness,
    "action_rate": action_rate,
    "air_time": air_time,
    "planted": planted,
    "contact": contact,
    "pose": pose,
    "stand_still": stand_still,
    "advance": advance,
    "height": height,
}
WEIGHTS: dict[str, float] = {
    "velocity": 1.0,
    "turn": 0.5,
    "forward": 0.5,
    "alive": 1.0,
    "bounce": -2.0,
    "sway": -0.05,
    "tilt": -5.0,
    "low": -40.0,
    "torque": -2.5e-5,
    "power": -2e-4,
    "jerkiness": -2.5e-7,
    "action_rate": -0.04,
    "air_time": 2.0,
    "planted": -1.0,
    "contact": -1.0,
    "pose": -0.2,
    "stand_still": -0.2,
}


class Rules(NamedTuple):
    """A reward with the timing that belongs to it."""

    timestep: float  # seconds of a physics step
    substeps: int  # physics steps in a control step
    seconds: float  # the usual length of an episode
    weights: Mapping[str, float]
    least: float  # lower limit of a step's reward
    fall: float | None  # added at a fall; None: the step of a fall earns 0
    lowest: float  # an episode ends when the base is lower, metres above the ground

    @property
    def dt(self) -> float:
        """Seconds of a control step."""
        return self.timestep * self.substeps


# `aidl2023` is the reward of a student project (AIDL 2023) for its ramp: the sum over
# physics steps of v_x + z - 0.5, and -100 for a fall.  The sum of v_x is the way
# divided by the timestep; z is taken at the end of a control step.
RULES = {
    "tracking": Rules(0.005, 4, 20.0, WEIGHTS, 0.0, None, 0.25),
    "aidl2023": Rules(
        0.002, 5, 8.0, {"advance": 500.0, "height": 500.0}, -np.inf, -100.0, 0.45
    ),
}


def weighted(motion: Motion, weights: Mapping[str, float], dt: float) -> np.ndarray:
    """dt * weight * term of every term, [N, K], in the order of `weights`."""
    columns = [dt * weights[name] * TERMS[name](motion) for name in weights]
    return np.stack(columns, axis=1)


def total(parts: np.ndarray, fell: np.ndarray, rules: Rules) -> np.ndarray:
    """The reward, [N]: the sum of the weighted terms, from `least` on.

    `tracking` has no negative rewards: otherwise falling early would be the best that
    a beginner can do.

    Args:
      parts: [N, K].
      fell: [N] bool.
      rules: the limits.
    """
    reward = np.maximum(parts.sum(axis=1), rules.least)
    if rules.fall is None:
        return reward * ~fell
    return reward + rules.fall * fell
