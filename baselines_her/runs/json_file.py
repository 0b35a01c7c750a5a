"""Reads JSON from unknown sources in bounded memory and time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from .arrays import read_file

DENSEST = 8  # least bytes of text per value; nested empty lists take 3


def read_json(path: Path, limit: int) -> dict[str, Any]:
    """The JSON object in a regular file.

    Raises:
      ValueError: it is not a regular file, is longer than `limit` bytes, or is not a
        JSON object with finite numbers.
      RecursionError: it is nested too deeply.
      OSError: it cannot be opened.
    """
    data = read_file(path, limit)
    values = sum(map(data.count, (b",", b"[", b"{")))
    if values > 1000 + len(data) // DENSEST:  # each value becomes an object of 60 bytes
        raise ValueError(f"it holds {values} values in {len(data)} bytes")
    content = json.loads(data, parse_constant=_refuse)
    if not isinstance(content, dict):
        raise ValueError("it must hold a JSON object")
    return content


def require_kinds(content: Any, kinds: Mapping[str, type], what: str) -> None:
    """Refuses anything but a dictionary whose entries have these types.

    Raises:
      ValueError: names an entry that is missing or has another type.
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
    raise ValueError(f"it holds {constant}, which is not a finite number")
