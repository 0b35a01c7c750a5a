"""Commands by keyboard, for robots that are told how fast to walk and to turn.

Such an environment has a method `set_command(values)`: [3], wanted velocity along its x
and y axes in m/s, and turn in rad/s.
"""

from collections.abc import Callable
from typing import Any

import gymnasium as gym

from .faults import refuse
from .window import Window

WALK, RUN, TURN = 1.0, 1.5, 0.5  # m/s, m/s, rad/s
HELP = "W: walk, W and shift: faster, A and D: turn, escape: stop playing"


def command_of(held: frozenset[str]) -> tuple[float, float, float]:
    """The command for the keys that are held."""
    speed = RUN if "LEFT_SHIFT" in held else WALK
    forward = bool(held & {"W", "UP"})
    left, right = bool(held & {"A", "LEFT"}), bool(held & {"D", "RIGHT"})
    return speed * forward, 0.0, TURN * (left - right)


def driver(env: gym.Env) -> Callable[[], None]:
    """A function that reads the keyboard into the command; call it at every step.

    Args:
      env: an environment whose window is open ("human").

    Raises:
      Refusal: the environment takes no command.
      KeyboardInterrupt: (by the function) escape is held, or the window was closed.
    """
    base: Any = env.unwrapped
    if not hasattr(base, "set_command"):
        refuse(
            "driving needs a robot that is told how to move (a method `set_command`)",
            f"{base}",
            "drop --drive",
        )
    window = Window(env)

    def drive() -> None:
        held = window.held()
        if "ESCAPE" in held:
            raise KeyboardInterrupt
        base.set_command(command_of(held))

    return drive
