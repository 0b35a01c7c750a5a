"""Reading JSON that a stranger may have written, within bounded memory and time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from .arrays import read_file

DENSEST = 8  # bytes of text for each value: an empty list of lists takes 3


def read_json(path: Path, limit: int) -> dict[str, Any]:
    """The JSON object in a regular file.

    Raises:
      ValueError: it is no regular file, longer than `limit` bytes, or no JSON object
        of finite numbers.
      RecursionError: it is nested too deeply.
      OSError: it cannot be opened.
    """
    data = read_file(path, limit)
    values = sum(map(data.count, (b",", b"[", b"{")))
    if values > 1000 + len(data) // DENSEST:  # each becomes an object of 60 bytes
        raise ValueError(f"it holds {values} values in {len(data)} bytes")
    content = json.loads(data, parse_constant=_refuse)
    if not isinstance(content, dict):
        raise ValueError("it must hold a JSON object")
    return content


def require_kinds(content: Any, kinds: Mapping[str, type], what: str) -> None:
    """Refuses anything but a dictionary whose entries are of these types.

    Raises:
      ValueError: names the entry that is missing or of another type.
    """
    if not isinstance(content, dict):
        raise ValueError(f"{what} must be named values")
    for name, kind in kinds.items():
        if name not in content:
            raise ValueError(f"{what} must hold {name}")
        if type(content[name]) is not kind:
            found = type(content[name]).__name__
            raise ValueError(f"{name} must be of type {kind.__name__}, found {found}")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}, which is no finite number")
