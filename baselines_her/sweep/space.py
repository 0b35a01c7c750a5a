"""What a sweep varies: dimensions, from the settings' own search ranges or a file."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ..algorithms import Entry
from ..config import fields_of, from_flags, parts_of
from ..runs.foreign import printable
from ..settings.fields import check_value, has_effect
from ..settings.synonyms import instead

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WORDS = "low", "high", "log", "choices"  # of a dimension in a file
FIXED = (  # a sweep's own
    *("alg", "env", "preset", "seed", "num_timesteps", "log_path", "save_path"),
    *("resume", "play", "stop_at", "num_cpu"),
)


class Dimension(NamedTuple):
    """A setting and the values that are tried: a range, or choices."""

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False  # drawn evenly in the logarithm
    is_whole: bool = False
    choices: tuple[Any, ...] = ()


class Trial(Protocol):
    """The part of an Optuna trial that draws values."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """One of the choices."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool) -> int:
        """A whole number."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float:
        """A number."""


def default_space(algorithm: Entry) -> list[Dimension]:
    """All settings that have a search range, in their order."""
    fields = fields_of(algorithm.settings).values()
    return [_dimension(f, {}) for f in fields if f.metadata["search"] is not None]


def read_space(path: str | Path, algorithm: Entry) -> list[Dimension]:
    """The space in a TOML file: one table for each setting.

        [lr]                  # a range
        low = 1e-4
        high = 3e-3
        log = true
        [nsteps]              # or choices
        choices = [128, 256, 512]
        [cliprange]           # or nothing: the setting's own search range

    Raises:
      ValueError: the file is no such space; the message names the table.
    """
    shown = printable(path)
    try:
        tables = tomllib.loads(Path(path).expanduser().read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"the space {shown} cannot be read: {error}") from None
    fields = fields_of(algorithm.settings)
    if not tables:
        raise ValueError(f"the space {shown} must name at least one setting.")
    found = []
    for name, table in tables.items():
        if name not in fields or name in FIXED:
            hint = "." if name in FIXED else instead(name, fields)
            raise ValueError(f"{shown}: {printable(name)} cannot be swept{hint}")
        if not isinstance(table, dict):
            raise ValueError(f"{shown}: {name} must be a table, as [{name}].")
        try:
            found.append(_dimension(fields[name], table))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{shown}, [{name}]: {error}") from None
    return found


def suggest(
    trial: Trial, space: list[Dimension], given: Mapping[str, Any], algorithm: Entry
) -> dict[str, Any]:
    """Draws the settings of a trial.

    A setting that has no effect beside the given and the drawn ones is not drawn, so a
    condition must come before what depends on it.

    Args:
      trial: draws.
      space: what to draw.
      given: flags that are the same in all trials.
      algorithm: the one that they are for.
    """
    drawn: dict[str, Any] = {}
    for dimension in space:
        if _matters(dimension.name, {**given, **drawn}, algorithm):
            drawn[dimension.name] = _draw(trial, dimension)
    return drawn


def holds(dimension: Dimension, value: Any) -> bool:
    """Whether a value is one of those that a dimension tries."""
    if dimension.choices:
        return value in dimension.choices
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and dimension.low <= value <= dimension.high


def widened(dimension: Dimension, value: Any) -> Dimension:
    """The dimension with a value in it, if that can be."""
    if value is None or holds(dimension, value):
        return dimension
    if dimension.choices:
        return dimension._replace(choices=(*dimension.choices, value))
    if dimension.log and value <= 0:
        return dimension
    low, high = min(dimension.low, value), max(dimension.high, value)
    return dimension._replace(low=float(low), high=float(high))


def _draw(trial: Trial, dimension: Dimension) -> Any:
    name, low, high, log, is_whole, choices = dimension
    if choices:
        return trial.suggest_categorical(name, choices)
    if is_whole:
        return trial.suggest_int(name, int(low), int(high), log=log)
    return trial.suggest_float(name, low, high, log=log)


def _matters(name: str, flags: Mapping[str, Any], algorithm: Entry) -> bool:
    config = from_flags(**flags)
    field = fields_of(algorithm.settings)[name]
    for part, kind in parts_of(algorithm.settings).items():
        if name in kind.__dataclass_fields__:
            return has_effect(getattr(config, part), field)
    return False


def _dimension(field: Any, table: Mapping[str, Any]) -> Dimension:
    """A setting's dimension; what `table` does not say is the setting's own.

    Raises:
      ValueError: a word or a value is wrong.
    """
    for word in table:
        if word not in WORDS:
            raise ValueError(f"a dimension has {', '.join(WORDS)}, found {word}.")
    own = field.metadata["search"]
    if not table and own is None:
        raise ValueError("it has no search range of its own: give low and high.")
    if "choices" in table or (not table and own.choices):
        choices = table["choices"] if table else own.choices
        if not isinstance(choices, list | tuple) or len(choices) < 2 or len(table) > 1:
            raise ValueError("choices must be a list of two values or more, alone.")
        return Dimension(
            field.name, choices=tuple(check_value(field, value) for value in choices)
        )
    low, high = table.get("low", own and own.low), table.get("high", own and own.high)
    log = table.get("log", bool(own and own.log))
    if low is None or high is None or not isinstance(log, bool):
        raise ValueError("a range has low and high, and log = true or false.")
    low, high = check_value(field, low), check_value(field, high)
    if isinstance(low, str | bool) or not low < high or (log and low <= 0):
        raise ValueError(
            f"low must be below high, and above 0 with log, found {low} and {high}."
        )
    is_whole = isinstance(low, int) and isinstance(high, int)
    return Dimension(field.name, float(low), float(high), log, is_whole)
