"""Curves of runs: success and mean Q, grouped by settings, over seeds.

The band is the inter-quartile range over seeds, or with `iqm` a 95 % bootstrap interval
of the inter-quartile mean (Agarwal et al. 2021, arXiv:2108.13264).
"""

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ..algorithms import NAMES, entry
from ..config import fields_of, plain
from ..settings.fields import has_effect
from .folder import FREE

MISSING = "plotting needs matplotlib.  Run: pip install 'baselines-her[plot]'"
AXES = {
    "env_steps": ("steps/env", 1.0, "environment steps"),
    "minutes": ("time/total", 60.0, "wall-clock time (minutes)"),
    "updates": ("steps/updates", 1.0, "updates"),
}
PANELS = {
    "test/success_rate": "success at the last step",
    "test/mean_Q": "mean Q of the test episodes",
}
UNTOLD = {*FREE, "seed", "preset"} - {"num_cpu"}  # do not tell groups apart
LONGEST = 60  # letters of a label; of longer ones no two fit side by side
LARGE = 1000.0  # values beyond have a logarithmic axis: a critic that diverged
STATISTICS = ("median", "iqm")
GRID = 200


class Run(NamedTuple):
    """One run folder."""

    path: Path
    settings: dict[str, Any]
    columns: dict[str, np.ndarray]


def plot(
    paths: Iterable[str | Path],
    x: str = "env_steps",
    out: str | Path | None = None,
    statistic: str = "median",
    labels: Iterable[str] | None = None,
) -> Any:
    """Draws the curves of runs and returns the matplotlib figure.

    Args:
      paths: run folders, or folders that hold some.
      x: "env_steps", "minutes" or "updates".
      out: write the figure to this file too (.png, .svg, .pdf).
      statistic: "median" with inter-quartile band, or "iqm" with bootstrap interval.
      labels: of the groups, in their order, instead of the settings that differ.

    Raises:
      ValueError: no run is found, or an argument is not one of the above.
      RuntimeError: matplotlib is not installed.
    """
    for value, known in (x, tuple(AXES)), (statistic, STATISTICS):
        if value not in known:
            raise ValueError(f"it must be one of {', '.join(known)}, found {value!r}.")
    groups = grouped(find_runs(paths), labels)
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib.figure import Figure
    except ImportError:
        raise RuntimeError(MISSING) from None
    n_columns = 1 if max(map(len, groups)) > LONGEST else 2
    height = 3.5 + 0.2 * -(-len(groups) // n_columns)  # a line of the legend is 0.2
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.subplots(1, len(PANELS))
    for ax, (column, title) in zip(axes, PANELS.items()):
        for label, runs in groups.items():
            _draw(ax, runs, x, column, statistic, label)
        _scale(ax, x)
        ax.set(xlabel=AXES[x][2], ylabel=title)
        ax.grid(alpha=0.3)
    axes[0].set_ylim(-0.03, 1.03)
    legend = {"loc": "outside lower center", "ncols": n_columns, "fontsize": "small"}
    figure.legend(*axes[0].get_legend_handles_labels(), **legend)
    if out is not None:
        figure.savefig(Path(out).expanduser(), dpi=150)
    return figure


def find_runs(paths: Iterable[str | Path]) -> list[Run]:
    """The runs in these folders, in the order of their names.

    Raises:
      ValueError: there is none.
    """
    folders = [Path(path).expanduser() for path in paths]
    found = {c.parent for folder in folders for c in folder.rglob("config.json")}
    runs = [run for path in sorted(found) if (run := _read(path)) is not None]
    if not runs:
        raise ValueError(
            f"a run with config.json and rows in progress.csv must be in {folders[0]}, "
            "found none."
        )
    return runs


def grouped(
    runs: list[Run], labels: Iterable[str] | None = None
) -> dict[str, list[Run]]:
    """Runs of equal settings (seed aside), by a label that tells groups apart."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        told = {k: v for k, v in run.settings.items() if v is not None}
        groups.setdefault(json.dumps(told, sort_keys=True), []).append(run)
    given = list(labels or [])
    if given and (len(given) != len(groups) or len(set(given)) < len(given)):
        raise ValueError(f"{len(groups)} different labels are needed, found {given}.")
    titles = given or _titles([members[0].settings for members in groups.values()])
    return {
        f"{title} ({len(members)} seed{'s' * (len(members) > 1)})": members
        for title, members in zip(titles, groups.values())
    }


def curve(
    runs: list[Run], x: str, column: str, statistic: str = "median"
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Grid, centre, lower and upper edge of the band, each [GRID].

    Every run is interpolated linearly; the grid ends where the shortest run does.
    """
    name, unit, _ = AXES[x]
    ends = [run.columns[name][[0, -1]] / unit for run in runs]
    grid = np.linspace(max(e[0] for e in ends), min(e[1] for e in ends), GRID)
    values = np.array(
        [np.interp(grid, run.columns[name] / unit, run.columns[column]) for run in runs]
    )
    if statistic == "iqm":
        low, high = bootstrap(values, iqm)
        return grid, iqm(values), low, high
    low, centre, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    return grid, centre, low, high


def iqm(values: np.ndarray) -> np.ndarray:
    """Mean over the middle half of the rows of [N, ...], edges weighted."""
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


def _titles(groups: list[dict[str, Any]]) -> list[str]:
    """Of each group the settings that differ; of too many, the fewest that suffice.

    Groups of different algorithms have only `alg` and `env` to compare.
    """
    common = [name for name in ("alg", "env") if _n_kinds(groups, [name]) > 1]
    titles = []
    for group in groups:
        kin = [other for other in groups if other.get("alg") == group.get("alg")]
        names = {name for settings in kin for name in settings}
        differing = {name for name in names if _n_kinds(kin, [name]) > 1}
        shown = sorted(differing.union(common))
        if max(len(_told(settings, shown)) for settings in kin) > LONGEST:
            shown = sorted(_telling(kin, shown, common))
            titles.append(_told(group, shown) + ", ...")
        else:
            titles.append(_told(group, shown) or str(group.get("env")))
    return titles


def _told(settings: dict[str, Any], names: Iterable[str]) -> str:
    return ", ".join(f"{name}={settings.get(name)}" for name in names)


def _n_kinds(groups: list[dict[str, Any]], names: list[str]) -> int:
    """How many groups these settings tell apart."""
    return len({repr([group.get(name) for name in names]) for group in groups})


def _telling(
    groups: list[dict[str, Any]], names: list[str], common: list[str]
) -> list[str]:
    """`common` and few more that tell all groups apart: each splits them most."""
    chosen = list(common)
    while _n_kinds(groups, chosen) < len(groups):
        chosen.append(max(names, key=lambda name: _n_kinds(groups, [*chosen, name])))
    return chosen


def _draw(ax: Any, runs: list[Run], x: str, column: str, statistic: str, label: str):
    grid, centre, low, high = curve(runs, x, column, statistic)
    (line,) = ax.plot(grid, centre, label=label)
    ax.fill_between(grid, low, high, color=line.get_color(), alpha=0.2, linewidth=0)


def _scale(ax: Any, x: str) -> None:
    from matplotlib.ticker import EngFormatter

    ax.set_xlim(left=0)
    if x != "minutes":  # counts: 500, 5k, 2M
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    if max(map(abs, ax.get_ylim())) > LARGE:
        ax.set_yscale("symlog", linthresh=LARGE / 10)
        ax.autoscale(axis="y")


def _read(folder: Path) -> Run | None:
    file = folder / "progress.csv"
    if not file.exists():
        return None
    try:
        with file.open(newline="") as lines:
            rows = [row for row in csv.DictReader(lines) if None not in row.values()]
        flags = json.loads((folder / "config.json").read_bytes())["config"]
        settings = _settings(flags)
        names = [*PANELS, *(name for name, _, _ in AXES.values())]
        columns = {name: np.array([float(row[name]) for row in rows]) for name in names}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{folder} is not a run that can be drawn: {error!r}"
        ) from None
    return Run(folder, settings, columns) if rows else None


def _settings(flags: dict[str, Any]) -> dict[str, Any]:
    """What tells a run from others: older runs made whole, idle settings all alike."""
    if flags.get("alg", "her") in NAMES:
        settings = entry(flags.get("alg", "her")).settings
        usual = plain(settings)
        flags = usual | flags
        run, fields = SimpleNamespace(**flags), fields_of(settings).items()
        idle = {name for name, field in fields if not has_effect(run, field)}
        flags = {k: usual[k] if k in idle else v for k, v in flags.items()}
    return {k: v for k, v in flags.items() if k not in UNTOLD}
