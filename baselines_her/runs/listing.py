"""`baselines-her runs`: the run folders below a folder, one line each."""

import math
import sys
from pathlib import Path
from typing import NamedTuple

from ..cli.command import Parser, run_command
from .foreign import printable
from .history import (
    EVALUATION,
    FINISHED,
    PROGRESS,
    find_folders,
    read_columns,
    read_flags,
    read_header,
)

SCORES = {"test/success_rate": "success {:.2f}", "test/return": "return {:,.0f}"}
HEADER = "folder", "environment", "preset", "env steps", "latest", "minutes", "state"


class Progress(NamedTuple):
    """How far a run is, as text."""

    steps: str = ""
    score: str = ""
    minutes: str = ""
    state: str = "no epoch yet"


def listing(root: Path) -> str:
    """The table of all runs at or below `root`.

    Raises:
      ValueError: there is none.
    """
    root = root.expanduser()
    folders = find_folders([root])
    if not folders:
        raise ValueError(f"a run must be in {printable(root)}, found none.")
    rows = [HEADER, *(row_of(folder, root) for folder in folders)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def row_of(folder: Path, root: Path) -> tuple[str, ...]:
    """The cells of one run; those of a damaged folder are empty."""
    name = printable(folder.relative_to(root) if folder != root else folder)
    try:
        flags, progress = read_flags(folder), read_progress(folder)
    except ValueError:
        return name, "", "", *Progress(state="damaged")
    env, preset = (printable(flags.get(k, "")) for k in ("env", "preset"))
    return name, env, preset, *progress


def read_progress(folder: Path) -> Progress:
    """How far the run in a folder is.

    Raises:
      ValueError: its progress.csv is damaged.
    """
    if not (folder / PROGRESS).exists():
        return Progress()
    logged = read_header(folder)
    scores = [name for name in SCORES if name in logged][:1]
    columns = read_columns(folder, ["steps/env", "time/total", *scores])
    if not len(columns["steps/env"]):
        return Progress()
    steps, seconds, *score = (float(values[-1]) for values in columns.values())
    shown = [SCORES[k].format(x) for k, x in zip(scores, score) if math.isfinite(x)]
    is_finished = any((folder / name).exists() for name in (FINISHED, EVALUATION))
    state = "finished" if is_finished else "unfinished"
    return Progress(f"{steps:,.0f}", "".join(shown), f"{seconds / 60:.1f}", state)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(prog="runs", description="List run folders.", allow_abbrev=False)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("logs"), help="default: logs"
    )
    return run_command(_print, **vars(parser.parse_args(arguments)))


def _print(folder: Path) -> None:
    print(listing(folder))


if __name__ == "__main__":
    sys.exit(main())
