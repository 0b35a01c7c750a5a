"""Links from a page to a file of the repository lead to a page with its text.

On GitHub `[ddpg.py](../baselines_her/ddpg.py)` opens the file.  Here it opens a page
that shows it, so that the site needs no other server.  A link to a folder opens a list
of what the folder holds.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

PLACE = "source"  # the folder of these pages within the site
LINK = re.compile(r"\]\(\.\./([^)#\s]+?)/?\)")
LANGUAGES = {".py": "python", ".toml": "toml", ".json": "json", ".sh": "bash"}
LANGUAGES |= {".yml": "yaml", ".cff": "yaml"}
MOST = 200_000  # bytes; a longer file is not shown


def rewritten(app: Sphinx, name: str, source: list[str]) -> None:
    """Points the links of a page to the pages with the files' text."""
    source[0] = LINK.sub(r"](repository:\1)", source[0])


def linked(folder: Path) -> set[str]:
    """The paths, relative to the repository, that the pages of `folder` link to."""
    pages = sorted(folder.glob("*.md"))
    return {path for page in pages for path in LINK.findall(page.read_text())}


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each file and folder that is linked to."""
    root = Path(app.srcdir).parent
    wanted, done = sorted(linked(Path(app.srcdir))), set()
    while wanted:
        path = wanted.pop()
        if path in done:
            continue
        done.add(path)
        place = root / path
        if place.is_dir():
            names = listed(place)
            body = folder_body(path, names, place)
            wanted += [f"{path}/{name}" for name in names if is_shown(place / name)]
        elif is_shown(place):
            body = file_body(app, path, place)
        else:
            raise FileNotFoundError(f"a page links to {path}, which cannot be shown.")
        context = {"title": path, "body": f"<h1>{html.escape(path)}</h1>{body}"}
        yield f"{PLACE}/{path}", context, "page.html"


def listed(folder: Path) -> list[str]:
    """What a folder holds, without what tools leave there."""
    names = sorted(entry.name for entry in folder.iterdir())
    return [n for n in names if n[0] != "." and not n.startswith("__pycache__")]


def is_shown(path: Path) -> bool:
    """Whether a page shows this file's text."""
    return path.suffix in LANGUAGES and path.stat().st_size <= MOST


def file_body(app: Sphinx, path: str, place: Path) -> str:
    """The text of a file, highlighted and with line numbers."""
    language = LANGUAGES.get(place.suffix, "text")
    return app.builder.highlighter.highlight_block(
        place.read_text(), language, linenos="inline", location=path
    )


def folder_body(path: str, names: list[str], place: Path) -> str:
    """The names in a folder; those of files that have a page are links."""
    rows = []
    for name in names:
        text = html.escape(name) + "/" * (place / name).is_dir()
        if is_shown(place / name):
            here = f"{place.name}/{name}"
            text = f'<a href="{html.escape(here)}.html">{text}</a>'
        rows.append(f"<li>{text}</li>")
    return f"<ul>{''.join(rows)}</ul>"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connects the functions above."""
    schemes = {"http": None, "https": None, "mailto": None}
    schemes["repository"] = PLACE + "/{{path}}.html"
    app.config.myst_url_schemes = schemes
    app.connect("source-read", rewritten)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True}
