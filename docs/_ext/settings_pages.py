"""Directives about settings, made from the fields that the command line is made from.

`settings` lists every flag of an algorithm, `presets` what its presets set.
"""

import dataclasses
import importlib.util
import re
import typing
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from baselines_her.algorithms import entry
from baselines_her.cli.help import text_of
from baselines_her.config import parts_of

KINDS = {bool: "0 or 1", int: "a whole number", float: "a number", str: "text"}


class Settings(SphinxDirective):
    """Every flag of one algorithm, grouped as in its settings."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The flags, each with its help, values and default."""
        lines = [*settings_lines(self.arguments[0])]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


class Presets(SphinxDirective):
    """What the presets of one algorithm set."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """A definition list of presets."""
        lines = [*presets_lines(self.arguments[0])]
        return self.parse_text_to_nodes("\n".join(lines))


def settings_lines(alg: str) -> Iterator[str]:
    """Markdown for `Settings`."""
    algorithm = entry(alg)
    parts = [*parts_of(algorithm.settings).values(), algorithm.short_forms]
    yield f"```{{program}} {alg}\n```"
    for part in parts:
        fields = dataclasses.fields(part)
        if not fields:
            continue
        yield f"\n### {(part.__doc__ or '').strip().rstrip('.')}\n"
        for field in fields:
            yield f"```{{option}} --{field.name} {values_of(field)}"
            yield f"{marked(field.metadata['help'])}{default_of(field)}\n```\n"


def values_of(field: dataclasses.Field) -> str:
    """What a flag may be set to, in brackets."""
    choices, limits = field.metadata["choices"], field.metadata
    if choices:
        return f"[{' | '.join(choices)}]"
    kind = (typing.get_args(field.type) or (field.type,))[0]
    words = KINDS[kind]
    low, high, above = (limits[name] for name in ("low", "high", "above"))
    if low is not None and high is not None:
        words += f" from {number(low)} to {number(high)}"
    elif low is not None:
        words += f", at least {number(low)}"
    elif above is not None:
        words += f" above {number(above)}"
    return f"[{words}]"


def number(limit: float) -> str:
    """A limit as it is written on the command line, without a needless `.0`."""
    return text_of(int(limit) if limit == int(limit) else limit)


def marked(help: str) -> str:
    """Help as Markdown: flags and placeholders are code."""
    return re.sub(r"(--[a-z_]+(?:=\w+)?|[^\s()]*<[^\s()]+)", r"`\1`", help)


def default_of(field: dataclasses.Field) -> str:
    """The plain default as a sentence; empty where the help says what happens."""
    if field.default is None:
        return ""
    return f".  Plain default: `{text_of(field.default)}`."


def presets_lines(alg: str) -> Iterator[str]:
    """Markdown for `Presets`."""
    for preset, values in entry(alg).presets.items():
        yield f"`{preset}`\n: {flags_text(values) or 'nothing'}\n"
        for (of, env), more in by_env(alg).items():
            if of == preset:
                yield f"  With {env} also {flags_text(more)}\n"


def by_env(alg: str) -> dict[tuple[str, str], dict[str, Any]]:
    """What presets set for one environment in particular, if anything."""
    name = f"baselines_her.settings.{alg}_presets"
    if importlib.util.find_spec(name) is None:
        return {}
    return getattr(importlib.import_module(name), "BY_ENV", {})


def flags_text(values: dict[str, Any]) -> str:
    """Settings as they are written on the command line."""
    return " ".join(f"`--{name}={text_of(value)}`" for name, value in values.items())


def setup(app: Sphinx) -> dict[str, bool]:
    """Adds the directives."""
    app.add_directive("settings", Settings)
    app.add_directive("presets", Presets)
    return {"parallel_read_safe": True}
