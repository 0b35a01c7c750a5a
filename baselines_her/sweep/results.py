"""What a sweep has found: a table, the best settings, plots, a page."""

import base64
import csv
import html
import io
import json
import math
import shlex
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ..runs.files import write_atomically
from ..runs.foreign import printable
from .study import ERROR, Sweep, n_of, text_of, train_seeds, value_of_trial

CONFIRM_SEEDS = 1000  # the first seed of the trainings that confirm
PLOTS = {
    "history": "plot_optimization_history",
    "importance": "plot_param_importances",
    "parallel": "plot_parallel_coordinate",
    "slice": "plot_slice",
    "intermediate": "plot_intermediate_values",
}
TITLES = {
    "history": "Value of each trial, and the best so far",
    "importance": "How much of the values' variance each setting explains (PED-ANOVA)",
    "parallel": "Every trial as a line through its settings",
    "slice": "Value against each setting alone",
    "intermediate": "Score over the budget (20 points); pruned trials end early",
}
STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "img{max-width:100%}table{border-collapse:collapse}td,th{padding:.2em .6em;"
    "border-bottom:1px solid #ccc;text-align:right}pre{overflow-x:auto;padding:1em;"
    "background:#f4f4f4}"
)


def complete(study: Any) -> list[Any]:
    """The trials with a value, the best first."""
    trials = [t for t in study.get_trials() if t.state.name == "COMPLETE"]
    is_max = study.direction.name == "MAXIMIZE"
    return sorted(trials, key=lambda t: -t.value if is_max else t.value)


def write_table(study: Any, sweep: Sweep, path: Path) -> None:
    """All trials as CSV: number, state, value, minutes (start-up included), ..."""
    names = [dimension.name for dimension in sweep.space]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["trial", "state", "value", "minutes", *names, "error"])
    for trial in study.get_trials():
        minutes = trial.duration.total_seconds() / 60 if trial.duration else None
        values = [trial.params.get(name, "") for name in names]
        error = trial.user_attrs.get(ERROR, "")
        known = [trial.number, trial.state.name, value_of_trial(trial), minutes]
        writer.writerow([*known, *values, error])
    write_atomically(path, text.getvalue().encode())


def command_of(sweep: Sweep, params: Mapping[str, Any]) -> str:
    """The command that trains with these settings."""
    flags = {**sweep.given, **params}
    if math.isfinite(sweep.budget.steps):
        flags["num_timesteps"] = int(sweep.budget.steps)
    flags = {k: int(v) if isinstance(v, bool) else v for k, v in flags.items()}
    words = [f"--{name}={value}" for name, value in flags.items()]
    return shlex.join(["python", "-m", "baselines_her.run", *words])


def preset_of(params: Mapping[str, Any]) -> str:
    """The settings as an entry of a table of presets."""
    return "\n".join(["{", *(f'    "{k}": {v!r},' for k, v in params.items()), "}"])


def confirm(
    study: Any,
    sweep: Sweep,
    folder: Path,
    n_best: int,
    n_seeds: int,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Trains the best settings, and those of the preset alone, on fresh seeds.

    The best of many trials is lucky; the fresh seeds tell by how much.  A training that
    is done is not repeated.

    Returns:
      For each: its name, its settings, its value in the sweep, and the fresh values.
    """
    chosen: list[tuple[str, dict[str, Any], float | None]] = [("preset", {}, None)]
    best = complete(study)[:n_best]
    chosen += [(f"trial {t.number}", t.params, t.value) for t in best]
    seeds, rows = range(CONFIRM_SEEDS, CONFIRM_SEEDS + n_seeds), []
    for name, params, value in chosen:
        place = folder / "confirm" / name.replace(" ", "_")
        row: dict[str, Any] = {"name": name, "params": params, "swept": value}
        row |= {"fresh": [], "error": ""}
        try:
            row["fresh"] = train_seeds(sweep, params, place, seeds)
        except (ValueError, RuntimeError, OSError) as error:
            row["error"] = str(error)
        rows.append(row)
        say(confirmed(rows[-1]))
        data = json.dumps(rows, indent=2).encode()
        write_atomically(folder / "confirm.json", data)
    return rows


def confirmed(row: Mapping[str, Any]) -> str:
    """A line about settings on fresh seeds."""
    if row["error"]:
        return f"{row['name']}: failed: {printable(row['error'], 300)}"
    swept = "" if row["swept"] is None else f" (in the sweep {row['swept']:.4g})"
    shown = ", ".join(f"{value:.4g}" for value in row["fresh"])
    return f"{row['name']}: {_spread(row['fresh'])} on fresh seeds{swept}: {shown}"


def write_plots(study: Any, folder: Path) -> dict[str, Path]:
    """Draws what can be drawn; returns name -> PNG file."""
    if len(complete(study)) < 2:
        return {}
    import matplotlib
    import optuna

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawn = {}
    for name, function in PLOTS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about values that are all equal
            try:
                axes = getattr(optuna.visualization.matplotlib, function)(study)
            except (ValueError, RuntimeError):  # there is nothing to draw
                continue
        figure = getattr(axes, "flat", [axes])[0].figure
        figure.set_size_inches(*((16, 4) if name == "slice" else (9, 5)))
        drawn[name] = folder / f"{name}.png"
        figure.savefig(drawn[name], dpi=110, bbox_inches="tight")
        pyplot.close(figure)
    return drawn


def write_page(study: Any, sweep: Sweep, folder: Path) -> Path:
    """One HTML file with everything in it; it loads nothing."""
    trials, best = study.get_trials(), complete(study)
    n_ended, _ = n_of(trials)
    n_pruned = sum(t.state.name == "PRUNED" for t in trials)
    title = f"Sweep of {sweep.given.get('env', '')}"
    parts = [f"<h1>{html.escape(title)}</h1>"]
    parts.append(f"<p>{n_ended} trials, {n_pruned} of them pruned.</p>")
    if best:
        text = f"{command_of(sweep, best[0].params)}\n\n{preset_of(best[0].params)}"
        parts.append(f"<h2>Best: {best[0].value:.4g}</h2>")
        parts.append(f"<pre>{html.escape(text)}</pre>")
    path = folder / "confirm.json"
    if path.exists():
        rows = json.loads(path.read_text())
        lines = "\n".join(confirmed(row) for row in rows)
        parts.append(f"<h2>On fresh seeds</h2><pre>{html.escape(lines)}</pre>")
    for name, image in write_plots(study, folder).items():
        data = base64.b64encode(image.read_bytes()).decode()
        parts.append(f"<h2>{TITLES[name]}</h2>")
        parts.append(f'<img alt="{TITLES[name]}" src="data:image/png;base64,{data}">')
    parts.append(_table_of(best[:20], [d.name for d in sweep.space]))
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )
    write_atomically(folder / "sweep.html", page.encode())
    return folder / "sweep.html"


def _table_of(trials: list[Any], names: list[str]) -> str:
    head = "".join(f"<th>{html.escape(n)}</th>" for n in ["trial", "value", *names])
    rows = []
    for trial in trials:
        cells = [str(trial.number), f"{trial.value:.4g}"]
        cells += [text_of(trial.params[n]) if n in trial.params else "" for n in names]
        rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<h2>Best trials</h2><table><tr>{head}</tr>{body}</table>"


def _spread(values: list[float]) -> str:
    spread = f" ± {stdev(values):.3g}" if len(values) > 1 else ""
    return f"{mean(values):.4g}{spread}"
