"""Arrays as npz bytes, which are read without trusting any length in them."""

import contextlib
import hashlib
import io
import math
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from .foreign import printable

DTYPES = ("<f4", "<f8", "<i8")
# Exceptions that reading a damaged file may raise; `reason_of` makes sentences of them.
DAMAGE = (
    *(ValueError, LookupError, TypeError, AttributeError),
    *(ArithmeticError, RecursionError),
)
MAX_DIRECTORY = 2**20  # bytes of a zip archive's list of members
LONGEST_REASON = 400  # characters


class Archive(NamedTuple):
    """An opened npz of which no array has been read yet."""

    file: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]  # by array name


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a regular file; see `open_regular` for its errors."""
    with open_regular(path, limit) as file:
        return file.read(os.fstat(file.fileno()).st_size)


@contextlib.contextmanager
def open_regular(path: Path, limit: int) -> Iterator[BinaryIO]:
    """A regular file, opened for reading.

    A pipe or a device is never opened, because that can block or have side effects.

    Raises:
      ValueError: the file does not exist, is not a regular file, or is longer than
        `limit`.
      OSError: it cannot be opened, for example without permission.
    """
    flags = os.O_RDONLY
    for name in "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY":
        flags |= getattr(os, name, 0)  # no system has all of these flags
    try:
        _require_regular(os.stat(path), limit)
        handle = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError("there is no such file") from None
    with open(handle, "rb") as file:
        _require_regular(os.fstat(handle), limit)  # it may have been replaced since
        yield file


def _require_regular(status: os.stat_result, limit: int) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is a pipe, a socket or a device, not a regular file")
    if status.st_size > limit:
        raise ValueError(f"it is longer than {limit} bytes, namely {status.st_size}")


def reason_of(error: BaseException) -> str:
    """The reason why a file could not be read, short and printable."""
    reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
    return printable(reason or type(error).__name__, LONGEST_REASON)


def sha256_of(parts: Iterable[Any]) -> str:
    """The hexadecimal digest of a sequence of bytes or contiguous arrays."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """Uncompressed npz bytes."""
    sink = io.BytesIO()
    np.savez(sink, **arrays)  # type: ignore[arg-type]
    return sink.getvalue()


def open_archive(source: bytes | BinaryIO) -> Archive:
    """The members of npz bytes, or of an open npz file.

    Raises:
      ValueError: they are not a zip archive, or name an array twice.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    bounded = _Bounded(file, MAX_DIRECTORY)
    try:
        archive = zipfile.ZipFile(bounded)
        infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise ValueError(f"its arrays are not a zip archive ({error})") from None
    bounded.longest = None
    members = {info.filename.removesuffix(".npy"): info for info in infos}
    if len(members) < len(infos):
        raise ValueError("it names an array twice")
    return Archive(archive, members)


class _Bounded:
    """A file that refuses to read more than `longest` bytes at once.

    `zipfile` reads the whole list of members, whose length the file itself states.
    """

    def __init__(self, file: BinaryIO, longest: int | None):
        self._file, self.longest = file, longest

    def read(self, n: int = -1) -> bytes:
        """Reads like the file's own method; without a number, zipfile reads 64 kB."""
        if self.longest is not None and n > self.longest:
            raise ValueError("its list of arrays is too long")
        return self._file.read(n)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def unpack(data: bytes, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The arrays of `pack`, if they are exactly the ones named in `shapes`.

    Nothing is allocated until an array's header agrees with its expected shape and with
    the number of bytes that are actually there.

    Raises:
      ValueError: a name, shape, dtype, compression or length is wrong, or a number is
        not finite.
    """
    archive = open_archive(data)
    odd = sorted(set(archive.members) ^ set(shapes))
    if odd:
        raise ValueError(f"its arrays are not those of its header: {odd[:3]}")
    arrays = {name: read_array(archive, name, shapes[name]) for name in shapes}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds numbers that are not finite")
    return arrays


def read_array(
    archive: Archive,
    name: str,
    shape: tuple[int, ...] | None,
    dtypes: tuple[str, ...] = DTYPES,
    max_bytes: int = 2**31,
) -> np.ndarray:
    """One array.

    Args:
      archive: from `open_archive`.
      name: the array's name.
      shape: the required shape; None accepts the one in the array's header.
      dtypes: the allowed dtypes.
      max_bytes: largest length of the member, if `shape` is None.

    Raises:
      ValueError: the array is of another type or length, compressed, or damaged.
    """
    if shape is not None:
        max_bytes = 8 * math.prod(shape) + 4096
    found, dtype, body = read_npy(archive, name, max_bytes)
    if (shape is not None and found != shape) or dtype.str not in dtypes:
        raise ValueError(f"{name} must have shape {shape}, found {found} {dtype.str}")
    if len(body) != math.prod(found) * dtype.itemsize:
        raise ValueError(f"{name} holds {len(body)} bytes, too few or too many")
    return np.frombuffer(body, dtype).reshape(found).copy()


def read_npy(
    archive: Archive, name: str, max_bytes: int, compression=(zipfile.ZIP_STORED,)
) -> tuple[tuple[int, ...], np.dtype, bytes]:
    """Shape, dtype and body of one member, without interpreting them.

    Raises:
      ValueError: its compression is not `compression`, it is longer than `max_bytes`,
        or it is damaged.
    """
    member = archive.members[name]
    if member.compress_type not in compression or member.file_size > max_bytes:
        raise ValueError(f"{name} is compressed or too long")
    try:
        content = io.BytesIO(archive.file.read(member))
        version = np.lib.format.read_magic(content)
        if version != (1, 0):
            raise ValueError("it is not version 1.0 of the npy format")
        found, fortran, dtype = np.lib.format.read_array_header_1_0(content)
    except Exception as error:
        raise ValueError(f"{name} cannot be read ({error})") from None
    if fortran:
        raise ValueError(f"{name} is in Fortran order")
    return found, dtype, content.read()
