"""Which OpenGL MuJoCo draws with: decided before it is imported, for it asks once."""

import ctypes
import os
import sys

APT = "libegl1 libegl-mesa0 libgl1-mesa-dri"


def has_display() -> bool:
    """Whether a window could be opened; off Linux there always is a screen."""
    screens = os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(screens)


def choose_gl() -> None:
    """Chooses EGL where there is no screen, unless the user or mujoco already chose.

    With another choice mujoco's first frame without a screen is a segmentation
    fault.  Where EGL is not installed nothing is chosen: training must not need it.
    """
    if has_display() or "MUJOCO_GL" in os.environ or "mujoco" in sys.modules:
        return
    try:
        ctypes.CDLL("libEGL.so.1")
    except OSError:
        return
    os.environ["MUJOCO_GL"] = "egl"


def require_gl(render_mode: str) -> None:
    """Refuses to draw where drawing would crash.

    Raises:
      RuntimeError: no screen for a window, or no EGL for frames; with the cure.
    """
    if has_display():
        return
    if render_mode == "human":
        raise RuntimeError(
            "a window needs a screen, and DISPLAY is not set.  Write a film instead: "
            "--video=film.mp4"
        )
    if "tensorflow" in sys.modules:
        raise RuntimeError(
            "without a screen frames cannot be drawn in a process that has loaded "
            "TensorFlow: both bring an LLVM, and they crash each other.  Film with "
            "experiment/play.py --video, or in a process of its own."
        )
    if os.environ.get("MUJOCO_GL") not in ("egl", "osmesa"):
        raise RuntimeError(
            "without a screen frames are drawn by EGL, which was not there when mujoco "
            f"was imported.  Run: apt-get install {APT}   (in Python, set "
            "MUJOCO_GL=egl before you import mujoco)"
        )
