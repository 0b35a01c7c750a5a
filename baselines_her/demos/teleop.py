"""Demonstrations by hand: `baselines-her teleop --env=FetchPickAndPlace`.

Held keys move the gripper in slow motion; episodes that succeed are written to a file.
"""

import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np

from ..cli.command import Parser, run_command
from ..envs.check import check
from ..envs.make import EnvFactory, env_factory
from ..envs.render import make_rendered
from ..envs.window import Window
from ..rollout import reset_seed
from ..runs.foreign import printable
from ..seeding import DEMOS, stream
from ..types import Act, Demos, EnvSpec, Start
from .file import load_demos, write_demos
from .record import join, record

STEP_SECONDS = 0.04  # of an action, in simulation
FULL, FINE = 0.6, 0.15  # sizes of an action: 1 moves the gripper by 5 cm
OPEN, CLOSED = 1.0, -1.0
HELP = """\
W A S D    move the gripper away from you, to the left, towards you, to the right
E Q        move it up, down            (with SHIFT: slowly; the mouse turns the view)
SPACE      open or close the fingers
BACKSPACE  drop this episode and begin another one
ESCAPE     end
An episode begins with your first key and has {steps} steps ({seconds:.0f} seconds)."""


class Controls(Protocol):
    """Where the user's hands are: a window, a gamepad, or a script in tests."""

    def held(self) -> frozenset[str]:
        """The names of the keys that are held, as in `envs.window.KEYS`."""

    def azimuth(self) -> float:
        """The direction of view around the vertical axis, in degrees; 0 is along x."""

    def draw(self) -> None:
        """Shows the simulation as it is."""


class Dropped(Exception):
    """The user does not want this episode."""


class Ended(Exception):
    """The user does not want another episode."""


class Pace(NamedTuple):
    """How long an action lasts, and the clock that tells."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def direction(held: frozenset[str], azimuth: float) -> np.ndarray:
    """The direction [3] to move in: x, y as seen by the user, z upwards.

    Args:
      held: names of keys.
      azimuth: the direction of view, in degrees; at 0 the user looks along x, with y to
        the left.
    """
    away = ("W" in held or "UP" in held) - ("S" in held or "DOWN" in held)
    left = ("A" in held or "LEFT" in held) - ("D" in held or "RIGHT" in held)
    angle = np.deg2rad(azimuth)
    ahead = np.array([np.cos(angle), np.sin(angle), 0.0])
    leftwards = np.array([-np.sin(angle), np.cos(angle), 0.0])
    up = np.array([0.0, 0.0, 1.0]) * (("E" in held) - ("Q" in held))
    return away * ahead + left * leftwards + up


class Steered(NamedTuple):
    """An actor whose actions the user chooses."""

    controls: Controls
    pace: Pace

    def start(self, rng: np.random.Generator) -> Act:
        """Begins an episode; the first action waits for a key."""
        pace, fingers, before = self.pace, OPEN, self.controls.held()
        due = -np.inf  # when the next action may be chosen

        def act(obs, achieved, goal):
            nonlocal fingers, before, due
            held = self._next(due)
            if "SPACE" in held and "SPACE" not in before:
                fingers = -fingers
            before, due = held, pace.clock() + pace.seconds
            size = FINE if "LEFT_SHIFT" in held else FULL
            move = size * direction(held, self.controls.azimuth())
            return np.array([*np.clip(move, -1, 1), fingers], np.float32)

        return act

    def _next(self, due: float) -> frozenset[str]:
        """The keys that are held when the next action is due.

        Raises:
          Dropped: BACKSPACE is held.
          Ended: ESCAPE is held.
        """
        is_first = due == -np.inf
        while True:
            held = self.controls.held()
            if "ESCAPE" in held:
                raise Ended
            if "BACKSPACE" in held and not is_first:
                raise Dropped
            moves = held - {"BACKSPACE", "LEFT_SHIFT"}
            if moves if is_first else self.pace.clock() >= due:
                return held
            self.controls.draw()
            self.pace.sleep(0.01)


def teleop(
    env: str = "FetchPickAndPlace",
    episodes: int | None = None,
    out: str | Path = "teleop.npz",
    speed: float = 0.2,
    seed: int = 0,
    keep_failures: bool = False,
    controls: Callable[[gym.Env], Controls] = Window,
    is_shown: bool = True,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    say: Callable[[str], None] = print,
) -> Path:
    """Records episodes that the user steers; returns the file's path.

    Args:
      env: a task of a gripper that takes actions [x, y, z, fingers].
      episodes: end after this many kept ones; default: when the user ends.
      out: the file, written after each kept episode; one that exists is continued.
      speed: of the simulation; 1 is real time.
      seed: of the episodes' starts and goals.
      keep_failures: also keep episodes that do not succeed.
      controls: the user's hands, for the environment; default: keys in its window.
      is_shown: open a window.
      clock: seconds.
      sleep: waits for seconds.
      say: called with each line.

    Raises:
      ValueError: the environment has other actions, or an argument is out of range.
      RuntimeError: there is no screen.
    """
    if not 0 < speed <= 10:
        raise ValueError(f"speed must be above 0 and at most 10, found {speed:g}.")
    if episodes is not None and episodes < 1:
        raise ValueError(f"episodes must be at least 1, found {episodes}.")
    factory, out = env_factory(env, None), Path(out).expanduser()
    spec = _spec(factory)
    kept = [_existing(out, spec)] if out.exists() else []
    known = {int(seed) for demos in kept for seed in demos.seed}
    built = make_rendered(factory, "human") if is_shown else factory()
    pace = Pace(STEP_SECONDS / speed, clock, sleep)
    actor = Steered(controls(built), pace)
    say(HELP.format(steps=spec.horizon, seconds=spec.horizon * pace.seconds))
    first = len(kept[0].goal) if kept else 0
    try:
        n_kept, starts = 0, _starts(seed, known)
        while n_kept != episodes:
            demo = _play(built, spec, actor, next(starts), say)
            if demo is None or not (keep_failures or demo.success[0]):
                continue
            kept.append(demo)
            how = kept[0].facts.get("generator", "by hand")
            write_demos(out, join(kept, generator=how))
            n_kept += 1
            say(f"{first + n_kept} episodes in {printable(out)}")
    except Ended:
        pass
    finally:
        built.close()
    if not kept:
        raise RuntimeError("no episode succeeded, so nothing was written.")
    return out


def _spec(factory: EnvFactory) -> EnvSpec:
    """The environment's dimensions.

    Raises:
      ValueError: its actions do not steer a gripper.
    """
    env = factory()
    spec = check(env, factory.env_id)
    env.close()
    if spec.action_dim != 4:
        raise ValueError(
            f"teleop steers a gripper by x, y, z and fingers, but {spec.env_id} has "
            f"{spec.action_dim} actions.  Choose a Fetch task."
        )
    return spec


def _starts(seed: int, known: set[int]) -> Iterator[Start]:
    """Starts of episodes, without those that a file holds already."""
    for n in itertools.count():
        start = Start(stream(seed, DEMOS, n=n))
        if reset_seed(np.random.default_rng(start.seed)) not in known:
            yield start


def _play(
    env: Any, spec: EnvSpec, actor: Steered, start: Start, say: Callable[[str], None]
) -> Demos | None:
    """One episode, or None if the user dropped it."""
    try:
        _, demo = record(env, spec, actor, start)
    except Dropped:
        say("dropped")
        return None
    say("success" if demo.success[0] else "failure: not at the goal at the end")
    return demo


def _existing(path: Path, spec: EnvSpec) -> Demos:
    """The demonstrations in a file that is to be continued.

    Raises:
      ValueError: they are of another environment.
    """
    demos = load_demos(path)
    if demos.facts.get("env_id") != spec.env_id:
        raise ValueError(
            f"out must be a new file or hold episodes of {spec.env_id}, found "
            f"{printable(demos.facts.get('env_id'))} in {printable(path)}."
        )
    if demos.state0 is None:
        raise ValueError(
            f"a file that is continued must hold start states, but {printable(path)} "
            "has none.  Choose another --out."
        )
    return demos


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(
        prog="teleop", description="Record demonstrations by hand.", allow_abbrev=False
    )
    add = parser.add_argument
    add("--env", default="FetchPickAndPlace", help="default: FetchPickAndPlace")
    add("--episodes", type=int, help="end after this many (default: at ESCAPE)")
    add("--out", default="teleop.npz", help="default: teleop.npz")
    add("--speed", type=float, default=0.2, help="1 is real time (default: 0.2)")
    add("--seed", type=int, default=0, help="of starts and goals (default: 0)")
    add("--keep_failures", action="store_true", help="also keep failures")
    return run_command(teleop, **vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
