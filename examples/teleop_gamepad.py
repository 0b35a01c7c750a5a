"""Record demonstrations with a gamepad: `python examples/teleop_gamepad.py`.

The left stick moves the gripper in the plane, the right stick up and down; A opens and
closes the fingers, B drops the episode, START ends.  It has not been tried with every
gamepad: GLFW must know its layout.
"""

import glfw

from baselines_her.demos.teleop import teleop
from baselines_her.envs.window import Window

ENV, DEAD = "FetchPickAndPlace", 0.4  # a stick counts from this deflection on
STICKS = {  # axis, sign -> key
    (glfw.GAMEPAD_AXIS_LEFT_Y, -1): "W",
    (glfw.GAMEPAD_AXIS_LEFT_Y, 1): "S",
    (glfw.GAMEPAD_AXIS_LEFT_X, -1): "A",
    (glfw.GAMEPAD_AXIS_LEFT_X, 1): "D",
    (glfw.GAMEPAD_AXIS_RIGHT_Y, -1): "E",
    (glfw.GAMEPAD_AXIS_RIGHT_Y, 1): "Q",
}
BUTTONS = {
    glfw.GAMEPAD_BUTTON_A: "SPACE",
    glfw.GAMEPAD_BUTTON_B: "BACKSPACE",
    glfw.GAMEPAD_BUTTON_START: "ESCAPE",
}


def keys_of(axes, buttons):
    """The keys for the sticks and buttons of a gamepad."""
    moved = {key for (axis, sign), key in STICKS.items() if sign * axes[axis] > DEAD}
    return moved | {key for button, key in BUTTONS.items() if buttons[button]}


class Gamepad(Window):
    """The keyboard of the window, and the first gamepad."""

    def held(self):
        keyboard, state = super().held(), glfw.get_gamepad_state(glfw.JOYSTICK_1)
        return keyboard | keys_of(state.axes, state.buttons) if state else keyboard


if __name__ == "__main__":
    teleop(ENV, controls=Gamepad)
