"""Chooses the OpenGL for MuJoCo before the import, since mujoco looks only once."""

import ctypes
import os
import sys

APT = "libegl1 libegl-mesa0 libgl1-mesa-dri"


def has_display() -> bool:
    """Whether a window could be opened; systems other than Linux have a screen."""
    screens = os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(screens)


def choose_gl() -> None:
    """Chooses EGL if there is no screen, unless the user or mujoco chose already.

    With another choice mujoco's first frame without a screen is a segmentation fault.
    If EGL is not installed, nothing is chosen, because training must not need it.
    """
    if has_display() or "MUJOCO_GL" in os.environ or "mujoco" in sys.modules:
        return
    try:
        ctypes.CDLL("libEGL.so.1")
    except OSError:
        return
    os.environ["MUJOCO_GL"] = "egl"


def require_gl(render_mode: str) -> None:
    """Refuses to draw if drawing would crash.

    Raises:
      RuntimeError: there is no screen for a window or no EGL for frames; the message
        names the cure.
    """
    if has_display():
        return
    if render_mode == "human":
        raise RuntimeError(
            "a window needs a screen, but DISPLAY is not set.  Write a film instead: "
            "--video=film.mp4"
        )
    if "tensorflow" in sys.modules:
        raise RuntimeError(
            "without a screen, frames cannot be drawn in a process that has loaded "
            "TensorFlow: both load an LLVM, and the process crashes.  Film with "
            "experiment/play.py --video, or in a separate process."
        )
    if os.environ.get("MUJOCO_GL") not in ("egl", "osmesa"):
        raise RuntimeError(
            "without a screen, frames are drawn with EGL, which was not available when "
            f"mujoco was imported.  Run: apt-get install {APT}   (in Python, set "
            "MUJOCO_GL=egl before you import mujoco)"
        )
