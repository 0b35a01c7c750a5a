"""The command line of a training, made from the settings' fields."""

import argparse
import dataclasses
from typing import Any, NamedTuple

from ..algorithms import Entry, entry
from ..config import fields_of, from_flags, parts_of, to_flags
from ..settings.fields import coerce, nearest
from ..versions import PACKAGES, version
from .command import Parser, refuse

PROG = "python -m baselines_her.run"
# What other libraries call our flags.
SYNONYMS = {
    "tau": "polyak",
    "learning_rate": "pi_lr or --Q_lr",
    "lr": "pi_lr or --Q_lr",
    "actor_lr": "pi_lr",
    "critic_lr": "Q_lr",
    "n_envs": "num_env",
    "num_envs": "num_env",
    "env_id": "env",
    "total_timesteps": "num_timesteps",
    "n_timesteps": "num_timesteps",
    "timesteps": "num_timesteps",
    "steps": "num_timesteps",
    "discount": "gamma",
    "her_k": "replay_k",
    "n_sampled_goal": "replay_k",
    "goal_selection_strategy": "replay_strategy",
    "logdir": "log_path",
    "log_dir": "log_path",
    "save_dir": "log_path",
    "rollout_batch_size": "num_env",
    "algo": "alg",
}


class Command(NamedTuple):
    """A command line, read."""

    flags: dict[str, Any]  # the settings that were given, each of its own type
    quiet: bool


def parse_flags(arguments: list[str]) -> dict[str, Any]:
    """The settings that were given, each of its own type; exits 2 on a bad one."""
    return parse_command(arguments).flags


def parse_command(arguments: list[str]) -> Command:
    """Reads a command line; `--help` and `--version` exit 0, errors exit 2."""
    early, _ = _early_parser().parse_known_args(arguments)
    try:
        algorithm = entry(early.alg)
    except ValueError as error:
        refuse(str(error))
    if early.help == "all":
        build_parser(algorithm).print_help()
        raise SystemExit(0)
    if early.help is not None:
        print(short_help(algorithm, early.env, early.preset))
        raise SystemExit(0)
    return Command(_settings(algorithm, arguments), early.quiet)


def build_parser(algorithm: Entry) -> Parser:
    """A parser with one option for each setting, grouped as in the settings."""
    parser = Parser(
        prog=PROG,
        usage=f"{PROG} [--FLAG=VALUE ...]",
        description=f"Train a policy: {algorithm.title}.",
        epilog="The defaults shown here are those of the settings; a preset sets some "
        f"of them anew for each environment ({PROG} --help --env=... shows which).  "
        "Whole numbers may be written 2.5e6, switches as --play, --play=1 or "
        "--play=true.",
        allow_abbrev=False,
        add_help=False,
    )
    for part in parts_of(algorithm.settings).values():
        title = part.__doc__.strip().rstrip(".")
        section = parser.add_argument_group(title[0].lower() + title[1:])
        for field in dataclasses.fields(part):
            section.add_argument(f"--{field.name}", **_option(field))
    section = parser.add_argument_group("short forms")
    for field in dataclasses.fields(algorithm.short_forms):
        section.add_argument(f"--{field.name}", **_option(field))
    section = parser.add_argument_group("the command")
    for name, text in COMMAND_HELP.items():
        section.add_argument(name, default=argparse.SUPPRESS, nargs="?", help=text)
    return parser


COMMAND_HELP = {
    "--quiet": "print nothing but errors",
    "--version": "print the version",
    "--help": "the flags that most users need; --help=all: every flag",
}


def short_help(algorithm: Entry, env: str, preset: str | None) -> str:
    """The flags that most users need, and what the preset sets for the environment."""
    given = {"env": env} | ({"preset": preset} if preset else {})
    try:
        config = from_flags(**given)
    except ValueError as error:
        refuse(str(error))
    chosen = to_flags(config)
    shown = [f for f in _all_fields(algorithm).values() if f.metadata["often"]]
    lines = [f"usage: {PROG} [--FLAG=VALUE ...]", "", f"Train: {algorithm.title}.", ""]
    for field in shown:
        value = chosen.get(field.name)
        default = "" if value in (None, False) else f" ({_text(value)})"
        lines.append(f"  --{field.name:15} {field.metadata['help']}{default}")
    lines += [f"  {name:17} {text}" for name, text in COMMAND_HELP.items()]
    plain = to_flags(type(config)())
    own = {k: v for k, v in chosen.items() if v != plain[k] and k not in given}
    own.pop("preset", None)
    words = " ".join(f"--{name}={_text(value)}" for name, value in own.items())
    lines += ["", f"Preset {config.run.preset} for {env} sets:"]
    lines += [f"  {words or 'nothing'}", "", f"Presets: {', '.join(algorithm.presets)}"]
    lines += ["", f"Every flag: {PROG} --help=all"]
    return "\n".join(lines)


def _early_parser() -> Parser:
    """What must be known before the algorithm's own flags can be read."""
    parser = Parser(prog=PROG, allow_abbrev=False, add_help=False)
    parser.add_argument("--alg", default="her")
    parser.add_argument("--env", default="FetchReach")
    parser.add_argument("--preset")
    parser.add_argument(
        "-h", "--help", nargs="?", const="often", choices=("often", "all")
    )
    parser.add_argument("--quiet", action="store_true")
    own = version(PACKAGES[0]) or "not installed"
    parser.add_argument("--version", action="version", version=own)
    return parser


def _settings(algorithm: Entry, arguments: list[str]) -> dict[str, Any]:
    known = _all_fields(algorithm)
    given, unknown = build_parser(algorithm).parse_known_args(arguments)
    if unknown:
        word = unknown[0].partition("=")[0]
        refuse(f"unknown argument {word}{_hint(word.lstrip('-'), known)}")
    values = {}
    for name, text in vars(given).items():
        if name not in known:  # one of COMMAND_HELP
            continue
        try:
            values[name] = coerce(f"--{name}", known[name].type, text)
        except ValueError as error:
            refuse(str(error))
    return values


def _hint(word: str, known: dict[str, dataclasses.Field]) -> str:
    other = SYNONYMS.get(word.replace("-", "_").lower())
    if other:
        return f": here it is --{other}"
    return nearest(word, known, prefix="--")


def _all_fields(algorithm: Entry) -> dict[str, dataclasses.Field]:
    short = {field.name: field for field in dataclasses.fields(algorithm.short_forms)}
    return {**fields_of(algorithm.settings), **short}


def _option(field: dataclasses.Field) -> dict[str, Any]:
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
