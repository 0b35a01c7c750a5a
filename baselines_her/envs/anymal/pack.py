"""N robots that are stepped together: physics one by one, everything else as arrays.

An episode is a function of its seed and its actions; neither the other robots nor
their number change a bit of it.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import mujoco
import numpy as np

from ..state import DIVERGED
from . import terrain
from .model import (
    ANGLES,
    BASE,
    FEET,
    FOOT_RADIUS,
    HEIGHT,
    LEGS,
    LIMBS,
    SPEEDS,
    STANDING,
    TORQUES,
)
from .rewards import Motion, power, total, weighted
from .task import (
    Task,
    heading,
    heights_ahead,
    into_body,
    is_over,
    observation,
    rotation,
)
from .terrain import Rise

NEWTONS = 1.0  # a foot with less on it is in the air
NEVER = np.iinfo(int).max  # steps
FAST = 1e3  # rad/s or m/s: a simulation that has exploded
METRICS = (
    *("speed", "speed_error", "fell", "drift", "transport", "action_rate"),
    *("way", "crossed"),
)
BEHIND = 3.0  # metres behind a rise: it has been crossed


class Outcome(NamedTuple):
    """A control step of N robots."""

    obs: np.ndarray  # [N, O]
    reward: np.ndarray  # [N]
    terminated: np.ndarray  # [N] bool
    truncated: np.ndarray  # [N] bool
    terms: np.ndarray  # [N, K] the weighted terms


class Pack:
    """N robots, each in an episode of its own; call `reset` for each one first."""

    def __init__(self, n: int, task: Task, meshes: Path | None = None):
        self.task, self._dt = task, task.rules.dt
        first = terrain.build(task.scene, meshes)
        first.opt.timestep = task.rules.timestep
        self.models = [first, *(copy.copy(first) for _ in range(n - 1))]
        self.data = [mujoco.MjData(model) for model in self.models]
        self._feet = [first.geom(f"{leg}_foot").id for leg in LEGS]
        self._base = first.body("base").id
        self._robot = np.flatnonzero(first.geom_group == 1)
        self._mass, self._friction = first.body_mass[self._base], first.geom_friction
        self._weight = 9.81 * float(first.body_mass.sum())
        self._friction = self._friction.copy()
        self._rngs = [np.random.default_rng(0) for _ in range(n)]
        self._qpos, self._qvel = np.zeros((n, 19)), np.zeros((n, 18))
        self._sensors = np.zeros((n, first.nsensordata))
        self.command, self.wanted = np.zeros((n, 3)), np.zeros((n, 3))
        self._action, self._in_air = np.zeros((n, 12)), np.zeros((n, 4))
        self._t = np.zeros(n, int)
        self._next_command, self._next_push = np.zeros(n, int), np.zeros(n, int)
        self._rise = Rise(np.zeros(n), np.zeros(n), np.zeros(n))
        self._sums = {name: np.zeros(n) for name in METRICS}

    def __len__(self) -> int:
        return len(self.data)

    # -- episodes ---------------------------------------------------------------

    def reset(self, i: int, seed: int) -> np.ndarray:
        """Begins an episode of robot i; returns its observation, [O].

        Args:
          i: its number.
          seed: decides all randomness of the episode.
        """
        rng = np.random.default_rng(seed)
        task, model, data = self.task, self.models[i], self.data[i]
        self._rngs[i] = rng
        rise = task.draw_rise(rng)
        for kept, value in zip(self._rise, rise):
            kept[i] = value
        terrain.place(model, task.scene, rise)
        mujoco.mj_resetData(model, data)
        self._draw_body(model, rng)
        mujoco.mj_setConst(model, data)
        mujoco.mj_resetData(model, data)
        self._draw_start(model, data, rng)
        self.command[i] = self.wanted[i] = task.draw_command(rng)
        self._action[i], self._in_air[i], self._t[i] = 0.0, 0.0, 0
        self._next_command[i] = self._steps(rng.uniform(4, 10))
        self._next_push[i] = self._steps(task.push_interval)
        for values in self._sums.values():
            values[i] = 0.0
        self._read([i])
        return self._observe(np.array([i]))[0]

    def step(self, some: Sequence[int], actions: np.ndarray) -> Outcome:
        """Takes one control step with some of the robots.

        A robot whose simulation explodes gets an observation of NaN.

        Args:
          some: their numbers, n.
          actions: [n, 12], clipped to [-1, 1].
        """
        at = np.asarray(some)
        actions = np.clip(np.asarray(actions, np.float64), -1.0, 1.0)
        self._disturb(at)
        rules, before = self.task.rules, (self._qpos[at, 0], self._qvel[at, SPEEDS])
        targets = STANDING + self.task.action_scale * actions
        for i, target in zip(some, targets):
            self.data[i].ctrl[:] = target
            mujoco.mj_step(self.models[i], self.data[i], rules.substeps)
        self._read(some)
        self._t[at] += 1
        motion = self._motion(at, actions, *before)
        parts = weighted(motion, self.task.weights, rules.dt)
        force = self._sensors[at, BASE]
        terminated = is_over(motion.clearance, motion.gravity, force, rules.lowest)
        truncated = ~terminated & (self._t[at] >= self.task.horizon)
        self._measure(at, motion, terminated)
        self._action[at] = actions
        self._new_commands(at)
        obs = self._observe(at)
        obs[self._exploded(at)] = np.nan
        reward = total(parts, terminated, rules)
        return Outcome(obs, reward, terminated, truncated, parts)

    def set_command(self, i: int, values: Sequence[float]) -> None:
        """Sets what the command of robot i moves to, until its episode ends.

        Before the first step of the episode, the command becomes that at once.

        Args:
          i: its number.
          values: velocity along x and y in m/s, and turn in rad/s.
        """
        self.wanted[i] = values
        self._next_command[i] = NEVER
        if self._t[i] == 0:
            self.command[i] = values

    def close(self) -> None:
        """Nothing is open."""

    def metrics(self, i: int) -> dict[str, float]:
        """What the episode of robot i has been like so far.

        Returns:
          speed: mean along the robot's x axis, m/s.
          speed_error: root of the mean squared difference from the command, m/s.
          fell: 0 or 1.
          drift: difference between the turn so far and the commanded one, rad.
          transport: cost of transport, energy at the joints per weight and metre.
          action_rate: mean absolute change of an action per step.
          way: place along the world's x axis, metres.
          crossed: 1 once the robot was 3 m behind the ground's rise, else 0.
        """
        sums, t = {k: float(v[i]) for k, v in self._sums.items()}, int(self._t[i])
        t = max(t, 1)
        way = max(abs(sums["speed"]) * self._dt, 1e-3)
        return {
            "speed": sums["speed"] / t,
            "speed_error": float(np.sqrt(sums["speed_error"] / t)),
            "fell": sums["fell"],
            "drift": abs(sums["drift"]),
            "transport": sums["transport"] / (self._weight * way),
            "action_rate": sums["action_rate"] / t,
            "way": sums["way"],
            "crossed": sums["crossed"],
        }

    # -- parts of a reset -------------------------------------------------------

    def _draw_body(self, model: mujoco.MjModel, rng: np.random.Generator) -> None:
        """Friction 0.5 to 1.25, and a load of -5 to 5 kg on the base."""
        friction, load = rng.uniform(0.5, 1.25), rng.uniform(-5.0, 5.0)
        if self.task.randomise:
            model.geom_friction[self._robot, 0] = friction
            model.body_mass[self._base] = self._mass + load

    def _draw_start(
        self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator
    ) -> None:
        """Joints at 0.5 to 1.5 of their standing angles, velocities up to 0.5."""
        factors = rng.uniform(0.5, 1.5, 12)
        velocities = rng.uniform(-0.5, 0.5, 18)
        most = np.pi if self.task.scene == "flat" else 0.2
        turn = rng.uniform(-most, most)
        data.qpos[ANGLES] = STANDING
        if self.task.randomise:
            data.qpos[ANGLES] = STANDING * factors
            data.qvel[:] = velocities
            data.qpos[3:7] = [np.cos(turn / 2), 0.0, 0.0, np.sin(turn / 2)]
        data.qpos[2] = HEIGHT
        mujoco.mj_kinematics(model, data)
        lowest = data.geom_xpos[self._feet, 2].min() - FOOT_RADIUS
        data.qpos[2] -= lowest
        data.ctrl[:] = data.qpos[ANGLES]

    # -- parts of a step --------------------------------------------------------

    def _disturb(self, at: np.ndarray) -> None:
        """Pushes the robots whose time has come."""
        if not self.task.push:
            return
        for i in at[self._t[at] >= self._next_push[at]]:
            change = self._rngs[i].uniform(-1.0, 1.0, 2) * self.task.push
            self.data[i].qvel[:2] += change
            self._next_push[i] += self._steps(self.task.push_interval)

    def _new_commands(self, at: np.ndarray) -> None:
        """Draws what is wanted, and moves the commands towards it."""
        for i in at[self._t[at] >= self._next_command[at]]:
            rng = self._rngs[i]
            self.wanted[i] = self.task.draw_command(rng)
            self._next_command[i] += self._steps(rng.uniform(4, 10))
        most = self.task.command_rate * self._dt
        self.command[at] += np.clip(self.wanted[at] - self.command[at], -most, most)

    def _read(self, some: Sequence[int]) -> None:
        """Copies the simulations' states into the arrays."""
        for i in some:
            data = self.data[i]
            self._qpos[i], self._qvel[i] = data.qpos, data.qvel
            self._sensors[i] = data.sensordata

    def _exploded(self, at: np.ndarray) -> np.ndarray:
        """[n]: joints move impossibly fast, or MuJoCo found that and began anew."""
        was_reset = [self.data[i].warning.number[DIVERGED].any() for i in at]
        is_slow = np.abs(self._qvel[at]).max(axis=1) < FAST  # not if it is NaN
        return ~is_slow | np.array(was_reset, bool)

    def _landings(self, at: np.ndarray) -> np.ndarray:
        """[n, 4]: how long the feet that land at this step were in the air; else 0."""
        on_ground = self._sensors[at, FEET] > NEWTONS
        in_air = self._in_air[at]
        self._in_air[at] = np.where(on_ground, 0.0, in_air + self._dt)
        return in_air * on_ground

    def _motion(
        self, at: np.ndarray, actions: np.ndarray, x: np.ndarray, speeds: np.ndarray
    ) -> Motion:
        """The robots at the end of a step that began at `x` with these joint speeds."""
        velocity, spin, gravity, _ = self._base_motion(at)
        landed_after = self._landings(at)  # this also updates the time in the air
        return Motion(
            velocity=velocity,
            spin=spin,
            gravity=gravity,
            command=self.command[at],
            torque=self._sensors[at, TORQUES],
            speed=self._qvel[at, SPEEDS],
            acceleration=(self._qvel[at, SPEEDS] - speeds) / self._dt,
            action=actions,
            action_before=self._action[at],
            landed_after=landed_after,
            in_air=self._in_air[at],
            touching=self._sensors[at, LIMBS] > NEWTONS,
            offset=self._qpos[at, ANGLES] - STANDING,
            advance=(self._qpos[at, 0] - x) / self._dt,
            height=self._qpos[at, 2],
            clearance=self._clearance(at),
        )

    def _clearance(self, at: np.ndarray) -> np.ndarray:
        """[n]: the height of the base above the ground below it, metres."""
        return self._qpos[at, 2] - self._rise_of(at).ground(self._qpos[at, 0])

    def _base_motion(self, at: np.ndarray) -> tuple[np.ndarray, ...]:
        """Velocity, spin, direction down (all in the base's axes), and heading."""
        matrix = rotation(self._qpos[at, 3:7])
        velocity = into_body(matrix, self._qvel[at, :3])
        return velocity, self._qvel[at, 3:6], -matrix[:, 2], heading(matrix)

    def _observe(self, at: np.ndarray) -> np.ndarray:
        """[n, O] float64: what some of the robots see."""
        velocity, spin, gravity, angle = self._base_motion(at)
        obs = observation(
            velocity,
            spin,
            gravity,
            self.command[at],
            self._qpos[at, ANGLES],
            self._qvel[at, SPEEDS],
            self._action[at],
        )
        if not self.task.sees_ground:
            return obs
        ahead = heights_ahead(self._qpos[at, :3], angle, self._rise_of(at))
        return np.concatenate([obs, ahead], axis=1)

    def _rise_of(self, at: np.ndarray) -> Rise:
        return Rise(*(part[at] for part in self._rise))

    def _measure(self, at: np.ndarray, motion: Motion, terminated: np.ndarray) -> None:
        sums, speed = self._sums, motion.velocity[:, 0]
        change = np.abs(motion.action - motion.action_before).mean(axis=1)
        sums["speed"][at] += speed
        sums["speed_error"][at] += (speed - motion.command[:, 0]) ** 2
        sums["fell"][at] += terminated
        sums["drift"][at] += self._dt * (motion.spin[:, 2] - motion.command[:, 2])
        sums["transport"][at] += self._dt * power(motion)
        sums["action_rate"][at] += change
        sums["way"][at] = x = self._qpos[at, 0]
        rise = self._rise_of(at)
        is_behind = (x - rise.start - rise.length >= BEHIND) & (rise.height > 0)
        sums["crossed"][at] = np.maximum(sums["crossed"][at], is_behind & ~terminated)

    def _steps(self, seconds: float) -> int:
        return max(1, round(seconds / self._dt))
