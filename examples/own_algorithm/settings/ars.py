"""The settings of augmented random search; field names are flags."""

import dataclasses
from typing import Any

from ..types import FlatSpec
from .common import LoopConfig, MachineConfig, RunConfig
from .fields import Search, check_settings, setting

PRESETS: dict[str, dict[str, Any]] = {"tuned": {}}


@dataclasses.dataclass(frozen=True)
class SearchConfig:
    """The search."""

    def __post_init__(self) -> None:
        check_settings(self)

    directions: int = setting(
        8, "random directions per iteration and worker", low=1, high=10_000
    )
    noise: float = setting(
        0.1, "size of a step that is tried", above=0, search=Search(0.01, 0.3, log=True)
    )
    step_size: float = setting(
        0.1, "size of a step that is taken", above=0, search=Search(0.01, 0.3, log=True)
    )


@dataclasses.dataclass(frozen=True)
class ShortForms:
    """Short forms."""


@dataclasses.dataclass(frozen=True)
class ARSConfig:
    """All settings of a run of augmented random search."""

    run: RunConfig = RunConfig()
    loop: LoopConfig = LoopConfig()
    search: SearchConfig = SearchConfig()
    machine: MachineConfig = MachineConfig()

    def resolve(self, spec: FlatSpec, cores: int = 1, workers: int = 1) -> "ARSConfig":
        """Fills in what depends on the environment and on the machine."""
        replace = dataclasses.replace
        threads = self.machine.learner_threads or cores
        machine = replace(self.machine, collectors=0, learner_threads=threads)
        run = replace(self.run, env=spec.env_id, num_cpu=workers)
        return replace(self, run=run, machine=machine)


def choose_preset(flags: dict[str, Any]) -> str:
    """The preset of a run for which none was named."""
    return "tuned"


def expand(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags with short forms spelled out: there are none."""
    return dict(flags)


def defaults(preset: str, env: str, flags: dict[str, Any]) -> dict[str, Any]:
    """What holds where a flag is not given."""
    return dict(PRESETS[preset])


def for_unknown_env(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags for a user's own function: nothing depends on its name."""
    return dict(flags)
