"""The text of `baselines_her/settings/flags.py`, made from the settings' fields.

After a setting has changed, run this file: it writes the other one again.
"""

import json
import textwrap
import typing
from pathlib import Path

from baselines_her.algorithms import NAMES, entry
from baselines_her.cli.help import flags_of

TARGET = Path(__file__).parents[2] / "baselines_her" / "settings" / "flags.py"
WIDTH, INDENT = 88, "    "
HEAD = '''"""The flags of `baselines_her.train`, for editors and type checkers.

Written by `tests/settings/flags_text.py` from the fields of the settings, which also
hold ranges and defaults.  Each flag may be left out.
"""

import os
from typing import Literal, TypedDict

AnyPath = str | os.PathLike[str]


class TrainFlags(TypedDict, total=False):
    """All flags of the command line but `env`, which is an argument of its own."""
'''


def flags_text():
    """What flags.py must contain."""
    fields = (_field(name, field) for name, field in all_flags().items())
    return HEAD + "\n" + "".join(fields)


def all_flags():
    """Flag -> field, of all algorithms."""
    flags = {}
    for name in NAMES:
        for flag, field in flags_of(entry(name)).items():
            flags.setdefault(flag, field)  # her's gamma may be None, ppo's not
    del flags["env"]
    return flags


def type_of(name, field):
    """The type as source text: a word of the choices, or a path for other texts."""
    kinds = typing.get_args(field.type) or (field.type,)
    choices = field.metadata["choices"]
    if name == "preset":
        words = [word for alg in NAMES for word in entry(alg).presets]
        choices = [*dict.fromkeys(words)]  # several algorithms have a `tuned`
    if choices:
        text = f"Literal[{', '.join(map(json.dumps, choices))}]"
    else:
        is_path = name.endswith(("_path", "_file")) or name == "resume"
        text = "AnyPath" if is_path else kinds[0].__name__
    return text + " | None" * (type(None) in kinds)


def _field(name, field):
    mark = f"{INDENT}# "
    words = textwrap.fill(
        *(field.metadata["help"], WIDTH),
        **{"initial_indent": mark, "subsequent_indent": mark},
        break_on_hyphens=False,
    )
    line = f"{INDENT}{name}: {type_of(name, field)}\n"
    if len(line) > WIDTH + 1:
        line = _folded(line)
    return f"{words}\n{line}"


def _folded(line):
    """The words of a long Literal on a line of their own, or on one each."""
    head, _, rest = line.partition("[")
    words, _, tail = rest.partition("]")
    inner = f"{INDENT * 2}{words}"
    if len(inner) > WIDTH:
        inner = "\n".join(f"{INDENT * 2}{word}," for word in words.split(", "))
    return f"{head}[\n{inner}\n{INDENT}]{tail}"


if __name__ == "__main__":
    TARGET.write_text(flags_text())
