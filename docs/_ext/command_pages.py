"""The directive `commands`: what `baselines-her COMMAND --help` prints, for each."""

import contextlib
import importlib
import io
import os
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.autodoc.mock import mock
from sphinx.util.docutils import SphinxDirective

from baselines_her.__main__ import COMMANDS, Named

WIDTH = 80  # characters


class Commands(SphinxDirective):
    """Every command of `baselines-her` with its help."""

    def run(self) -> list[nodes.Node]:
        """A section for each command."""
        with mock(self.config.autodoc_mock_imports):
            lines = [*commands_lines()]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def commands_lines() -> Iterator[str]:
    """Markdown for `Commands`."""
    for name, named in COMMANDS.items():
        yield f"## {name}\n"
        yield f"{named.words[0].upper()}{named.words[1:]}.\n"
        yield f"```text\n{help_of(named)}\n```\n"


def help_of(named: Named) -> str:
    """What the command prints for `--help`."""
    module = importlib.import_module(f"baselines_her.{named.module}")
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(WIDTH)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            with contextlib.suppress(SystemExit):
                module.main(["--help"])
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return out.getvalue().strip()


def setup(app: Sphinx) -> dict[str, bool]:
    """Adds the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
