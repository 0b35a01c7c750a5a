"""The page: its data, its own script and uPlot, in one file that loads nothing."""

import base64
import hashlib
import html
import json
from pathlib import Path
from typing import Any

from .collect import AXES, Run, differing
from .goals import goal_map

ASSETS = Path(__file__).with_name("assets")


def page(runs: list[Run], title: str) -> str:
    """The HTML of a report.

    The policy of the page allows exactly its two scripts, by their digests, so no text
    of a run can become code; data stand in an element that is not executed.
    """
    scripts = [(ASSETS / n).read_text() for n in ("uPlot.iife.min.js", "report.js")]
    style = (ASSETS / "uPlot.min.css").read_text() + (ASSETS / "report.css").read_text()
    digests = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    policy = (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; "
        "img-src data:; media-src data:"
    )
    licence = (ASSETS / "uPlot.LICENSE").read_text().replace("--", "- -")
    parts = [_head(title, policy, style), _body(runs, title)]
    parts.append(f'<script type="application/json" id="data">{_data(runs)}</script>')
    parts.append(f"<!-- uPlot\n{licence}-->")
    parts += [f"<script>{script}</script>" for script in scripts]
    return "".join([*parts, "</body></html>\n"])


def _head(title: str, policy: str, style: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(title)}</title><style>{style}</style></head><body>"
    )


CHOICES = """
<section><form id="choices">
<label>column <select id="column"></select></label>
<label>against <select id="axis"></select></label>
<label>smoothing
<input id="smooth" type="range" min="0" max="0.95" step="0.05" value="0"></label>
<label><input id="join" type="checkbox" checked> mean of seeds</label>
</form><div id="chart"></div></section>
<section><h2>More columns</h2><div id="panels"></div></section>
<section hidden><h2>Terms of the reward</h2><div id="terms"></div></section>
"""


def _body(runs: list[Run], title: str) -> str:
    more = f"{_settings(runs)}{_films(runs)}{_maps(runs)}"
    return f"<h1>{html.escape(title)}</h1>{_table(runs)}{CHOICES}{more}"


def _table(runs: list[Run]) -> str:
    names = ["run", *runs[0].facts]
    rows = [[run.name, *run.facts.values()] for run in runs]
    return f'<section class="wide">{_cells(names, rows)}</section>'


def _settings(runs: list[Run]) -> str:
    names = differing(runs)
    if not names:
        return ""
    rows = [[run.name, *(run.settings.get(n, "") for n in names)] for run in runs]
    table = _cells(["run", *names], rows)
    return f'<section class="wide"><h2>Settings that differ</h2>{table}</section>'


def _films(runs: list[Run]) -> str:
    video = '<video controls muted loop playsinline src="{}"></video>'
    shown = [(run.name, video.format(run.film)) for run in runs if run.film]
    return _figures("Films", shown)


def _maps(runs: list[Run]) -> str:
    shown = []
    for run in runs:
        if run.goals is None:
            continue
        views = [goal_map(run.goals)]
        if run.goals.goal.shape[1] > 2:
            views.append(goal_map(run.goals, 0, 2))
        caption = f"{run.name}: goals reached (circles) and missed (crosses)"
        shown.append((caption, "".join(views)))
    return _figures("Goals", shown)


def _figures(title: str, shown: list[tuple[str, str]]) -> str:
    """A section of pictures with their captions; empty if there are none."""
    if not shown:
        return ""
    figures = "".join(
        f"<figure>{picture}<figcaption>{html.escape(caption)}</figcaption></figure>"
        for caption, picture in shown
    )
    return f'<section><h2>{title}</h2><div class="row">{figures}</div></section>'


def _cells(names: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _data(runs: list[Run]) -> str:
    """JSON that cannot end the element it stands in."""
    panels = list(dict.fromkeys(name for run in runs for name in run.panels))
    found: dict[str, Any] = {
        "axes": AXES,
        "panels": panels,
        "runs": [
            {"name": run.name, "group": run.group, "columns": run.columns}
            for run in runs
        ],
    }
    text = json.dumps(found, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
