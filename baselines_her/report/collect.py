"""What a report shows of run folders, as plain data.

Folders may come from anywhere: everything is read by `runs.history`, and text is made
printable here and never becomes part of the page's code.
"""

import base64
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..algorithms import entry
from ..runs import labels
from ..runs.arrays import DAMAGE, read_file
from ..runs.foreign import printable
from ..runs.history import (
    EVALUATION,
    find_folders,
    read_columns,
    read_flags,
    read_header,
    read_object,
)
from ..runs.listing import read_progress
from ..runs.plot import settings_of

MOST_NUMBERS = 120_000  # in all curves together: about 0.9 MB
MOST_RUNS = 60
LONGEST = 100  # characters of a name or a setting
MOST_FILM = 3 * 2**20  # bytes of the film of a run
AXES = "steps/env", "time/total", "steps/updates"


class Goals(NamedTuple):
    """The goals of evaluated episodes, and which were reached."""

    goal: np.ndarray  # [E, G], G at least 2
    success: np.ndarray  # [E] bool


class Run(NamedTuple):
    """A run as a report shows it."""

    name: str
    group: str  # runs with equal settings but the seed
    facts: dict[str, str]  # for the table
    settings: dict[str, str]
    columns: dict[str, list[float | None]]
    panels: tuple[str, ...]  # columns that are drawn first
    goals: Goals | None
    film: str  # a data URL, or empty


def collect(paths: Iterable[Path], with_films: bool = True) -> list[Run]:
    """The runs at or below these folders.

    Raises:
      ValueError: there is none with rows, there are too many, or a file is damaged.
    """
    paths = list(paths)
    folders = [f for f in find_folders(paths) if (f / "progress.csv").exists()]
    if not folders:
        raise ValueError(
            f"a run with rows must be in {printable(paths[0])}, found none."
        )
    if len(folders) > MOST_RUNS:
        raise ValueError(
            f"a report shows at most {MOST_RUNS} runs, found {len(folders)}.  Name "
            "fewer folders."
        )
    flags = [read_flags(folder) for folder in folders]
    groups = _groups(flags)
    n = sum(len(read_header(folder)) for folder in folders)
    most_rows = max(20, MOST_NUMBERS // max(n, 1))
    runs = [
        _run(folder, own, group, most_rows, with_films)
        for folder, own, group in zip(folders, flags, groups)
    ]
    found = [run for run in runs if run.columns.get("steps/env")]
    if not found:
        raise ValueError(
            f"a run with rows must be in {printable(paths[0])}, found only "
            f"{printable(folders[0])} without rows."
        )
    return found


def differing(runs: list[Run]) -> list[str]:
    """The names of settings that are not equal in all runs."""
    names = sorted({name for run in runs for name in run.settings})
    return [n for n in names if len({run.settings.get(n, "") for run in runs}) > 1]


def _run(
    folder: Path, flags: dict[str, Any], group: str, most_rows: int, with_films: bool
) -> Run:
    progress = read_progress(folder)
    seed = flags.get("seed")
    facts = {
        "environment": _short(flags.get("env", "")),
        "preset": _short(flags.get("preset", "")),
        "seed": _short(seed),
        "env steps": progress.steps,
        "latest": progress.score,
        "minutes": progress.minutes,
        "state": progress.state,
    }
    settings = {k: _short(v) for k, v in settings_of(flags).items()}
    names = read_header(folder)
    columns = {k: _thin(v, most_rows) for k, v in read_columns(folder, names).items()}
    return Run(
        name=_short(folder.name),
        group=group,
        facts=facts,
        settings=settings,
        columns=columns,
        panels=_panels(flags, columns),
        goals=read_goals(folder),
        film=_film(folder) if with_films else "",
    )


def _groups(flags: list[dict[str, Any]]) -> list[str]:
    """A title for each run, by the settings that differ; equal but for the seed."""
    known = [
        {k: v for k, v in settings_of(own).items() if v is not None} for own in flags
    ]
    keys = [json.dumps(k, sort_keys=True) for k in known]
    first = {key: own for key, own in zip(reversed(keys), reversed(known))}
    unique = list(dict.fromkeys(keys))
    titles = dict(zip(unique, labels.titles([first[key] for key in unique])))
    return [_short(titles[key]) for key in keys]


def _panels(flags: dict[str, Any], columns: dict[str, Any]) -> tuple[str, ...]:
    try:
        known = tuple(entry(str(flags.get("alg", "her"))).panels)
    except ValueError:
        known = ()
    more = [c for c in ("loss/critic", "loss/value", "loss/policy") if c in columns]
    return tuple(c for c in (*known, *more) if c in columns)


def _thin(values: np.ndarray, most: int) -> list[float | None]:
    """At most `most` values, the last among them, with five digits; NaN as None."""
    step = max(1, math.ceil(len(values) / most))
    chosen = values[::-1][::step][::-1]
    return [float(f"{v:.5g}") if math.isfinite(v) else None for v in chosen]


def read_goals(folder: Path) -> Goals | None:
    """Goals and success of the episodes in evaluation.json, if it holds them.

    Raises:
      ValueError: what it holds is damaged.
    """
    if not (folder / EVALUATION).exists():
        return None
    each = read_object(folder / EVALUATION).get("latest_each")
    if not isinstance(each, dict) or "goal" not in each:
        return None
    try:
        goal = np.array(each["goal"], float)
        success = np.array(each["success"], float)
        good = goal.ndim == 2 and goal.shape[1] >= 2 and len(goal) == len(success) > 0
        if not good or success.ndim != 1 or not np.isfinite(goal).all():
            raise ValueError("goals and successes do not belong together")
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(
            f"{printable(folder / EVALUATION)} must hold a goal and a success for each "
            f"episode: {error}"
        ) from None
    return Goals(goal, success > 0.5)


def _film(folder: Path) -> str:
    """The latest film of a run as a data URL, if there is one and it is not large.

    Links are not followed: a folder from elsewhere could name any file of this machine.
    """
    videos = folder / "videos"
    films = (
        [] if videos.is_symlink() else sorted(videos.glob("epoch_*.mp4"), key=_epoch)
    )
    if not films or films[-1].is_symlink() or not films[-1].is_file():
        return ""
    try:
        data = base64.b64encode(read_file(films[-1], MOST_FILM)).decode()
    except (*DAMAGE, OSError):  # larger, or not readable
        return ""
    return f"data:video/mp4;base64,{data}"


def _epoch(path: Path) -> int:
    digits = path.stem.removeprefix("epoch_")
    return int(digits) if digits.isdigit() else -1


def _short(value: Any) -> str:
    return "" if value is None else printable(value, LONGEST)
