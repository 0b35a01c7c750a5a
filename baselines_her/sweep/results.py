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
from statistics import mean, stdev, variance
from typing import Any, NamedTuple

from ..algorithms import entry
from ..runs.files import write_atomically
from ..runs.foreign import printable
from .study import Sweep, preset_params
from .training import Interrupted
from .trials import (
    ERROR,
    MINUTES,
    REACHED,
    STEPS,
    n_of,
    spacing,
    text_of,
    train_seeds,
    value_of_trial,
)

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
    """All trials as CSV: number, state, value, what its trainings took, settings.

    Minutes, env steps and the number of seeds that reached the level are those of
    completed trials.
    """
    names = [dimension.name for dimension in sweep.space]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    taken = MINUTES, STEPS, REACHED
    writer.writerow(["trial", "state", "value", *taken, *names, ERROR])
    for trial in study.get_trials():
        known = [trial.number, trial.state.name, value_of_trial(trial)]
        known += [trial.user_attrs.get(name, "") for name in taken]
        values = [trial.params.get(name, "") for name in names]
        writer.writerow([*known, *values, trial.user_attrs.get(ERROR, "")])
    write_atomically(path, text.getvalue().encode())


class Settings(NamedTuple):
    """Settings to recommend."""

    name: str
    params: dict[str, Any]
    value: float | None  # in the sweep
    steps: int | None  # env steps that a training made there


PRESET = Settings("preset", {}, None, None)


def settings_of(trial: Any, sweep: Sweep) -> Settings:
    """Those of a completed trial."""
    steps = trial.user_attrs.get(STEPS)
    per_seed = None if steps is None else steps // sweep.n_seeds
    return Settings(f"trial {trial.number}", trial.params, trial.value, per_seed)


def command_of(
    sweep: Sweep, params: Mapping[str, Any], steps: int | None = None
) -> str:
    """The command that trains with these settings.

    Args:
      sweep: whose trainings it repeats.
      params: the settings.
      steps: how many env steps a training made, if the budget is in minutes.
    """
    flags = {**sweep.given, **params, **spacing(sweep.given, params)}
    if math.isfinite(sweep.budget.steps):
        steps = int(sweep.budget.steps)
    if steps is not None:
        flags["num_timesteps"] = steps
    flags = {k: int(v) if isinstance(v, bool) else v for k, v in flags.items()}
    words = [f"--{name}={value}" for name, value in flags.items()]
    return shlex.join(["python", "-m", "baselines_her.run", *words])


def preset_of(sweep: Sweep, params: Mapping[str, Any]) -> str:
    """The settings as an entry of the table of presets for this environment.

    It holds all that differs from the preset's values for other environments.
    """
    given = {k: v for k, v in sweep.given.items() if k not in ("alg", "env", "preset")}
    algorithm = entry(sweep.given.get("alg", "her"))
    preset = sweep.given.get("preset") or algorithm.choose_preset(given)
    usual = algorithm.presets[preset]
    own = algorithm.defaults(preset, sweep.given["env"], given)
    wanted = {**own, **given, **params, **spacing(sweep.given, params)}
    shown = {k: v for k, v in wanted.items() if k not in usual or usual[k] != v}
    return "\n".join(["{", *(f'    "{k}": {v!r},' for k, v in shown.items()), "}"])


def recommended(found: Settings, sweep: Sweep) -> str:
    """Settings as a command and as an entry of a table of presets."""
    command = command_of(sweep, found.params, found.steps)
    return f"{command}\n\n{preset_of(sweep, found.params)}"


def confirm(
    study: Any,
    sweep: Sweep,
    folder: Path,
    n_best: int,
    n_seeds: int,
    say: Callable[[str], None] = print,
) -> Settings:
    """Trains the best settings, and those of the preset alone, on fresh seeds.

    The best of many trials is lucky; the fresh seeds tell by how much.  A trial that
    had the preset's own values is not confirmed beside them.  All settings train seed
    after seed, so that a machine that slows down slows all of them.  A training that is
    done is not repeated.

    Returns:
      What to recommend: the settings with the best mean, the preset's among them.

    Raises:
      Interrupted: a signal ended a training.
    """
    usual = preset_params(sweep)
    others = [t for t in complete(study) if not t.params.items() <= usual.items()]
    best = [settings_of(trial, sweep) for trial in others[:n_best]]
    chosen = [PRESET, *best]
    rows: list[dict[str, Any]] = [
        {"name": name, "params": params, "swept": value, "fresh": [], "reached": 0}
        | {"error": ""}
        for name, params, value, _ in chosen
    ]
    for seed in range(CONFIRM_SEEDS, CONFIRM_SEEDS + n_seeds):
        for row in rows:
            if not row["error"]:
                _train_fresh(row, sweep, folder / "confirm", seed)
                say(f"seed {seed}, {row['name']}: {_last(row)}")
            data = json.dumps(rows, indent=2).encode()
            write_atomically(folder / "confirm.json", data)
    for row in rows:
        say(confirmed(row, sweep))
    say(verdict(rows, sweep))
    winner = _winner(rows, sweep)
    return next(one for one in chosen if one.name == winner["name"])


def _train_fresh(row: dict[str, Any], sweep: Sweep, folder: Path, seed: int) -> None:
    """Adds the outcome of one training, or its error, to a row of `confirm`."""
    place = folder / row["name"].replace(" ", "_")
    try:
        (found,) = train_seeds(sweep, row["params"], place, range(seed, seed + 1))
    except Interrupted:
        raise
    except (ValueError, RuntimeError, OSError) as error:
        row["error"] = str(error)
        return
    row["fresh"].append(found.value)
    row["reached"] += found.is_reached


def _last(row: Mapping[str, Any]) -> str:
    if row["error"]:
        return f"failed: {printable(row['error'], 300)}"
    return f"{row['fresh'][-1]:.4g}"


def confirmed(row: Mapping[str, Any], sweep: Sweep) -> str:
    """A line about settings on fresh seeds."""
    if row["error"]:
        return f"{row['name']}: failed: {printable(row['error'], 300)}"
    swept = "" if row["swept"] is None else f" (in the sweep {row['swept']:.4g})"
    shown = ", ".join(f"{value:.4g}" for value in row["fresh"])
    reached = ""
    if sweep.objective.level is not None:
        reached = f"; {row['reached']} of {len(row['fresh'])} reached the level"
    spread = _spread(row["fresh"])
    return f"{row['name']}: {spread} on fresh seeds{swept}: {shown}{reached}"


def verdict(rows: list[dict[str, Any]], sweep: Sweep) -> str:
    """Whether the best settings of a confirmation are better than the preset's.

    They are if the difference of the means is above two of its standard errors.
    """
    preset, *others = [row for row in rows if not row["error"]] or [rows[0]]
    if preset["name"] != "preset" or not others or len(preset["fresh"]) < 2:
        return "There are too few trainings to compare these with the preset."
    best, sign = _winner(others, sweep), sweep.objective.sign
    gain = sign * (mean(best["fresh"]) - mean(preset["fresh"]))
    n, parts = len(preset["fresh"]), (best["fresh"], preset["fresh"])
    error = math.sqrt(sum(variance(part) / n for part in parts))
    difference = f"{gain:+.3g}, with a standard error of {error:.2g}"
    if abs(gain) <= 2.0 * error:
        return f"{best['name']} and the preset cannot be told apart: {difference}."
    word = "better" if gain > 0 else "worse"
    return f"{best['name']} is {word} than the preset: {difference}."


def _winner(rows: list[dict[str, Any]], sweep: Sweep) -> dict[str, Any]:
    """The row with the best mean on fresh seeds; without any, the first row."""
    trained = [row for row in rows if row["fresh"] and not row["error"]]
    sign = sweep.objective.sign
    return max(trained, key=lambda row: sign * mean(row["fresh"]), default=rows[0])


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
    path = folder / "confirm.json"
    found, where = [settings_of(trial, sweep) for trial in best], "in the sweep"
    if path.exists():
        rows = json.loads(path.read_text())
        told = [*(confirmed(row, sweep) for row in rows), verdict(rows, sweep)]
        lines = "\n".join(told)
        parts.append(f"<h2>On fresh seeds</h2><pre>{html.escape(lines)}</pre>")
        winner, where = _winner(rows, sweep)["name"], "on fresh seeds"
        found = [one for one in [PRESET, *found] if one.name == winner]
    if found:
        parts.append(f"<h2>Best {where}: {found[0].name}</h2>")
        text = recommended(found[0], sweep)
        parts.append(f"<pre>{html.escape(text)}</pre>")
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
