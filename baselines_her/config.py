"""A whole run's settings: from flags, from a saved file, and back.

An algorithm's settings are a frozen dataclass of parts (`settings.her.HERConfig`); the
parts that every algorithm has are `Config`.  `None` in a field means "derived":
`resolve` fills it in once the environment is known, and a run saves the resolved
settings.
"""

import dataclasses
import functools
from typing import Any, Protocol

from .algorithms import DEFAULT, NAMES, Entry, canonical, entry
from .settings.common import LoopConfig, MachineConfig, RunConfig
from .settings.fields import nearest, require_effect
from .settings.synonyms import has_synonym, instead


class Config(Protocol):
    """The parts that every algorithm's settings have."""

    @property
    def run(self) -> RunConfig:
        """What to run and where to write."""

    @property
    def loop(self) -> LoopConfig:
        """What an epoch consists of."""

    @property
    def machine(self) -> MachineConfig:
        """Use of the machine."""


def from_flags(**flags: Any) -> Config:
    """The preset's settings for an environment, overridden by `flags`.

    Returns:
      The settings of the algorithm that `alg` names, e.g. a `HERConfig`.

    Raises:
      ValueError: a name is unknown (the message suggests the nearest one), or a value
        is out of range.
    """
    run = {**plain(RunConfig), **flags}
    algorithm = entry(run["alg"])
    flags = {**algorithm.expand(flags), "alg": canonical(run["alg"])}
    preset = preset_of(algorithm, flags)
    usual = algorithm.defaults(preset, run["env"], flags)
    return _build(algorithm.settings, {**usual, "preset": preset, **flags})


def preset_of(algorithm: Entry, flags: dict[str, Any]) -> str:
    """The preset that flags name, or the one that the algorithm chooses for them.

    Raises:
      ValueError: there is no preset of that name.
    """
    preset = flags.get("preset") or algorithm.choose_preset(flags)
    if preset not in algorithm.presets:
        words = ", ".join(algorithm.presets)
        hint = nearest(str(preset), algorithm.presets)
        raise ValueError(f"preset must be one of {words}, found {preset!r}{hint}")
    return preset


def from_saved(flags: dict[str, Any]) -> Config:
    """Settings from a file; those that it lacks are newer and get their defaults.

    No preset is applied: presets change, and a file must keep its meaning.

    Raises:
      ValueError: see `from_flags`.
    """
    return _build(entry(flags.get("alg", DEFAULT)).settings, flags)


def to_flags(config: Config) -> dict[str, Any]:
    """All settings as one flat dictionary, ready for JSON."""
    parts = dataclasses.asdict(config).values()  # type: ignore[call-overload]
    return {name: value for part in parts for name, value in part.items()}


def with_flags(config: Config, **flags: Any) -> Config:
    """These settings with some of them replaced."""
    expand = entry(config.run.alg).expand
    return _build(type(config), {**to_flags(config), **expand(flags)})


def require_effects(config: Config, given: dict[str, Any]) -> None:
    """Refuses settings that were given and have no effect; see `settings.fields`."""
    names = set(entry(config.run.alg).expand(given))
    for part in dataclasses.fields(config):  # type: ignore[arg-type]
        require_effect(getattr(config, part.name), names)


def plain(part: type) -> dict[str, Any]:
    """The plain defaults of one part, or of a whole algorithm's settings."""
    found = part()
    is_whole = any(dataclasses.is_dataclass(f.type) for f in dataclasses.fields(part))
    return to_flags(found) if is_whole else dataclasses.asdict(found)


def parts_of(settings: type) -> dict[str, Any]:
    """Part -> its class, in the order of the settings."""
    return {field.name: field.type for field in dataclasses.fields(settings)}


@functools.cache
def fields_of(settings: type) -> dict[str, dataclasses.Field]:
    """Flag -> field, of all parts of an algorithm's settings."""
    parts = parts_of(settings).values()
    return {field.name: field for part in parts for field in dataclasses.fields(part)}


def no_setting(name: str, settings: type, prefix: str = "") -> str:
    """The end of an error about a setting that an algorithm does not have.

    Args:
      name: what the user wrote, without dashes.
      settings: those of the algorithm.
      prefix: put before a setting in the message, e.g. `--`.
    """
    known = fields_of(settings)
    others = [alg for alg in NAMES if name in fields_of(entry(alg).settings)]
    if others and not has_synonym(name, known):
        return f": only alg={' and alg='.join(others)} has it.  Drop {prefix}{name}."
    return instead(name, known, prefix)


def _build(settings: type, values: dict[str, Any]) -> Config:
    known = fields_of(settings)
    for name in values:
        if name not in known:
            raise ValueError(f"unknown setting {name}{no_setting(name, settings)}")
    parts = {}
    for name, part in parts_of(settings).items():
        own = {field.name for field in dataclasses.fields(part)} & {*values}
        parts[name] = part(**{k: values[k] for k in own})
    return settings(**parts)
