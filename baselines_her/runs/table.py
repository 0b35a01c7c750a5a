"""Results of runs as a Markdown table: `python experiment/table.py results/pick`.

Reads the folders that `experiment/benchmark.py` and `bench/run.py train` keep, and any
other finished run.  Success is that of the final policy over 100 episodes, for each
seed.  A star marks a run without evaluation.json: its success is the mean of its last
five evaluations.  A level is reached at the end of the first three evaluations in a
row (20 episodes each) whose mean is at least as high.  Minutes come from progress.csv:
ours include evaluations, the peers' do not.

`--env_steps=400000` and `--minutes=12` compare runs of different lengths: each run is
cut there, and its success is the mean of the last five evaluations before the cut.
`--column=test/mean_Q` shows another column of progress.csv instead of success: the mean
of its last five values.
"""

import argparse
import math
import os
import sys
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from ..cli.command import Parser, run_command
from .foreign import printable
from .history import (
    EVALUATION,
    FINISHED,
    PROGRESS,
    find_folders,
    read_columns,
    read_flags,
    read_object,
)

SUCCESS = "test/success_rate"
HEADER = (
    ("run", "{score} (seeds)", "median", "in the air, on the table", "env steps"),
    ("minutes", "env steps to {level:g}", "minutes to {level:g}"),
)
IN_A_ROW = 3
LAST = 5  # evaluations that represent the policy if a run is cut
ESTIMATED = "*"
FOOTNOTE = f"{ESTIMATED} mean of the last {LAST} evaluations: no {EVALUATION}"


class Result(NamedTuple):
    """One finished run."""

    score: float  # of the final policy
    is_estimate: bool  # from its last evaluations, without evaluation.json
    heights: tuple[float, float] | None  # success in the air and on the table
    steps: np.ndarray  # [epochs]
    minutes: np.ndarray
    scores: np.ndarray


def read_result(folder: Path, column: str = SUCCESS) -> Result:
    """The result in a folder of results.

    Raises:
      ValueError: a file is missing, damaged, or without rows.
    """
    names = "steps/env", "time/total", column
    steps, seconds, scores = read_columns(folder, names).values()
    if not len(steps):
        raise ValueError(
            f"a finished run must have rows in {PROGRESS}, found none in "
            f"{printable(folder / PROGRESS)}."
        )
    env = read_flags(folder).get("env", "")
    latest, heights = float(scores[-LAST:].mean()), None
    is_estimate = column == SUCCESS and not os.path.lexists(folder / EVALUATION)
    if column == SUCCESS and not is_estimate:
        found = read_evaluation(folder)
        latest = found["latest"]
        if env.startswith("FetchPickAndPlace") and "latest_air" in found:
            heights = found["latest_air"], found["latest_table"]
    return Result(latest, is_estimate, heights, steps, seconds / 60.0, scores)


def read_evaluation(folder: Path) -> dict[str, float]:
    """Success of the final policy, and by the goal's height if that is recorded.

    Raises:
      ValueError: an entry is missing or not a number from 0 to 1.
    """
    content = read_object(folder / EVALUATION)
    names = ["latest"]
    if "latest_air" in content or "latest_table" in content:
        names += ["latest_air", "latest_table"]
    for name in names:
        value: Any = content.get(name)
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise ValueError(
                f"{printable(folder / EVALUATION)} must hold a number from 0 to 1 as "
                f"{name}, found {printable(repr(value), 80)}."
            )
    return {name: float(content[name]) for name in names}


def cut(path: Path, result: Result, env_steps: float, minutes: float) -> Result:
    """The run up to this many steps or minutes, whichever came first."""
    if env_steps == minutes == math.inf:
        return result
    if result.steps[-1] < env_steps and result.minutes[-1] < minutes:
        raise ValueError(
            f"a run must not end before the cut, found {printable(path)} with "
            f"{_short(result.steps[-1])} steps in {result.minutes[-1]:.1f} minutes."
        )
    kept = (result.steps <= env_steps) & (result.minutes <= minutes)
    steps, times, scores = (
        x[kept] for x in (result.steps, result.minutes, result.scores)
    )
    if len(scores) < LAST:
        raise ValueError(
            f"a run must have {LAST} evaluations before the cut, found "
            f"{len(scores)} in {printable(path)}.  Cut later."
        )
    return Result(float(scores[-LAST:].mean()), False, None, steps, times, scores)


def reached(scores: np.ndarray, level: float) -> int | None:
    """The epoch that ends the first `IN_A_ROW` whose mean is at least `level`."""
    if len(scores) < IN_A_ROW:
        return None
    means = np.convolve(scores, np.full(IN_A_ROW, 1.0 / IN_A_ROW), mode="valid")
    found = np.flatnonzero(means >= level - 1e-9)
    return int(found[0]) + IN_A_ROW - 1 if len(found) else None


def row_of(name: str, results: list[Result], level: float) -> list[str]:
    """The table's row for the seeds of one run."""
    first = [reached(r.scores, level) for r in results]
    steps = ["-" if n is None else _short(r.steps[n]) for r, n in zip(results, first)]
    minutes = [
        "-" if n is None else f"{r.minutes[n]:.1f}" for r, n in zip(results, first)
    ]
    return [
        name,
        ", ".join(f"{r.score:.2f}{ESTIMATED * r.is_estimate}" for r in results),
        f"{median(r.score for r in results):.2f}",
        _heights(results),
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
    column: str = SUCCESS,
) -> str:
    """The Markdown table of all finished runs in these folders, cut if wanted."""
    groups: dict[str, list[Result]] = {}
    for path in find_folders(folders, (EVALUATION, FINISHED)):
        result = cut(path, read_result(path, column), env_steps, minutes)
        groups.setdefault(name_of(path), []).append(result)
    if not groups:
        n_begun = len(find_folders(folders))
        found = f"{n_begun} unfinished" if n_begun else "none"
        raise ValueError(
            f"a finished run must be in {printable(folders[0])}, found {found}."
        )
    score = "success" if column == SUCCESS else column
    names = {"level": level, "score": _cell(score)}
    header = [cell.format(**names) for part in HEADER for cell in part]
    rows = [header, ["---"] * len(header)]
    rows += [row_of(name, results, level) for name, results in groups.items()]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if any(result.is_estimate for results in groups.values() for result in results):
        lines += "", FOOTNOTE
    return "\n".join(lines)


def name_of(path: Path) -> str:
    """The name that the seeds of one run share: "pick: run" for pick/run_seed0."""
    path = path.absolute()
    run, mark, _ = path.name.rpartition("_seed")
    return _cell(f"{path.parent.name}: {run if mark else path.name}")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(
        prog="table.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--level", type=float, default=0.95)
    parser.add_argument("--env_steps", type=float, default=math.inf)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--column", default=SUCCESS, help="of progress.csv")
    return run_command(_print, **vars(parser.parse_args(arguments)))


def _print(**options) -> None:
    print(table(**options))


def _cell(text: str) -> str:
    """Text that is safe for the terminal and the table."""
    return printable(text, 200).replace("|", "\\|")


def _short(steps: float) -> str:
    return f"{steps / 1e3:g}k" if steps < 100_000 else f"{steps / 1e6:g}M"


def _heights(results: list[Result]) -> str:
    found = [r.heights for r in results if r.heights is not None]
    if len(found) < len(results):
        return "-"
    return ", ".join(f"{median(values):.2f}" for values in zip(*found))


if __name__ == "__main__":
    sys.exit(main())
