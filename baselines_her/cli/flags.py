"""The command line, made from the config's fields."""

import argparse
from typing import Any

from ..config import ALL_FLAGS, FLAGS, PARTS, SHORT_FORMS
from ..settings.fields import coerce, nearest
from .command import Parser, refuse


def build_parser() -> Parser:
    """A parser with one option for each knob, grouped as in the config."""
    parser = Parser(
        prog="python -m baselines_her.run",
        description="Learn goal-reaching robot skills from sparse rewards: DDPG with "
        "hindsight experience replay.",
        epilog="Without --preset a run is tuned, which like the other presets sets "
        "some of these for each environment; the defaults told here are laptop's.  "
        "Whole numbers may be written 2.5e6, switches as --play, --play=1 or "
        "--play=true.",
        allow_abbrev=False,
    )
    for group, fields in FLAGS.items():
        title = PARTS[group].__doc__.strip().rstrip(".")
        section = parser.add_argument_group(title[0].lower() + title[1:])
        for name, field in fields.items():
            section.add_argument(f"--{name}", **_option(field))
    section = parser.add_argument_group("short forms")
    for name, field in SHORT_FORMS.items():
        section.add_argument(f"--{name}", **_option(field))
    return parser


def parse_flags(arguments: list[str]) -> dict[str, Any]:
    """The flags that were given, each of its own type; exits 2 on a bad one."""
    known = {**ALL_FLAGS, **SHORT_FORMS}
    given, unknown = build_parser().parse_known_args(arguments)
    if unknown:
        word = unknown[0].partition("=")[0]
        hint = nearest(word.lstrip("-"), known, prefix="--")
        refuse(f"unknown argument {word}{hint}")
    values = {}
    for name, text in vars(given).items():
        try:
            values[name] = coerce(f"--{name}", known[name].type, text)
        except ValueError as error:
            refuse(str(error))
    return values


def _option(field: Any) -> dict[str, Any]:
    limits, is_switch = field.metadata, field.type in (bool, bool | None)
    default = "" if field.default is None else f" (default: {_text(field.default)})"
    choices = f" [{' | '.join(limits['choices'])}]" if limits["choices"] else ""
    return {
        "metavar": "0|1" if is_switch else field.name.upper(),
        "default": argparse.SUPPRESS,
        "help": limits["help"] + choices + default,
        **({"nargs": "?", "const": True} if is_switch else {}),
    }


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:,}".replace(",", "_") if isinstance(value, int) else str(value)
