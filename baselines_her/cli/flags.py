"""The command line of a training, made from the settings' fields."""

import argparse
import dataclasses
import functools
import typing
from typing import Any, NamedTuple

from ..algorithms import DEFAULT, Entry, entry
from ..config import no_setting, parts_of
from ..settings.fields import coerce
from ..versions import PACKAGES, version
from .command import Parser, refuse
from .help import COMMAND_HELP, PROG, choices_of, flags_of, short_help, text_of

METAVARS = {int: "N", float: "X", str: "TEXT"}


class Command(NamedTuple):
    """A command line that has been read."""

    flags: dict[str, Any]  # the settings that were given, converted to their types
    quiet: bool


def parse_flags(arguments: list[str]) -> dict[str, Any]:
    """The settings that were given, converted to their types; exits 2 on a bad one."""
    return parse_command(arguments).flags


def parse_command(arguments: list[str]) -> Command:
    """Reads a command line; `--help` and `--version` exit 0, errors exit 2."""
    early, _ = _early_parser().parse_known_args(arguments)
    try:
        algorithm = entry(early.alg)
        if early.help not in (None, "often", "all"):
            raise ValueError(
                f"--help takes no value or `all`, found --help={early.help}.  Write "
                "--help, or --help=all for every flag."
            )
        if early.help == "all":
            build_parser(algorithm).print_help()
            raise SystemExit(0)
        flags = _settings(algorithm, arguments)
        if early.help:
            print(short_help(algorithm, flags))
            raise SystemExit(0)
    except ValueError as error:
        refuse(str(error))
    return Command(flags, early.quiet)


def build_parser(algorithm: Entry) -> Parser:
    """A parser with one option for each setting, grouped as in the settings."""
    parser = Parser(
        prog=PROG,
        usage=f"{PROG} [--FLAG=VALUE ...]",
        description=f"Train a policy: {algorithm.title}.",
        epilog="The defaults shown here are those of the preset laptop.  Other presets "
        f"change some of them, depending on the environment: {PROG} --help --preset=P "
        "--env=E lists these.  Whole numbers may be written as 2.5e6, switches as "
        "--play, --play=1 or --play=true, and --stop_at=none takes a number back.",
        allow_abbrev=False,
        add_help=False,
        formatter_class=functools.partial(argparse.HelpFormatter, max_help_position=28),
    )
    for part in parts_of(algorithm.settings).values():
        title = part.__doc__.strip().rstrip(".")
        section = parser.add_argument_group(title[0].lower() + title[1:])
        for field in dataclasses.fields(part):
            section.add_argument(f"--{field.name}", **_option(field))
    section = parser.add_argument_group("short forms")
    for field in dataclasses.fields(algorithm.short_forms):
        section.add_argument(f"--{field.name}", **_option(field))
    _add_command_options(parser.add_argument_group("the command"))
    return parser


def _add_command_options(parser: Any) -> None:
    """`--quiet`, `--version` and `--help`."""
    words = {name.lstrip("-"): text for name, text in COMMAND_HELP.items()}
    parser.add_argument("--quiet", action="store_true", help=words["quiet"])
    own = version(PACKAGES[0]) or "not installed"
    showing: dict[str, Any] = {"action": "version", "version": own}
    parser.add_argument("--version", "-V", help="print the version and exit", **showing)
    asking: dict[str, Any] = {"nargs": "?", "const": "often", "metavar": "all"}
    parser.add_argument(
        "--help",
        "-h",
        help="print the most used flags and exit; with =all: every flag",
        **asking,
    )


def _early_parser() -> Parser:
    """Reads the flags that must be known before the algorithm's own flags."""
    parser = Parser(prog=PROG, allow_abbrev=False, add_help=False)
    parser.add_argument("--alg", default=DEFAULT)
    _add_command_options(parser)
    return parser


def _settings(algorithm: Entry, arguments: list[str]) -> dict[str, Any]:
    """The settings that were given.

    Raises:
      ValueError: a setting does not exist or cannot have the given value.
    """
    known = flags_of(algorithm)
    given, unknown = build_parser(algorithm).parse_known_args(arguments)
    if unknown:
        word = unknown[0].partition("=")[0]
        hint = no_setting(word.lstrip("-"), algorithm.settings, prefix="--")
        raise ValueError(f"unknown argument {word}{hint}")
    words = {name: text for name, text in vars(given).items() if name in known}
    return {n: coerce(f"--{n}", known[n].type, text) for n, text in words.items()}


def _option(field: dataclasses.Field) -> dict[str, Any]:
    kinds = typing.get_args(field.type) or (field.type,)
    is_switch = kinds[0] is bool
    default = "" if field.default is None else f" (default: {text_of(field.default)})"
    return {
        "metavar": "0|1" if is_switch else METAVARS[kinds[0]],
        "default": argparse.SUPPRESS,
        "help": (field.metadata["help"] + choices_of(field) + default).replace(
            "%", "%%"
        ),
        **({"nargs": "?", "const": True} if is_switch else {}),
    }
