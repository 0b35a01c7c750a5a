"""Reads the commands of a page as their programs would, without running them."""

import importlib
import importlib.util
import inspect
import itertools
import json
import re
import shlex

from pages import ROOT

from baselines_her.__main__ import COMMANDS
from baselines_her.algorithms import entry
from baselines_her.cli.command import Parser
from baselines_her.cli.flags import parse_flags
from baselines_her.cli.help import flags_of
from baselines_her.config import from_flags, require_effects
from baselines_her.sweep.__main__ import _parser, sweep_of

# programs of others; the value is the words that may follow, if we use only some
FOREIGN = {
    ".": {".venv/bin/activate"},
    "docker": {"build", "run"},
    "tensorboard": {"--logdir"},
    "optuna-dashboard": None,
    "cp": {"-r"},
    "jupytext": {"--to"},
}
FOREIGN_MODULES = "venv", "pytest", "build", "sphinx"
MISSING = "the following arguments are required"


class Parsed(BaseException):
    """Ends a program once its command line has been read."""

    def __init__(self, options):
        self.options = options


def commands(text):
    """The commands of a block or of a line, each as words, without comments."""
    text = text.replace("\\\n", " ")
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;")
        lexer.whitespace_split = True
        is_between = {"|", "&&", ";"}.__contains__
        for between, words in itertools.groupby(lexer, is_between):
            if not between:
                yield [*words]


def is_placeholder(word):
    """Whether a value stands for others: `--seed=N`, or `--env=` from `--env=...`."""
    return re.search(r"=[A-Z]*$", word)


def check(words, monkeypatch):
    """Fails unless the program exists and takes these arguments.

    Raises:
      ValueError: says what is wrong.
    """
    program, *rest = [w.removesuffix("...") for w in words if w != "..."]
    if re.fullmatch(r"[A-Z_]+=.*", program) and rest:  # a variable for the command
        return check(rest, monkeypatch)
    if program in ("mpirun", "taskset"):
        first = rest.index("python") if "python" in rest else len(rest)
        return check(rest[first:], monkeypatch) if rest[first:] else None
    if program == "baselines-her":
        return _check_ours(rest, monkeypatch)
    if program in ("python", "python3"):
        return _check_python(rest, monkeypatch)
    if program == "make":
        return _check_make(rest)
    if program == "pip":
        return _check_pip(rest)
    if program not in FOREIGN:
        raise ValueError(f"there is no way to check {program}")
    if FOREIGN[program] and rest[0] not in FOREIGN[program]:
        raise ValueError(f"{program} {rest[0]} is not known here")


def _check_ours(words, monkeypatch):
    name, *rest = words
    if name in ("--version", "--help", "COMMAND"):
        return
    if name not in COMMANDS:
        raise ValueError(f"baselines-her has no command {name}")
    _check_module(f"baselines_her.{COMMANDS[name].module}", rest, monkeypatch)


def _check_python(words, monkeypatch):
    first, *rest = words
    if first == "-m":
        name, *rest = rest
        if name == "baselines_her":
            _check_ours(rest, monkeypatch)
        elif name.startswith("baselines_her."):
            package = importlib.util.find_spec(name).submodule_search_locations
            _check_module(f"{name}.__main__" if package else name, rest, monkeypatch)
        elif name not in FOREIGN_MODULES:
            raise ValueError(f"the module {name} is not known here")
        return
    path = ROOT / first
    if not path.is_file():
        raise ValueError(f"there is no file {first}")
    if path.parent.name in ("experiment", "data_generation"):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        if path.stem == "train":
            _check_training(rest)
            return
        options = _options(script.main, rest, monkeypatch)
        if path.stem == "benchmark":
            lists = json.loads((ROOT / "experiment" / "benchmarks.json").read_text())
            if options.name not in lists:
                raise ValueError(f"benchmarks.json has no list {options.name}")
    elif path.parent.name == "bench":
        known = re.findall(r'"(\w+)": \w+[,}]|^def (\w+)', path.read_text(), re.M)
        known = {word for pair in known for word in pair} | {"all", "train"}
        if rest and rest[0] not in known:
            raise ValueError(f"{first} has no part {rest[0]}")


def _check_module(module, words, monkeypatch):
    if module == "baselines_her.run":
        _check_training(words)
    elif module == "baselines_her.sweep.__main__":
        options, rest = _parser().parse_known_args(words)
        sweep_of(options, parse_flags(rest))
    else:
        _options(importlib.import_module(module).main, words, monkeypatch)


def _check_training(words):
    """The flags exist, are in range, and have an effect; files need not exist."""
    if any(word.startswith("--help") for word in words):
        return
    flags = parse_flags([word for word in words if not is_placeholder(word)])
    known = {**flags_of(entry("her")), **flags_of(entry("ppo"))}
    for word in filter(is_placeholder, words):
        name = word.partition("=")[0].removeprefix("--")
        if name not in known:
            raise ValueError(f"there is no flag {name}")
    config = from_flags(**flags)
    if "resume" not in flags:
        require_effects(config, flags)


def _options(main, words, monkeypatch):
    """What a program reads from its command line."""

    def parse_args(self, arguments=None, namespace=None):
        raise Parsed(super(Parser, self).parse_args(arguments, namespace))

    if "--help" in words or not (words or inspect.signature(main).parameters):
        return None
    with monkeypatch.context() as patched:
        patched.setattr(Parser, "parse_args", parse_args, raising=False)
        try:
            main(words)
        except Parsed as parsed:
            return parsed.options
    raise ValueError("the program does not read a command line")


def _check_make(words):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    for word in words:
        if "=" not in word and word not in targets:
            raise ValueError(f"the Makefile has no target {word}")


def _check_pip(words):
    text = (ROOT / "pyproject.toml").read_text()
    table = text.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    extras = {*re.findall(r"^(\w+) = ", table, re.M)}
    for group in re.findall(r"\[([a-z,]+)\]", " ".join(words)):
        if not {*group.split(",")} <= extras:
            raise ValueError(f"pyproject.toml has no extras {group}")
    if "-c" in words and not (ROOT / words[words.index("-c") + 1]).is_file():
        raise ValueError("the file of constraints does not exist")
