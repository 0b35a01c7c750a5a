"""Arrays as npz bytes, read back without trusting a single length in them."""

import io
import zipfile

import numpy as np

DTYPES = ("<f4", "<f8", "<i8")


def pack(arrays: dict[str, np.ndarray]) -> bytes:
    """Uncompressed npz bytes."""
    sink = io.BytesIO()
    np.savez(sink, **arrays)  # type: ignore[arg-type]
    return sink.getvalue()


def unpack(data: bytes, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """The arrays of `pack`, if they are exactly the ones named in `shapes`.

    Nothing is allocated before the header of an array agrees with its expected shape
    and with the bytes that are really there.

    Raises:
      ValueError: another name, shape, dtype, compression or length, or a number that
        is not finite.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
    except zipfile.BadZipFile as error:
        raise ValueError(f"its arrays are not a zip archive ({error})") from None
    names = [member.filename.removesuffix(".npy") for member in members]
    if sorted(names) != sorted(shapes):
        odd = sorted(set(names) ^ set(shapes))[:3] or "a name twice"
        raise ValueError(f"its arrays are not those of its header: {odd}")
    return {
        name: _read(archive, member, shapes[name])
        for name, member in zip(names, members)
    }


def _read(archive, member: zipfile.ZipInfo, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape, dtype=object))
    if member.compress_type != zipfile.ZIP_STORED or member.file_size > 8 * size + 4096:
        raise ValueError(f"{member.filename} is compressed or too long")
    try:
        content = io.BytesIO(archive.read(member))
        version = np.lib.format.read_magic(content)
        if version != (1, 0):
            raise ValueError("not version 1.0 of the npy format")
        found, fortran, dtype = np.lib.format.read_array_header_1_0(content)
    except Exception as error:
        raise ValueError(f"{member.filename} cannot be read ({error})") from None
    body = content.read()
    if found != shape or fortran or dtype.str not in DTYPES:
        raise ValueError(
            f"{member.filename} must have shape {shape}, found {found} {dtype.str}"
        )
    if len(body) != size * dtype.itemsize:
        raise ValueError(f"{member.filename} holds {len(body)} bytes, too few or many")
    array = np.frombuffer(body, dtype).reshape(shape).copy()
    if not np.isfinite(array).all():
        raise ValueError(f"{member.filename} holds numbers that are not finite")
    return array
