"""Curves of runs: success and mean Q, grouped by settings, over seeds.

The band is the inter-quartile range over seeds, or with `iqm` a 95 % bootstrap interval
of the inter-quartile mean (Agarwal et al. 2021, arXiv:2108.13264).

A curve ends where fewer than half of its runs continue, and at every point it is
computed from the runs that reach that point.  So one aborted run does not hide the
others.  A run whose number of environment steps differs by more than a tenth from its
group's curve is also drawn alone, as a thin line, and the legend counts it.  Every line
ends in a dot, so that a run of one epoch is visible.
"""

import argparse
import io
import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ..algorithms import DEFAULT, NAMES, entry
from ..cli.command import Parser, run_command
from ..config import fields_of, plain
from ..settings.fields import has_effect, nearest
from . import labels as names_of
from .arrays import reason_of
from .files import write_atomically
from .folder import FREE
from .foreign import printable
from .history import PROGRESS, find_folders, read_columns, read_flags, read_header

MISSING = "plotting needs matplotlib.  Run: pip install 'baselines-her[plot]'"
AXES = {
    "env_steps": ("steps/env", 1.0, "environment steps"),
    "minutes": ("time/total", 60.0, "wall-clock time (minutes)"),
    "updates": ("steps/updates", 1.0, "updates"),
}
UNTOLD = {*FREE, "seed", "preset"} - {"num_cpu"}  # do not distinguish groups
LARGE = 1000.0  # larger values get a logarithmic axis: a critic that diverged
LARGEST = 1e30  # larger values are drawn at this one
STATISTICS = {
    "median": "line: median of the seeds, band: their quartiles",
    "iqm": "line: mean of the middle half of the seeds (a seed at its edge counts in "
    "part), band: 95 % bootstrap interval over seeds",
}
SUFFIXES = (".png", ".svg", ".pdf")
GRID = 200
WIDEST = 95  # characters of a line in the legend
PER_ROW = 3  # panels
ODD = 0.1  # a run with this share more or fewer steps is drawn alone


class Run(NamedTuple):
    """One run folder."""

    path: Path
    seed: Any
    settings: dict[str, Any]
    columns: dict[str, np.ndarray]
    panels: Mapping[str, str]  # column -> title


def plot(
    paths: Iterable[str | Path],
    x: str = "env_steps",
    out: str | Path | None = None,
    statistic: str = "median",
    labels: Iterable[str] | None = None,
    columns: Iterable[str] | None = None,
) -> Any:
    """Draws the curves of runs and returns the matplotlib figure.

    Args:
      paths: run folders, or folders that contain run folders.
      x: "env_steps", "minutes" or "updates".
      out: also write the figure to this file (.png, .svg, .pdf).
      statistic: "median" with inter-quartile band, or "iqm" with bootstrap interval.
      labels: of the groups, in order, instead of the settings that differ.
      columns: of progress.csv to draw, instead of the algorithm's usual ones.

    Raises:
      ValueError: no run is found, or an argument has none of these values.
      RuntimeError: matplotlib is not installed.
    """
    for value, known in (x, tuple(AXES)), (statistic, tuple(STATISTICS)):
        if value not in known:
            raise ValueError(f"it must be one of {', '.join(known)}, found {value!r}.")
    if out is not None and Path(out).suffix not in SUFFIXES:
        endings = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise ValueError(f"out must end in {endings}, found {out}.")
    groups = grouped(find_runs(paths, columns), labels)
    if not labels:  # so that a dollar sign in a setting does not begin a formula
        groups = {title.replace("$", r"\$"): runs for title, runs in groups.items()}
    figure = _figure(groups, x, statistic)
    if out is not None:
        _save(figure, Path(out).expanduser())
    return figure


def find_runs(
    paths: Iterable[str | Path], columns: Iterable[str] | None = None
) -> list[Run]:
    """The runs in these folders, in the order of their names.

    A run without progress.csv, or without rows in it, has only begun and is left out.

    Args:
      paths: run folders, or folders that contain run folders.
      columns: the panels; None: those of each run's algorithm.

    Raises:
      ValueError: there are none, one cannot be read, or one lacks a column.
    """
    paths, panels = list(paths), {name: name for name in columns or ()}
    folders = find_folders(paths)
    runs = [run for path in folders if (run := _read(path, panels)) is not None]
    if not runs:
        found = f"only {folders[0]} without rows" if folders else "none"
        raise ValueError(
            f"a run with config.json and rows in {PROGRESS} must be in "
            f"{printable(paths[0])}, found {printable(found)}."
        )
    return runs


def grouped(
    runs: list[Run], labels: Iterable[str] | None = None
) -> dict[str, list[Run]]:
    """Runs grouped by equal settings (except the seed), by label of the group."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        known = {k: v for k, v in run.settings.items() if v is not None}
        groups.setdefault(json.dumps(known, sort_keys=True), []).append(run)
    given = [printable(label) for label in labels or []]
    if given and (len(given) != len(groups) or len(set(given)) < len(given)):
        raise ValueError(f"{len(groups)} different labels are needed, found {given}.")
    titles = given or names_of.titles([m[0].settings for m in groups.values()])
    return {
        f"{title} ({names_of.count(run.seed for run in members)})": members
        for title, members in zip(titles, groups.values())
    }


def span(runs: list[Run], x: str) -> tuple[float, float]:
    """The first and last point at which at least half of the runs have values."""
    name, unit, _ = AXES[x]
    ends = np.array([run.columns[name][[0, -1]] / unit for run in runs])
    first, last = np.sort(ends, axis=0).T
    half = (len(runs) + 1) // 2
    return first[half - 1], last[-half]


def odd_runs(runs: list[Run]) -> tuple[list[Run], list[Run]]:
    """The runs with far fewer environment steps than their group, and with far more."""
    _, end = span(runs, "env_steps")
    ends = [run.columns["steps/env"][-1] for run in runs]
    shorter = [run for run, e in zip(runs, ends) if e < (1 - ODD) * end]
    longer = [run for run, e in zip(runs, ends) if e > (1 + ODD) * end]
    return shorter, longer


def curve(
    runs: list[Run], x: str, column: str, statistic: str = "median"
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Grid, centre, lower and upper edge of the band, each [GRID].

    Every run is interpolated linearly.  Each point of the grid uses the runs that have
    a finite value there; it is NaN if there are none.
    """
    name, unit, _ = AXES[x]
    grid = np.linspace(*span(runs, x), GRID)
    outside = {"left": np.nan, "right": np.nan}
    values = np.array([
        np.interp(grid, run.columns[name] / unit, run.columns[column], **outside)
        for run in runs
    ])  # fmt: skip
    values = np.clip(values, -LARGEST, LARGEST, where=np.isfinite(values), out=values)
    present = np.isfinite(values)
    found = np.full((3, GRID), np.nan)
    for who in np.unique(present, axis=1).T:
        places = (present == who[:, None]).all(axis=0)
        if who.any():
            found[:, places] = _centre_and_band(values[who][:, places], statistic)
    return grid, *found


def _centre_and_band(values: np.ndarray, statistic: str) -> tuple[np.ndarray, ...]:
    """Centre, lower and upper edge, each [G], of values [N, G]."""
    if statistic == "iqm":
        low, high = bootstrap(values, iqm)
        return iqm(values), low, high
    low, centre, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    return centre, low, high


def iqm(values: np.ndarray) -> np.ndarray:
    """Mean over the middle half of the rows of [N, ...], with weights at its edges."""
    values = np.sort(values, axis=0)
    n = len(values)
    edges = np.arange(n + 1)
    inside = np.clip(edges, n / 4, 3 * n / 4)
    weight = np.diff(inside)
    return np.tensordot(weight / weight.sum(), values, axes=1)


def bootstrap(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    n: int = 1000,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a statistic over the rows of [N, ...]."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(values), size=(n, len(values)))
    found = np.array([statistic(values[rows]) for rows in draws])
    low, high = np.quantile(found, [0.025, 0.975], axis=0)
    return low, high


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(
        prog="plot.py", description="Draws curves of runs.", allow_abbrev=False
    )
    parser.add_argument("paths", nargs="+", help="run folders, or folders with runs")
    parser.add_argument("--x", default="env_steps", help=" | ".join(AXES))
    parser.add_argument("--out", default="curves.png", help=" | ".join(SUFFIXES))
    parser.add_argument("--statistic", default="median", help=" | ".join(STATISTICS))
    parser.add_argument("--labels", nargs="+", help="one for each group")
    parser.add_argument("--columns", nargs="+", help="of progress.csv, one panel each")
    return run_command(_draw_and_tell, parser.parse_args(arguments))


def _draw_and_tell(options: argparse.Namespace) -> None:
    plot(**vars(options))
    print(f"wrote {printable(options.out)} ({STATISTICS[options.statistic]})")


def _figure(groups: dict[str, list[Run]], x: str, statistic: str) -> Any:
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib.figure import Figure
    except ImportError:
        raise RuntimeError(MISSING) from None
    groups = {label + _note(runs): runs for label, runs in groups.items()}
    n_columns = 1 if max(map(len, groups)) > names_of.LONGEST else 2
    groups = {textwrap.fill(label, WIDEST): runs for label, runs in groups.items()}
    n_lines = sum(1 + label.count("\n") for label in groups)
    panels = _panels([run for members in groups.values() for run in members])
    n_rows = -(-len(panels) // PER_ROW)
    height = 3.5 if n_rows == 1 else 2.4 * n_rows
    height += 0.2 * -(-n_lines // n_columns)  # a line of the legend needs 0.2
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots(n_rows, min(len(panels), PER_ROW), squeeze=False).ravel()
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    for ax, (column, title) in zip(axes, panels.items()):
        for label, runs in groups.items():
            _draw(ax, runs, x, column, statistic, label)
        _scale(ax, x, is_value=column == "test/mean_Q")
        ax.set(xlabel=AXES[x][2], ylabel=title)
        ax.grid(alpha=0.3)
    if next(iter(panels)) == "test/success_rate":
        axes[0].set_ylim(-0.03, 1.03)
    legend = {"loc": "outside lower center", "ncols": n_columns, "fontsize": "small"}
    figure.legend(*axes[0].get_legend_handles_labels(), **legend)
    return figure


def _note(runs: list[Run]) -> str:
    """The legend's note about runs that are drawn alone, or an empty text."""
    counts = zip(map(len, odd_runs(runs)), ("shorter", "longer"))
    texts = [f"{n} {word}" for n, word in counts if n]
    return f", thin: {', '.join(texts)}" if texts else ""


def _draw(ax: Any, runs: list[Run], x: str, column: str, statistic: str, label: str):
    grid, centre, low, high = curve(runs, x, column, statistic)
    line = _line(ax, grid, centre, label=label, markersize=4)
    ax.fill_between(grid, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    name, unit, _ = AXES[x]
    thin = {"color": line.get_color(), "linewidth": 0.7, "markersize": 3}
    shorter, longer = odd_runs(runs)
    for run in shorter + longer:
        values = np.clip(run.columns[column], -LARGEST, LARGEST)
        _line(ax, run.columns[name] / unit, values, **thin)


def _line(ax: Any, x: np.ndarray, y: np.ndarray, **style: Any) -> Any:
    """A line with a dot at its last finite value."""
    last = np.flatnonzero(np.isfinite(y))[-1:]
    (line,) = ax.plot(x, y, marker="o", markevery=last.tolist(), **style)
    return line


def _scale(ax: Any, x: str, is_value: bool) -> None:
    from matplotlib.ticker import EngFormatter

    ax.set_xlim(left=0)
    if x != "minutes":  # counts: 500, 5k, 2M
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    if is_value and max(map(abs, ax.get_ylim())) > LARGE:
        ax.set_yscale("symlog", linthresh=LARGE / 10)
        ax.autoscale(axis="y")


def _save(figure: Any, path: Path) -> None:
    """Writes the figure atomically, replacing an older file."""
    sink = io.BytesIO()
    try:
        figure.savefig(sink, format=path.suffix[1:], dpi=150)
    except ValueError as error:  # a label that looks like a formula but is not one
        raise ValueError(f"the figure cannot be drawn: {reason_of(error)}") from None
    write_atomically(path, sink.getvalue())


def _read(folder: Path, panels: Mapping[str, str]) -> Run | None:
    if not os.path.lexists(folder / PROGRESS):
        return None
    flags = read_flags(folder)
    logged = read_header(folder)
    for name in panels if logged else ():
        if name not in logged:
            hint = nearest(name, logged)
            raise ValueError(
                f"{printable(folder)} has no column {printable(name)}{hint}"
            )
    panels = panels or _panels_of(flags.get("alg", DEFAULT), folder)
    columns = read_columns(folder, [*panels, *(name for name, _, _ in AXES.values())])
    has_rows = len(next(iter(columns.values()))) > 0
    run = Run(folder, flags.get("seed"), settings_of(flags), columns, panels)
    return run if has_rows else None


def _panels_of(alg: str, folder: Path) -> Mapping[str, str]:
    """The panels of an algorithm; of a peer's those whose columns it has logged."""
    if alg in NAMES:
        return entry(alg).panels
    logged = read_header(folder)
    known = [entry(name) for name in NAMES]
    alike = next((e for e in known if e.score in logged), entry(DEFAULT))
    return {k: v for k, v in alike.panels.items() if k in logged} or alike.panels


def _panels(runs: list[Run]) -> Mapping[str, str]:
    """The panels that all runs have.

    Raises:
      ValueError: they have none in common.
    """
    first, names = runs[0], [*runs[0].panels]
    for run in runs:
        names = [name for name in names if name in run.panels]
        if not names:
            raise ValueError(
                f"runs that are drawn together must have the same columns, but "
                f"{printable(run.path)} has {' and '.join(run.panels)} and "
                f"{printable(first.path)} has {' and '.join(first.panels)}."
            )
    return {name: first.panels[name] for name in names}


def settings_of(flags: dict[str, Any]) -> dict[str, Any]:
    """The settings that distinguish runs; missing and idle ones get their defaults."""
    if flags.get("alg", DEFAULT) in NAMES:
        settings = entry(flags.get("alg", DEFAULT)).settings
        usual = plain(settings)
        flags = usual | flags
        run, fields = SimpleNamespace(**flags), fields_of(settings).items()
        idle = {name for name, field in fields if not has_effect(run, field)}
        flags = {k: usual[k] if k in idle else v for k, v in flags.items()}
    return {k: v for k, v in flags.items() if k not in UNTOLD}


if __name__ == "__main__":
    sys.exit(main())
