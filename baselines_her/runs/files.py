"""Writes files atomically: no reader ever sees half a file."""

import contextlib
import errno
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".baselines_her-writes-"  # prefix of files without their final name


def write_atomically(path: str | Path, data: bytes) -> None:
    """Writes `data` under a temporary name beside `path`, then renames it there.

    Raises:
      OSError: the disk is full or the folder cannot be written; the message names
        the path and, if the disk is full, the bytes needed.  An existing file at
        `path` is untouched.
    """
    stream_atomically(path, lambda file: file.write(data), len(data))


def stream_atomically(
    path: str | Path, write: Callable[[BinaryIO], object], size: int
) -> None:
    """Like `write_atomically`, for data that should not be in memory twice.

    The folder must exist: if it has vanished, it is not silently created again.

    Args:
      path: the file's path.
      write: writes to an open file.
      size: the approximate number of bytes, for the error message.
    """
    path, temporary = Path(path), None
    try:
        handle, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=path.parent)
        with os.fdopen(handle, "wb", buffering=io.DEFAULT_BUFFER_SIZE) as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            more = f"; it needs {size} bytes" if full else ""
            reason = f"{error.strerror}{more}"
            raise OSError(error.errno, reason, str(path)) from error
        raise


class Place:
    """A folder that must not be replaced while it is in use."""

    def __init__(self, path: Path):
        """Remembers the folder at `path`, which must exist."""
        self._path, self._identity = path, _identity(path)

    def require(self) -> None:
        """Refuses to write if this is no longer the same folder.

        Raises:
          RuntimeError: it was removed, renamed or replaced.
        """
        if _identity(self._path) != self._identity:
            raise RuntimeError(
                f"the run folder {self._path} must stay where it is, but it was "
                "removed, renamed or replaced while the run was writing to it.  The "
                "run ends."
            )


def _identity(path: Path) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return None


def require_writable(path: str | Path, name: str) -> None:
    """Refuses a file that could not be written later.

    Args:
      path: the file's path.
      name: the setting that names it.

    Raises:
      ValueError: its folder does not exist or cannot be written, or it is a folder.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise ValueError(f"{name} must be a file, found a folder: --{name}={path}.")
    if not path.parent.is_dir():
        raise ValueError(
            f"{name} must lie in a folder that exists, found none at {path.parent}.  "
            f"Make it first, or choose another --{name}."
        )
    try:
        with tempfile.NamedTemporaryFile(prefix=TEMPORARY, dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(
            f"{name} must be a file that can be written, but {path.parent} refuses it "
            f"({error.strerror}).  Choose another --{name}."
        ) from None


def sweep(folder: Path) -> None:
    """Removes temporary files that killed writers have left."""
    for path in folder.glob(f"{TEMPORARY}*"):
        if path.is_file() and not path.is_symlink():
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes sure that renames in a folder survive a crash of the machine.

    Windows cannot open folders: there it is left to the system.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
