"""The window of a MuJoCo environment: which keys are held, from where one looks."""

from typing import Any

import gymnasium as gym

KEYS = (
    *("W", "A", "S", "D", "Q", "E", "UP", "DOWN", "LEFT", "RIGHT"),
    *("SPACE", "BACKSPACE", "ESCAPE", "LEFT_SHIFT"),
)


class Window:
    """The window in which an environment with render_mode="human" draws.

    While it is in use, the viewer's own keys (pause, menu, cameras) have no effect; the
    mouse still turns the view.
    """

    def __init__(self, env: gym.Env):
        self._env, self._handle = env, None

    def held(self) -> frozenset[str]:
        """The names of the keys in `KEYS` that are held; a closed window: ESCAPE."""
        import glfw

        window = self._window()
        glfw.poll_events()
        if glfw.window_should_close(window):
            return frozenset(["ESCAPE"])
        codes = {name: getattr(glfw, f"KEY_{name}") for name in KEYS}
        down = {name for name, code in codes.items() if glfw.get_key(window, code)}
        return frozenset(down)

    def azimuth(self) -> float:
        """The direction of view around the vertical axis, in degrees; 0 is along x."""
        self._window()
        return float(self._viewer().cam.azimuth)

    def draw(self) -> None:
        """Shows the simulation as it is."""
        self._env.unwrapped.render()

    def _window(self) -> Any:
        import glfw

        if self._viewer() is None:
            self.draw()  # the first frame opens it
        window = self._viewer().window
        if window is not self._handle:
            glfw.set_key_callback(window, lambda *key: None)
            glfw.set_input_mode(window, glfw.STICKY_KEYS, glfw.TRUE)  # none is missed
            self._viewer()._hide_menu = True  # its keys have no effect
            self._handle = window
        return window

    def _viewer(self) -> Any:
        base: Any = self._env.unwrapped
        return base.mujoco_renderer.viewer
