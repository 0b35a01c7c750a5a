"""Films: frames of an episode as mp4 or gif."""

from pathlib import Path
from typing import Any

import numpy as np

FORMATS = (".mp4", ".gif")
MISSING = (
    "video needs imageio and imageio-ffmpeg.  Run: pip install 'baselines-her[video]'"
)


def check_video_path(path: str | Path) -> Path:
    """The path, if a film can be written there; checked before anything is rendered.

    Raises:
      ValueError: the path does not end in .mp4 or .gif.
      RuntimeError: imageio is not installed; the message has the pip command.
    """
    path = Path(path).expanduser()
    if path.suffix not in FORMATS:
        raise ValueError(f"video must end in {' or '.join(FORMATS)}, found {path}.")
    _imageio()
    return path


def write_video(path: str | Path, frames: list[np.ndarray], fps: int = 25) -> None:
    """Writes frames [H, W, 3] uint8; the ending of `path` decides the format."""
    path = check_video_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    imageio = _imageio()
    if path.suffix == ".gif":
        imageio.mimsave(path, frames, duration=1000 / fps, loop=0)
    else:
        imageio.mimsave(path, frames, fps=fps, macro_block_size=16)


def _imageio() -> Any:
    try:
        import imageio
        import imageio_ffmpeg  # noqa: F401  provides the ffmpeg that imageio calls
    except ImportError:
        raise RuntimeError(MISSING) from None
    return imageio
