"""Arrays as npz bytes, read back without trusting a single length in them."""

import io
import math
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

DTYPES = ("<f4", "<f8", "<i8")


class Archive(NamedTuple):
    """An opened npz; nothing of it is read yet."""

    file: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]  # by array name


def read_file(path: Path, limit: int) -> bytes:
    """The bytes of a file.

    Raises:
      ValueError: there is no such file, or it is longer than `limit`.
    """
    if not path.is_file():
        raise ValueError("it is a folder" if path.is_dir() else "there is no such file")
    if path.stat().st_size > limit:
        raise ValueError(f"it is longer than {limit} bytes")
    return path.read_bytes()


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """Uncompressed npz bytes."""
    sink = io.BytesIO()
    np.savez(sink, **arrays)  # type: ignore[arg-type]
    return sink.getvalue()


def open_archive(data: bytes) -> Archive:
    """The members of npz bytes.

    Raises:
      ValueError: they are not a zip archive, or name an array twice.
    """
    try:
        file = zipfile.ZipFile(io.BytesIO(data))
        infos = file.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise ValueError(f"its arrays are not a zip archive ({error})") from None
    members = {info.filename.removesuffix(".npy"): info for info in infos}
    if len(members) < len(infos):
        raise ValueError("it names an array twice")
    return Archive(file, members)


def unpack(data: bytes, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The arrays of `pack`, if they are exactly the ones named in `shapes`.

    Nothing is allocated before the header of an array agrees with its expected shape
    and with the bytes that are really there.

    Raises:
      ValueError: another name, shape, dtype, compression or length, or a number that
        is not finite.
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
      name: which.
      shape: what it must be; None takes what its header says.
      dtypes: the ones that are allowed.
      max_bytes: length of the member, where no shape tells it.

    Raises:
      ValueError: it is of another kind or length, compressed, or damaged.
    """
    if shape is not None:
        max_bytes = 8 * math.prod(shape) + 4096
    found, dtype, body = read_npy(archive, name, max_bytes)
    if (shape is not None and found != shape) or dtype.str not in dtypes:
        raise ValueError(f"{name} must have shape {shape}, found {found} {dtype.str}")
    if len(body) != math.prod(found) * dtype.itemsize:
        raise ValueError(f"{name} holds {len(body)} bytes, too few or many")
    return np.frombuffer(body, dtype).reshape(found).copy()


def read_npy(
    archive: Archive, name: str, max_bytes: int, compression=(zipfile.ZIP_STORED,)
) -> tuple[tuple[int, ...], np.dtype, bytes]:
    """Shape, dtype and body of one member, none of it interpreted.

    Raises:
      ValueError: it is compressed in another way than `compression`, longer than
        `max_bytes`, or damaged.
    """
    member = archive.members[name]
    if member.compress_type not in compression or member.file_size > max_bytes:
        raise ValueError(f"{name} is compressed or too long")
    try:
        content = io.BytesIO(archive.file.read(member))
        version = np.lib.format.read_magic(content)
        if version != (1, 0):
            raise ValueError("not version 1.0 of the npy format")
        found, fortran, dtype = np.lib.format.read_array_header_1_0(content)
    except Exception as error:
        raise ValueError(f"{name} cannot be read ({error})") from None
    if fortran:
        raise ValueError(f"{name} is in Fortran order")
    return found, dtype, content.read()
