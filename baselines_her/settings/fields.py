"""Settings as data: a typed field with help and a range, checked when it is set.

The command line, the checks and the saved config are all made from these fields.
"""

import dataclasses
import difflib
import math
import os
import types
import typing
from collections.abc import Iterable
from typing import Any


def knob(
    default: Any,
    help: str,
    low=None,
    high=None,
    choices=None,
    above=None,
    needs: tuple[str, ...] | None = None,
) -> Any:
    """A field with its help and its range: `low <= x <= high`, `above < x`.

    `needs` names a field of the same part, and its values that give this an effect.
    """
    limits = {"low": low, "high": high, "choices": choices, "above": above}
    limits |= {"needs": needs}
    help = f"with {needs[0]}={' or '.join(needs[1:])}: {help}" if needs else help
    return dataclasses.field(default=default, metadata={"help": help, **limits})


def check_knobs(settings: Any) -> None:
    """Coerces and checks every field of a frozen dataclass: its `__post_init__`."""
    for field in dataclasses.fields(settings):
        value = coerce(field.name, field.type, getattr(settings, field.name))
        _check_range(field, value)
        object.__setattr__(settings, field.name, value)


def has_effect(settings: Any, field: Any) -> bool:
    """Whether a field matters as the others are."""
    needs = field.metadata["needs"]
    return needs is None or getattr(settings, needs[0]) in needs[1:]


def require_effect(settings: Any, given: Iterable[str]) -> None:
    """Refuses fields that were given, but do nothing as the others are.

    Raises:
      ValueError: the first of them, and what would give it an effect.
    """
    for field in dataclasses.fields(settings):
        if field.name in given and not has_effect(settings, field):
            name, *values = field.metadata["needs"]
            raise ValueError(
                f"{field.name} has no effect with {name}={getattr(settings, name)}.  "
                f"Set {name}={' or '.join(values)}, or drop {field.name}."
            )


def nearest(word: str, known: Iterable[str], prefix: str = "") -> str:
    """ "; did you mean ...?" with the nearest known words, or a full stop."""
    found = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    words = " or ".join(prefix + w for w in found)
    return f"; did you mean {words}?" if found else "."


def coerce(name: str, kind: Any, value: Any) -> Any:
    """`value` as the field's type: "2.5e6" is an integer, "true" a switch.

    Raises:
      ValueError: it cannot be read as that type.
    """
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if value is None and type(None) in kinds:
        return None
    try:
        return {bool: _to_bool, int: _to_int, float: float, str: _to_str}[kinds[0]](
            value
        )
    except (TypeError, ValueError, OverflowError):
        word = {bool: "0 or 1", int: "a whole number", float: "a number", str: "text"}
        raise ValueError(f"{name} must be {word[kinds[0]]}, found {value!r}.") from None


def _to_bool(value):
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    if str(value).lower() not in words:
        raise ValueError
    return words[str(value).lower()]


def _to_int(value):
    if isinstance(value, str):
        value = int(value) if value.lstrip("+-").isdigit() else float(value)
    if isinstance(value, bool) or value != int(value):
        raise ValueError
    return int(value)


def _to_str(value):
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise ValueError
    return value


def _is_finite(value):
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def _check_range(field, value):
    limits = field.metadata
    if value is None:
        return
    if limits["choices"] and value not in limits["choices"]:
        words = ", ".join(limits["choices"])
        hint = nearest(str(value), limits["choices"]).removesuffix(".")
        raise ValueError(f"{field.name} must be one of {words}, found {value!r}{hint}")
    rules = {
        "low": ("at least", lambda limit: value >= limit),
        "high": ("at most", lambda limit: value <= limit),
        "above": ("above", lambda limit: value > limit),
    }
    for rule, (words, holds) in rules.items():
        limit = limits[rule]
        if limit is not None and not (holds(limit) and _is_finite(value)):
            raise ValueError(f"{field.name} must be {words} {limit:g}, found {value}.")
