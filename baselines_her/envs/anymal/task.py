"""The task: what a robot sees, when its episode ends, what is drawn at random.

Pure functions of arrays of N robots, and the settings of the environment.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...settings.fields import nearest
from .model import STANDING
from .rewards import RULES, Rules
from .terrain import SCENES, Rise, Scene

STEEPEST = 0.5  # cosine of 60 degrees
AHEAD = np.linspace(-0.3, 1.2, 11)  # metres, where the ground's height is seen
SCALES = {"velocity": 2.0, "spin": 0.25, "speed": 0.05}  # of the observation
COMMAND_SCALE = np.array([2.0, 2.0, 0.25])
OBS_DIM = 48


@dataclasses.dataclass(frozen=True)
class Task:
    """The environment's settings: the keywords of `gymnasium.make`.

    Attributes:
      scene: "flat", "step" or "ramp".
      reward: "tracking", or "aidl2023" to compare with a student project; with it
        come timing and end of an episode, see `rewards.RULES`.
      command: wanted velocity along x and y in m/s, and turn in rad/s; None: drawn
        anew every 4 to 10 s (for "tracking"; else all are 0).
      command_rate: how fast the command itself changes, m/s^2 and rad/s^2.
      height: of the step in metres; None: drawn for each episode.
      randomise: draw friction, the base's mass and the start.
      push: largest change of the horizontal velocity by a push, m/s; 0: none.
      push_interval: seconds between pushes.
      see_ground: with a step or ramp, the robot sees the ground's height ahead.
      seconds: length of an episode; None: the reward's own.
      action_scale: radians per unit of action.
      weights: of the reward's terms; those that are not named keep their weight.
    """

    scene: str = "flat"
    reward: str = "tracking"
    command: tuple[float, float, float] | None = None
    command_rate: float = 1.0
    height: float | None = None
    randomise: bool = True
    push: float = 1.0
    push_interval: float = 5.0
    see_ground: bool = True
    seconds: float | None = None
    action_scale: float = 1.0
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(self.scene in SCENES, "scene", "one of " + ", ".join(SCENES), self)
        _require(self.reward in RULES, "reward", "one of " + ", ".join(RULES), self)
        usual = self.rules.weights
        for name in self.weights:
            if name not in usual:
                raise ValueError(f"unknown term {name}{nearest(name, usual)}")
        self._set(weights={**usual, **self.weights})
        finite = np.isfinite([*self.weights.values()]).all()
        _require(finite, "weights", "finite numbers", self)
        if self.seconds is None:
            self._set(seconds=self.rules.seconds)
        if self.command is None and self.reward != "tracking":
            self._set(command=(0.0, 0.0, 0.0))
        if self.command is not None:
            command = tuple(map(float, self.command))
            is_good = len(command) == 3 and np.abs(command).max() <= 10
            _require(is_good, "command", "3 numbers, at most 10", self)
            self._set(command=command)
        if self.height is not None:
            _require(0 <= self.height <= 0.4, "height", "0 to 0.4 m", self)
            _require(self.scene == "step", "height", "None without a step", self)
        for name, least, most in (
            ("command_rate", 1e-3, 1e6),
            ("push", 0.0, 5.0),
            ("push_interval", 0.1, 1e6),
            ("seconds", 0.1, 1e4),
            ("action_scale", 1e-3, 10.0),
        ):
            value = getattr(self, name)
            _require(least <= value <= most, name, f"{least:g} to {most:g}", self)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def rules(self) -> Rules:
        """The reward's timing and limits."""
        return RULES[self.reward]

    @property
    def horizon(self) -> int:
        """Control steps of an episode."""
        return round((self.seconds or 0.0) / self.rules.dt)

    @property
    def sees_ground(self) -> bool:
        """Whether heights are part of the observation; never on flat ground."""
        return self.see_ground and self.scene != "flat"

    @property
    def obs_dim(self) -> int:
        """The length of an observation."""
        return OBS_DIM + len(AHEAD) * self.sees_ground

    def draw_rise(self, rng: np.random.Generator) -> Rise:
        """The ground of one episode."""
        scene: Scene = SCENES[self.scene]
        if self.height is not None:
            scene = scene._replace(height=(self.height, self.height))
        return scene.draw(rng)

    def draw_command(self, rng: np.random.Generator) -> np.ndarray:
        """A command: 0 to 1.5 m/s forward, turns of at most 0.5 rad/s; 1 in 10 is 0."""
        drawn = np.array([rng.uniform(0.0, 1.5), 0.0, rng.uniform(-0.5, 0.5)])
        stands = rng.random() < 0.1
        if self.command is not None:
            return np.array(self.command)
        return np.zeros(3) if stands else drawn


def _require(is_good: Any, name: str, rule: str, task: Task) -> None:
    if not is_good:
        raise ValueError(f"{name} must be {rule}, found {getattr(task, name)!r}.")


def rotation(quat: np.ndarray) -> np.ndarray:
    """[N, 3, 3]: from a body's axes to the world's.

    Args:
      quat: [N, 4], of length 1, real part first.
    """
    w, x, y, z = quat.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def into_body(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """[N, 3]: vectors of the world, in the axes of bodies with these rotations."""
    return (matrix * vector[:, :, None]).sum(axis=1)


def heading(matrix: np.ndarray) -> np.ndarray:
    """[N]: the angle around the vertical of a body's x axis, in rad."""
    return np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0])


def observation(
    velocity: np.ndarray,
    spin: np.ndarray,
    gravity: np.ndarray,
    command: np.ndarray,
    angles: np.ndarray,
    speeds: np.ndarray,
    action: np.ndarray,
) -> np.ndarray:
    """[N, 48]: what the policy sees on flat ground.

    Args:
      velocity: [N, 3] m/s, in the base's axes.
      spin: [N, 3] rad/s, in the base's axes.
      gravity: [N, 3] the direction down, in the base's axes.
      command: [N, 3].
      angles: [N, 12] of the joints, rad.
      speeds: [N, 12] of the joints, rad/s.
      action: [N, 12] the last one.
    """
    parts = [
        velocity * SCALES["velocity"],
        spin * SCALES["spin"],
        gravity,
        command * COMMAND_SCALE,
        angles - STANDING,
        speeds * SCALES["speed"],
        action,
    ]
    return np.concatenate(parts, axis=1)


def heights_ahead(place: np.ndarray, angle: np.ndarray, rise: Rise) -> np.ndarray:
    """[N, 11]: how far the ground ahead lies below the base, minus 0.5 m.

    Args:
      place: [N, 3] of the base.
      angle: [N] its heading.
      rise: the ground; arrays of [N].
    """
    x = place[:, :1] + np.cos(angle)[:, None] * AHEAD
    columns = Rise(*(np.reshape(part, (-1, 1)) for part in rise))
    return np.clip(place[:, 2:] - columns.ground(x) - 0.5, -1.0, 1.0)


def is_over(
    height: np.ndarray, gravity: np.ndarray, base_force: np.ndarray, lowest: float
) -> np.ndarray:
    """[N] bool: the base touches the ground, is too low, or is tilted too far.

    Args:
      height: [N] of the base above the ground below it, metres.
      gravity: [N, 3] the direction down, in the base's axes.
      base_force: [N] between base and ground, newtons.
      lowest: the least height, metres.
    """
    return (height < lowest) | (-gravity[:, 2] < STEEPEST) | (base_force > 0)
