"""`baselines-her COMMAND ...`: every command of the package by one name.

Each command is the `main` of a module, so it takes the same arguments as the script or
module of its own.
"""

import importlib
import os
import sys
from typing import NamedTuple

from .cli.command import refuse
from .settings.fields import nearest


class Named(NamedTuple):
    """Where a command is, and what it does."""

    module: str
    words: str


COMMANDS = {
    "train": Named("run", "train a policy (the flags of python -m baselines_her.run)"),
    "play": Named("play", "play a policy file; print and film its episodes"),
    "generate": Named("demos.generate", "make demonstrations with a scripted expert"),
    "demos": Named("demos.__main__", "look at demonstrations: info, replay, convert"),
    "teleop": Named("demos.teleop", "record demonstrations by hand, with the keyboard"),
    "plot": Named("runs.plot", "draw the curves of runs"),
    "table": Named("runs.table", "compare runs in a table"),
    "report": Named("report.__main__", "write a page about runs: curves, films, goals"),
    "sweep": Named("sweep.__main__", "find good settings by many short trainings"),
    "runs": Named("runs.listing", "list run folders"),
    "export": Named("exports.__main__", "write a policy as NumPy, ONNX or safetensors"),
}


def main(arguments: list[str] | None = None) -> int:
    """Runs the command that the first argument names; returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    name, *rest = arguments
    if name == "--version":
        print(importlib.import_module(__package__).__version__)
        return 0
    if name not in COMMANDS:
        hint = nearest(name, COMMANDS)
        refuse(f"there is no command {name}{hint}  (`baselines-her --help` lists all.)")
    sys.path.insert(0, os.getcwd())  # module:Id may be there, as with python -m
    module = f"{__package__}.{COMMANDS[name].module}"
    return importlib.import_module(module).main(rest)


def usage() -> str:
    """The list of commands."""
    lines = [f"  {name:10}{named.words}" for name, named in COMMANDS.items()]
    head = "usage: baselines-her COMMAND ...   (baselines-her COMMAND --help)"
    return "\n".join([head, "", *lines])


if __name__ == "__main__":
    sys.exit(main())
