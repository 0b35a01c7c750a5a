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
from typing import Any, NamedTuple


class Search(NamedTuple):
    """The values that a sweep tries by default: a range, or choices."""

    low: float = 0.0
    high: float = 0.0
    log: bool = False  # evenly in the logarithm
    choices: tuple[Any, ...] = ()


class Needs(NamedTuple):
    """The condition under which a setting has an effect."""

    field: str  # another setting of the same part
    values: tuple[Any, ...]  # any of these


def needs(field: str, *values: Any) -> Needs:
    """The condition that `field` has one of `values`."""
    return Needs(field, values)


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    choices: tuple[str, ...] | None = None,
    only_with: Needs | None = None,
    often: bool = False,
    search: Search | None = None,
) -> Any:
    """A field with its help and its range.

    Args:
      default: the value if none is given.
      help: one line for `--help`.
      low: the smallest value allowed.
      high: the largest value allowed.
      above: every value must be larger than this.
      choices: the allowed words.
      only_with: the condition under which the setting has an effect.
      often: whether most users need it, so that the short `--help` shows it.
      search: what a sweep tries, if it should vary this setting.
    """
    if only_with:
        values = " or ".join(map(_spelled, only_with.values))
        help += f" (only with --{only_with.field}={values})"
    limits = {"low": low, "high": high, "above": above, "choices": choices}
    more = {"help": help, "only_with": only_with, "often": often, "search": search}
    return dataclasses.field(default=default, metadata=limits | more)


def check_settings(settings: Any) -> None:
    """Coerces and checks every field of a frozen dataclass: its `__post_init__`."""
    for field in dataclasses.fields(settings):
        value = check_value(field, getattr(settings, field.name))
        object.__setattr__(settings, field.name, value)


def check_value(field: Any, value: Any) -> Any:
    """`value` as the field's type, within its range.

    Raises:
      ValueError: it is not.
    """
    value = coerce(field.name, field.type, value)
    _check_range(field, value)
    return value


def has_effect(settings: Any, field: Any) -> bool:
    """Whether the field has any effect given the others."""
    condition = field.metadata["only_with"]
    return condition is None or getattr(settings, condition.field) in condition.values


def require_effect(settings: Any, given: Iterable[str]) -> None:
    """Refuses fields that were given but have no effect given the others.

    Raises:
      ValueError: names the first one and the setting that it needs.
    """
    for field in dataclasses.fields(settings):
        if field.name in given and not has_effect(settings, field):
            name, values = field.metadata["only_with"]
            raise ValueError(
                f"{field.name} has no effect with {name}={getattr(settings, name)}.  "
                f"Set {name}={' or '.join(map(_spelled, values))}, or drop "
                f"{field.name}."
            )


def nearest(word: str, known: Iterable[str], prefix: str = "") -> str:
    """ "; did you mean ...?" with the nearest known words, or a full stop."""
    found = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    words = " or ".join(prefix + w for w in found)
    return f"; did you mean {words}?" if found else "."


def coerce(name: str, kind: Any, value: Any) -> Any:
    """`value` as the field's type: "2.5e6" is an integer, "true" a switch.

    "none" is None where the field may be None, unless it holds text.

    Raises:
      ValueError: it cannot be read as that type.
    """
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if type(None) in kinds and _is_none(value, kinds[0]):
        return None
    try:
        return {bool: _to_bool, int: _to_int, float: float, str: _to_str}[kinds[0]](
            value
        )
    except (TypeError, ValueError, OverflowError):
        word = {bool: "0 or 1", int: "a whole number", float: "a number", str: "text"}
        raise ValueError(f"{name} must be {word[kinds[0]]}, found {value!r}.") from None


def _spelled(value: Any) -> str:
    """A value as on the command line: switches are 0 and 1."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _is_none(value: Any, kind: type) -> bool:
    return value is None or (kind is not str and str(value).lower() == "none")


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
    except OverflowError:  # an integer too large for a float
        return False


def _check_range(field, value):
    limits = field.metadata
    if value is None:
        return
    if value == "":
        name = field.name
        raise ValueError(f"{name} must not be empty: give a value, or drop {name}.")
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
