"""The text of `--help`: the flags that most users need, and what the preset sets."""

import dataclasses
import shutil
import textwrap
from typing import Any

from ..algorithms import Entry
from ..config import fields_of, plain, preset_of

PROG = "python -m baselines_her.run"
COMMAND_HELP = {
    "--quiet": "print nothing but errors",
    "--version": "print the version and exit (also -V)",
    "--help": "print this and exit (also -h); --help=all describes every flag",
}
WIDEST = 100  # characters; longer lines are hard to read
GAP = 2


def flags_of(algorithm: Entry) -> dict[str, dataclasses.Field]:
    """Flag -> field: the algorithm's settings, then its short forms."""
    short = {field.name: field for field in dataclasses.fields(algorithm.short_forms)}
    return {**fields_of(algorithm.settings), **short}


def short_help(algorithm: Entry, given: dict[str, Any]) -> str:
    """The flags that most users need, and what the preset sets for the environment.

    Args:
      algorithm: the one that the flags are for.
      given: the flags on the command line, which choose the preset; all in range.
    """
    width = min(shutil.get_terminal_size().columns, WIDEST)
    fields = flags_of(algorithm)
    usual = plain(algorithm.settings)
    env = given.get("env", usual["env"])
    preset = preset_of(algorithm, algorithm.expand(given))
    own = algorithm.defaults(preset, env, {})
    chosen = {**usual, **own, "preset": preset, "env": env}
    often = {f"--{n}": _described(f, chosen) for n, f in fields.items() if _is_often(f)}
    sets = [f"--{name}={text_of(value)}" for name, value in own.items()]
    return "\n".join(
        [
            f"usage: {PROG} [--FLAG=VALUE ...]",
            "",
            *textwrap.wrap(f"Train a policy: {algorithm.title}.", width),
            "",
            f"Defaults are those of preset {preset} for {env}.",
            "",
            *_table({**often, **COMMAND_HELP}, width),
            "",
            f"Preset {preset} for {env} sets:",
            *_wrapped(" ".join(sets) or "nothing", width),
            "",
            "Presets:",
            *_wrapped(", ".join(algorithm.presets), width),
            "",
            f"Every flag: {PROG} --help=all",
        ]
    )


def text_of(value: Any) -> str:
    """A setting's value as it is written on the command line."""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:_}" if isinstance(value, int) else str(value)


def choices_of(field: dataclasses.Field) -> str:
    """The values that a field allows, in brackets; empty if it has no such list."""
    choices = field.metadata["choices"]
    return f" [{' | '.join(choices)}]" if choices else ""


def _is_often(field: dataclasses.Field) -> bool:
    return bool(field.metadata["often"])


def _described(field: dataclasses.Field, chosen: dict[str, Any]) -> str:
    value = chosen.get(field.name)
    default = "" if value is None or value is False else f" (default: {text_of(value)})"
    return field.metadata["help"] + choices_of(field) + default


def _table(rows: dict[str, str], width: int) -> list[str]:
    """Two columns: names, and their wrapped descriptions."""
    indent = GAP + max(map(len, rows)) + GAP
    lines = []
    for name, text in rows.items():
        first, *more = _wrap(text, width - indent)
        lines.append(f"{' ' * GAP}{name}".ljust(indent) + first)
        lines += [" " * indent + line for line in more]
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    return [" " * GAP + line for line in _wrap(text, width - GAP)]


def _wrap(text: str, width: int) -> list[str]:
    """Lines broken only between words, so that a flag stays in one piece."""
    return textwrap.wrap(
        text, max(width, 20), break_on_hyphens=False, break_long_words=False
    )
