"""Results of runs as a Markdown table: `python experiment/table.py results/pick`.

Reads the folders that `experiment/benchmark.py` and `bench/run.py train` keep.
Success is that of the final policy over 100 episodes, seed by seed.  A level is reached
where the mean of three evaluations in a row (20 episodes each) is at least as high; of
those three the last one counts.  Minutes are those of progress.csv: ours hold the
evaluations, the peers' do not.

`--env_steps=400000` and `--minutes=12` compare runs of different lengths: each is cut
there, and its success is the mean of the last five evaluations before.
"""

import argparse
import csv
import json
import math
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from ..cli.command import Parser, run_command

HEADER = (
    ("run", "success (seeds)", "median", "in the air, on the table", "env steps"),
    ("minutes", "env steps to {level:g}", "minutes to {level:g}"),
)
IN_A_ROW = 3
LAST = 5  # evaluations that stand for the policy where a run is cut


class Result(NamedTuple):
    """One finished run."""

    found: dict[str, Any]  # evaluation.json
    steps: np.ndarray  # [epochs]
    minutes: np.ndarray
    success: np.ndarray
    has_heights: bool  # some goals lie on the table, some in the air


def read_result(folder: Path) -> Result:
    """The result in a folder of results."""
    found = json.loads((folder / "evaluation.json").read_text())
    with (folder / "progress.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = "steps/env", "time/total", "test/success_rate"
    steps, seconds, success = (np.array([float(r[n]) for r in rows]) for n in names)
    config = json.loads((folder / "config.json").read_text())["config"]
    has_heights = config["env"].startswith("FetchPickAndPlace")
    return Result(found, steps, seconds / 60.0, success, has_heights)


def cut(path: Path, result: Result, env_steps: float, minutes: float) -> Result:
    """The run as it was after so many steps or minutes, whichever came first."""
    if env_steps == minutes == math.inf:
        return result
    if result.steps[-1] < env_steps and result.minutes[-1] < minutes:
        raise ValueError(
            f"a run must go as far as it is cut, found {path} with "
            f"{_short(result.steps[-1])} steps in {result.minutes[-1]:.1f} minutes."
        )
    kept = (result.steps <= env_steps) & (result.minutes <= minutes)
    steps, times, success = (x[kept] for x in result[1:4])
    if len(success) < LAST:
        raise ValueError(
            f"a run must have {LAST} evaluations up to where it is cut, found "
            f"{len(success)} in {path}.  Cut later."
        )
    found = {"latest": float(success[-LAST:].mean())}
    return Result(found, steps, times, success, has_heights=False)


def reached(success: np.ndarray, level: float) -> int | None:
    """The epoch that ends the first `IN_A_ROW` whose mean is at least `level`."""
    if len(success) < IN_A_ROW:
        return None
    means = np.convolve(success, np.full(IN_A_ROW, 1.0 / IN_A_ROW), mode="valid")
    found = np.flatnonzero(means >= level - 1e-9)
    return int(found[0]) + IN_A_ROW - 1 if len(found) else None


def row_of(name: str, results: list[Result], level: float) -> list[str]:
    """The table's row for the seeds of one run."""
    success = [r.found["latest"] for r in results]
    first = [reached(r.success, level) for r in results]
    steps = ["-" if n is None else _short(r.steps[n]) for r, n in zip(results, first)]
    minutes = [
        "-" if n is None else f"{r.minutes[n]:.1f}" for r, n in zip(results, first)
    ]
    return [
        name,
        ", ".join(f"{s:.2f}" for s in success),
        f"{median(success):.2f}",
        _places(results),
        _short(max(r.steps[-1] for r in results)),
        ", ".join(f"{r.minutes[-1]:.1f}" for r in results),
        ", ".join(steps),
        ", ".join(minutes),
    ]


def table(
    folders: list[Path],
    level: float,
    env_steps: float = math.inf,
    minutes: float = math.inf,
) -> str:
    """The Markdown table of all finished runs in these folders, cut there."""
    groups: dict[str, list[Result]] = {}
    for path in sorted(p.parent for f in folders for p in f.rglob("evaluation.json")):
        name = f"{path.parent.name}: {path.name.rpartition('_seed')[0]}"
        groups.setdefault(name, []).append(
            cut(path, read_result(path), env_steps, minutes)
        )
    if not groups:
        raise ValueError(f"a finished run must be in {folders[0]}, found none.")
    header = [cell.format(level=level) for part in HEADER for cell in part]
    rows = [header, ["---"] * len(header)]
    rows += [row_of(name, results, level) for name, results in groups.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--level", type=float, default=0.95)
    parser.add_argument("--env_steps", type=float, default=math.inf)
    parser.add_argument("--minutes", type=float, default=math.inf)
    return run_command(_print, parser.parse_args(arguments))


def _print(options: argparse.Namespace) -> None:
    print(table(options.folders, options.level, options.env_steps, options.minutes))


def _short(steps: float) -> str:
    return f"{steps / 1e3:g}k" if steps < 100_000 else f"{steps / 1e6:g}M"


def _places(results: list[Result]) -> str:
    places = "latest_air", "latest_table"
    if not all(r.has_heights for r in results):
        return "-"
    values = (median(r.found[place] for r in results) for place in places)
    return ", ".join(f"{value:.2f}" for value in values)
