"""Results of runs as a Markdown table: `python experiment/table.py results/pick`.

Reads the folders that `experiment/benchmark.py` and `bench/run.py train` keep, and any
other finished run.  The score is that of the final policy over 100 episodes, for each
seed: success, or in tasks without goals the return.  A star marks a run without
evaluation.json: its score is the mean of its last five evaluations.  Runs with success
and runs with returns get a table each.

The interval of a success rate is Wilson's, at 95 %, over the episodes of all seeds
together; it does not include how much seeds differ.

Success reaches a level at the end of the first three evaluations in a row (20 episodes
each) whose mean is at least as high.  A return reaches a level at the second of the
first two evaluations in a row that are both at least as high.  The highest mean in
training is the highest point of the seeds' mean curve, which is what some libraries
publish.  Deviations are those of a sample (n - 1).  Minutes come from progress.csv:
ours include evaluations, the peers' do not.

`--env_steps=400000` and `--minutes=12` compare runs of different lengths: each run is
cut there, and its score is the mean of the last five evaluations before the cut.
`--column=test/mean_Q` shows another column of progress.csv instead of the score: the
mean of its last five values.
"""

import argparse
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean, median, stdev
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
    read_header,
    read_object,
)
from .intervals import wilson

MOST_EPISODES = 10**9
LAST = 5  # evaluations that represent the policy if a run is cut
ESTIMATED = "*"
FOOTNOTE = f"{ESTIMATED} mean of the last {LAST} evaluations: no {EVALUATION}"


class Result(NamedTuple):
    """One finished run."""

    score: float  # of the final policy
    is_estimate: bool  # from its last evaluations, without evaluation.json
    heights: tuple[float, float] | None  # success in the air and on the table
    n_episodes: int | None  # behind the score, if they are known
    steps: np.ndarray  # [epochs]
    minutes: np.ndarray
    scores: np.ndarray


class Score(NamedTuple):
    """A column of progress.csv by which runs are compared, and how it is shown."""

    column: str
    title: str
    form: str  # of its numbers
    low: float  # range of its values in evaluation.json
    high: float
    in_a_row: int  # consecutive evaluations that show that a level is reached
    joined: Callable[..., Any]  # what of them must be as high as the level
    level: float | None  # the one looked for by default
    summaries: Mapping[str, Callable[[list[Result]], str]]  # of all seeds, by title


def success_of(column: str, title: str) -> Score:
    """The score of tasks with goals; `--column` shows other columns in its way."""
    shown = {
        "median": lambda results: f"{median(r.score for r in results):.2f}",
        "95 % interval": _interval,
        "in the air, on the table": _heights,
    }
    return Score(column, title, "{:.2f}", 0.0, 1.0, 3, np.mean, 0.95, shown)


def return_score() -> Score:
    """The score of tasks without goals."""
    shown = {
        "mean": lambda results: _mean_and_deviation([r.score for r in results]),
        "highest mean in training": _highest,
    }
    inf = math.inf
    return Score("test/return", "return", "{:.0f}", -inf, inf, 2, np.min, None, shown)


def read_result(folder: Path, score: Score) -> Result:
    """The result in a folder of results.

    Raises:
      ValueError: a file is missing, damaged, or without rows.
    """
    names = "steps/env", "time/total", score.column
    steps, seconds, scores = read_columns(folder, names).values()
    if not len(steps):
        raise ValueError(
            f"a finished run must have rows in {PROGRESS}, found none in "
            f"{printable(folder / PROGRESS)}."
        )
    env = read_flags(folder).get("env", "")
    latest, heights, n_episodes = float(scores[-LAST:].mean()), None, None
    is_main = score.column in MAIN
    is_estimate = is_main and not os.path.lexists(folder / EVALUATION)
    if is_main and not is_estimate:
        found = read_evaluation(folder, score)
        latest, n_episodes = found["latest"], int(found.get("episodes", 0)) or None
        if env.startswith("FetchPickAndPlace") and "latest_air" in found:
            heights = found["latest_air"], found["latest_table"]
    known = latest, is_estimate, heights, n_episodes
    return Result(*known, steps, seconds / 60.0, scores)


def read_evaluation(folder: Path, score: Score) -> dict[str, float]:
    """The final policy's score, and by the goal's height if that is recorded.

    Raises:
      ValueError: an entry is missing or not a number in the score's range.
    """
    content = read_object(folder / EVALUATION)
    names = ["latest"]
    if "latest_air" in content or "latest_table" in content:
        names += ["latest_air", "latest_table"]
    allowed = f" from {score.low:g} to {score.high:g}" if score.high < math.inf else ""
    for name in names:
        value: Any = content.get(name)
        is_number = type(value) in (int, float) and math.isfinite(value)
        if not is_number or not score.low <= value <= score.high:
            raise ValueError(
                f"{printable(folder / EVALUATION)} must hold a number{allowed} as "
                f"{name}, found {printable(repr(value), 80)}."
            )
    found = {name: float(content[name]) for name in names}
    n_episodes: Any = content.get("episodes")
    if type(n_episodes) is int and 0 < n_episodes <= MOST_EPISODES:
        found["episodes"] = float(n_episodes)
    return found


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
    latest = float(scores[-LAST:].mean())
    return Result(latest, False, None, None, steps, times, scores)


def reached(scores: np.ndarray, level: float, score: Score) -> int | None:
    """The epoch that ends the first evaluations in a row that reach `level`."""
    n = score.in_a_row
    if len(scores) < n:
        return None
    joined = score.joined(np.lib.stride_tricks.sliding_window_view(scores, n), axis=1)
    found = np.flatnonzero(joined >= level - 1e-9)
    return int(found[0]) + n - 1 if len(found) else None


def row_of(name: str, results: list[Result], score: Score, level: float | None):
    """The table's row for the seeds of one run: its cells by column title."""
    cells = {
        "run": name,
        f"{_cell(score.title)} (seeds)": ", ".join(
            score.form.format(r.score) + ESTIMATED * r.is_estimate for r in results
        ),
        **{title: shown(results) for title, shown in score.summaries.items()},
        "env steps": _short(max(r.steps[-1] for r in results)),
        "minutes": ", ".join(f"{r.minutes[-1]:.1f}" for r in results),
    }
    if level is None:
        return cells
    first = [(r, reached(r.scores, level, score)) for r in results]
    steps = ["-" if n is None else _short(r.steps[n]) for r, n in first]
    minutes = ["-" if n is None else f"{r.minutes[n]:.1f}" for r, n in first]
    return cells | {
        f"env steps to {level:g}": ", ".join(steps),
        f"minutes to {level:g}": ", ".join(minutes),
    }


def table(
    folders: list[Path],
    level: float | None = None,
    env_steps: float = math.inf,
    minutes: float = math.inf,
    column: str | None = None,
) -> str:
    """Markdown tables of all finished runs in these folders, cut if wanted."""
    groups: dict[str, dict[str, list[Result]]] = {}
    for path in find_folders(folders, (EVALUATION, FINISHED)):
        score = score_of(path, column)
        result = cut(path, read_result(path, score), env_steps, minutes)
        runs = groups.setdefault(score.column, {})
        runs.setdefault(name_of(path), []).append(result)
    if not groups:
        n_begun = len(find_folders(folders))
        found = f"{n_begun} unfinished" if n_begun else "none"
        raise ValueError(
            f"a finished run must be in {printable(folders[0])}, found {found}."
        )
    parts = []
    for name, runs in groups.items():
        score = MAIN.get(name) or success_of(name, name)
        wanted = score.level if level is None else level
        rows = [row_of(run, results, score, wanted) for run, results in runs.items()]
        lines = [[*rows[0]], ["---"] * len(rows[0]), *([*r.values()] for r in rows)]
        parts.append("\n".join(f"| {' | '.join(cells)} |" for cells in lines))
    results = [r for runs in groups.values() for found in runs.values() for r in found]
    if any(result.is_estimate for result in results):
        parts.append(FOOTNOTE)
    return "\n\n".join(parts)


def score_of(folder: Path, column: str | None) -> Score:
    """How the run in a folder is scored: by `column`, or by what it has logged."""
    if column is not None:
        return MAIN.get(column) or success_of(column, column)
    logged = read_header(folder)
    return next((MAIN[name] for name in MAIN if name in logged), MAIN[SUCCESS])


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
    parser.add_argument(
        "--level", type=float, help="default: 0.95 for success, none for returns"
    )
    parser.add_argument("--env_steps", type=float, default=math.inf)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--column", help="of progress.csv")
    return run_command(_print, **vars(parser.parse_args(arguments)))


def _print(**options) -> None:
    print(table(**options))


def _cell(text: str) -> str:
    """Text that is safe for the terminal and the table."""
    return printable(text, 200).replace("|", "\\|")


def _short(steps: float) -> str:
    return f"{steps / 1e3:.3g}k" if steps < 100_000 else f"{steps / 1e6:.3g}M"


def _mean_and_deviation(values: list[float]) -> str:
    spread = f" ± {stdev(values):.0f}" if len(values) > 1 else ""
    return f"{mean(values):.0f}{spread}"


def _interval(results: list[Result]) -> str:
    """Of the rate over the episodes of all seeds together, by Wilson."""
    counts = [(r.score * r.n_episodes, r.n_episodes) for r in results if r.n_episodes]
    if len(counts) < len(results):
        return "-"
    n_successes, n = (sum(column) for column in zip(*counts))
    low, high = wilson(min(n_successes, n), n)
    return f"{low:.2f} to {high:.2f}"


def _highest(results: list[Result]) -> str:
    """The highest point of the seeds' mean curve, and the deviation there."""
    n = min(len(r.scores) for r in results)
    curves = np.stack([r.scores[:n] for r in results])
    best = int(np.argmax(curves.mean(axis=0)))
    return _mean_and_deviation(curves[:, best].tolist())


def _heights(results: list[Result]) -> str:
    found = [r.heights for r in results if r.heights is not None]
    if len(found) < len(results):
        return "-"
    return ", ".join(f"{median(values):.2f}" for values in zip(*found))


SUCCESS, RETURN = "test/success_rate", "test/return"
MAIN = {SUCCESS: success_of(SUCCESS, "success"), RETURN: return_score()}


if __name__ == "__main__":
    sys.exit(main())
