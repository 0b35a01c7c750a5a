"""Reads what runs have logged: `config.json`, `progress.csv`, `evaluation.json`.

A folder may come from anywhere.  So only regular files of a sensible size are read, and
every error is one sentence that names the file.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..settings.fields import nearest
from .arrays import DAMAGE, read_file, reason_of
from .foreign import printable

CONFIG, PROGRESS, EVALUATION = "config.json", "progress.csv", "evaluation.json"
FINISHED = "FINISHED"
MAX_JSON, MAX_CSV = 2**20, 2**24  # bytes
MAX_ROWS = 100_000  # one per epoch
COUNTS = ("steps/", "time/total")  # columns with these prefixes never decrease
MOST = 1e15  # larger numbers of steps or seconds are refused


def find_folders(
    paths: Iterable[str | Path], names: tuple[str, ...] = (CONFIG,)
) -> list[Path]:
    """The folders at or below `paths` that hold one of these files, without repeats."""
    found: dict[Path, Path] = {}
    for path in paths:
        for place, folders, files in os.walk(Path(path).expanduser()):
            if not {*folders, *files}.isdisjoint(names):
                found.setdefault(Path(place).resolve(), Path(place))
    return sorted(found.values())


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
      ValueError: it does not hold one.
    """
    try:
        content = json.loads(read_file(path, MAX_JSON))
        if not isinstance(content, dict):
            raise ValueError(
                f"it must hold a JSON object, found a {type(content).__name__}"
            )
    except DAMAGE as error:
        raise _unreadable(path, error) from None
    return content


def read_flags(folder: Path) -> dict[str, Any]:
    """The settings of the run in a folder; lists and dictionaries become JSON text.

    Raises:
      ValueError: the folder has no config.json with settings.
    """
    path = folder / CONFIG
    flags = read_object(path).get("config")
    try:
        if not isinstance(flags, dict):
            raise ValueError("it has no settings under `config`")
        if not isinstance(flags.get("env", ""), str):
            raise ValueError(f"env must be text, found {flags['env']!r:.80}")
        plain = str, int, float, type(None)
        return {
            k: v if isinstance(v, plain) else json.dumps(v) for k, v in flags.items()
        }
    except DAMAGE as error:
        raise _unreadable(path, error) from None


def read_columns(folder: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Columns [epochs] of the progress.csv in a folder; they may be empty.

    An incomplete row, from a run that was killed, is ignored.

    Raises:
      ValueError: the file or a column does not exist, or a cell holds no number.
    """
    path = folder / PROGRESS
    try:
        data = read_file(path, MAX_CSV)
        rows = csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8", newline=""))
        columns = _columns(rows, list(names))
    except (*DAMAGE, csv.Error) as error:
        raise _unreadable(path, error) from None
    return columns


def read_header(folder: Path) -> list[str]:
    """The names of the columns of the progress.csv in a folder; [] if it is empty.

    Raises:
      ValueError: the file does not exist or cannot be read.
    """
    path = folder / PROGRESS
    try:
        text = read_file(path, MAX_CSV).partition(b"\n")[0].decode()
        return next(csv.reader([text]), [])
    except (*DAMAGE, csv.Error) as error:
        raise _unreadable(path, error) from None


def _columns(rows: Iterator[list[str]], names: list[str]) -> dict[str, np.ndarray]:
    header = next(rows, None)
    if header is None:
        return {name: np.zeros(0) for name in names}
    for name in names:
        if name not in header:
            known = [title for title in header[:100] if len(title) < 100]
            raise ValueError(f"it has no column {name}{nearest(name, known)}")
    places = [header.index(name) for name in names]
    values: list[list[float]] = [[] for _ in names]
    for n, row in enumerate(rows):
        if n == MAX_ROWS:
            raise ValueError(f"it has more than {MAX_ROWS} rows")
        if len(row) < len(header):
            continue
        for name, place, column in zip(names, places, values):
            column.append(_number(row[place], name, n + 1))
    columns = {name: np.array(found) for name, found in zip(names, values)}
    for name in columns:
        if name.startswith(COUNTS):
            _require_count(name, columns[name])
    return columns


def _number(cell: str, name: str, row: int) -> float:
    try:
        return float(cell)
    except ValueError:
        raise ValueError(
            f"row {row} must hold a number in {name}, found {cell[:80]!r}"
        ) from None


def _require_count(name: str, column: np.ndarray) -> None:
    is_count = (column >= 0) & (column <= MOST)
    if not is_count.all():
        row = int(np.flatnonzero(~is_count)[0])
        raise ValueError(
            f"row {row + 1} must hold a number from 0 to {MOST:g} in {name}, found "
            f"{column[row]:g}"
        )
    falls = np.flatnonzero(np.diff(column) < 0)
    if len(falls):
        raise ValueError(f"{name} must never decrease, but does in row {falls[0] + 2}")


def _unreadable(path: Path, error: BaseException) -> ValueError:
    return ValueError(f"{printable(path)} cannot be read: {reason_of(error)}")
