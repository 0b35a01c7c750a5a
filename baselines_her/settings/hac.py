"""The settings of several levels (alg=hac): those of HER, and of the levels."""

import dataclasses
import math
from typing import Any

from ..types import EnvSpec
from .common import LoopConfig, MachineConfig, RunConfig
from .fields import check_settings, coerce, needs, setting
from .hac_presets import preset_values
from .her import (
    CollectConfig,
    DDPGConfig,
    HERConfig,
    HindsightConfig,
    InputConfig,
    ReplayConfig,
    ShortForms,
    expand,
)

MOST_LEVELS = 3
SEVERAL = needs("levels", *range(2, MOST_LEVELS + 1))
__all__ = ["HACConfig", "ShortForms", "expand"]


@dataclasses.dataclass(frozen=True)
class LevelsConfig:
    """Levels."""

    def __post_init__(self) -> None:
        check_settings(self)
        if self.periods is not None and self.levels > 1:
            require_periods(self.periods, self.levels)

    levels: int = setting(
        2,
        "number of levels; all but the lowest choose subgoals; 1: as alg=her",
        low=1,
        high=MOST_LEVELS,
        often=True,
    )
    periods: str | None = setting(
        None,
        "steps between two decisions, for each level above the lowest: 10, or 5,25 for "
        "three levels (default: about equally many decisions at each level)",
        only_with=SEVERAL,
        often=True,
    )
    subgoal_space: str | None = setting(
        None,
        "which space subgoals lie in, where an environment has several: for "
        "FetchPickAndPlace gripper_fingers, gripper or gripper_object",
        only_with=SEVERAL,
    )
    subgoal_threshold: float = setting(
        1.0,
        "how close counts as reaching a subgoal, as a multiple of the space's own "
        "threshold",
        above=0,
        high=1e3,
        only_with=SEVERAL,
    )
    subgoals: str = setting(
        "absolute",
        "places in the space, or relative to the present place",
        choices=("absolute", "relative"),
        only_with=SEVERAL,
    )
    subgoal_reach: float = setting(
        0.5,
        "the largest relative subgoal, as a share of half the space",
        above=0,
        high=2,
        only_with=needs("subgoals", "relative"),
    )
    subgoal_noise: float = setting(
        0.1,
        "standard deviation of the noise on subgoals, as a share of half the space",
        low=0,
        high=1e6,
        only_with=SEVERAL,
    )
    subgoal_random: float = setting(
        0.1,
        "share of subgoals that are uniformly random",
        low=0,
        high=1,
        only_with=SEVERAL,
    )
    subgoal_test_p: float = setting(
        0.3,
        "share of subgoals that are tested: levels below act without noise, and a "
        "subgoal that they miss is penalised",
        low=0,
        high=1,
        only_with=SEVERAL,
    )
    test_from: float = setting(
        0.5,
        "share of its subgoals that a level must reach before they are tested",
        low=0,
        high=1,
        only_with=SEVERAL,
    )
    hindsight_actions: bool = setting(
        True,
        "replay a level's decisions as if it had chosen the place that was reached",
        only_with=SEVERAL,
    )
    level0_sees: str = setting(
        "all",
        "what the lowest level sees: the whole observation, or only the entries that "
        "its subgoals are about",
        choices=("all", "subgoal_space"),
        only_with=SEVERAL,
    )


@dataclasses.dataclass(frozen=True)
class HACConfig:
    """All settings of a run with several levels, one part per room."""

    run: RunConfig = RunConfig(alg="hac")
    loop: LoopConfig = LoopConfig()
    levels: LevelsConfig = LevelsConfig()
    collect: CollectConfig = CollectConfig()
    her: HindsightConfig = HindsightConfig()
    replay: ReplayConfig = ReplayConfig()
    inputs: InputConfig = InputConfig()
    ddpg: DDPGConfig = DDPGConfig()
    machine: MachineConfig = MachineConfig()

    def __post_init__(self) -> None:
        self.flat()
        if self.ddpg.gamma is not None and self.levels.levels > 1:
            raise ValueError(
                f"gamma follows from the periods with several levels (1 - 1/H, where H "
                f"is a level's number of decisions), found {self.ddpg.gamma}.  Drop "
                "--gamma."
            )
        if self.levels.levels > 1 and not self.ddpg.clip_return:
            raise ValueError(
                "clip_return must be on with several levels, whose targets lie between "
                "-H and 0, found it off.  Drop --clip_return."
            )
        if self.levels.levels > 1 and self.ddpg.batch_size < 2:
            raise ValueError(
                "batch_size must be at least 2 with several levels, because one row of "
                f"every batch is a decision, found {self.ddpg.batch_size}.  Raise it."
            )

    def flat(self) -> HERConfig:
        """The settings that a run of one level has."""
        return HERConfig(**{name: getattr(self, name) for name in self._shared()})

    @classmethod
    def _shared(cls) -> list[str]:
        """The parts that HER has too."""
        return [f.name for f in dataclasses.fields(cls) if f.name != "levels"]

    def resolve(self, spec: EnvSpec, cores: int = 1, workers: int = 1) -> "HACConfig":
        """Fills in what depends on the environment and on the machine.

        Args:
          spec: the environment's dimensions.
          cores: this worker's share of its machine's.
          workers: how many there are, on all machines.

        Raises:
          ValueError: a period does not divide the next one, or the episode.
        """
        flat, levels = self.flat().resolve(spec, cores, workers), self.levels
        parts = {name: getattr(flat, name) for name in self._shared()}
        if levels.levels > 1:
            periods = levels.periods or usual_periods(levels.levels, spec.horizon)
            require_division(periods, spec.horizon)
            levels = dataclasses.replace(levels, periods=periods)
            # every level has a gamma of its own
            parts["ddpg"] = dataclasses.replace(flat.ddpg, gamma=None)
        return HACConfig(**{**parts, "levels": levels})


def steps_of(levels: LevelsConfig) -> tuple[int, ...]:
    """Steps between two decisions of each level, the lowest first: (1, 10)."""
    if levels.levels == 1 or levels.periods is None:
        return (1,)
    return 1, *map(int, levels.periods.split(","))


def require_periods(periods: str, levels: int) -> None:
    """Raises ValueError unless there is one period above 1 for each upper level."""
    words = periods.split(",")
    if len(words) != levels - 1 or not all(
        w.strip().isdecimal() and 1 < int(w) < 10**6 for w in words
    ):
        raise ValueError(
            "periods must be one whole number above 1 for each level above the lowest, "
            f"found {periods!r} with levels={levels}.  Write for example --levels=2 "
            "--periods=10, or --levels=3 --periods=5,25."
        )


def require_division(periods: str, horizon: int) -> None:
    """Raises ValueError unless each period divides the next one, the last one T."""
    numbers = [int(word) for word in periods.split(",")]
    for one, other in zip(numbers, [*numbers[1:], horizon]):
        if other % one or other == one:
            raise ValueError(
                "each period must divide the next one, and the last one the "
                f"{horizon} steps of an episode, found periods={periods}: {other} is "
                f"not a multiple of {one} and larger.  Change --periods."
            )


def usual_periods(levels: int, horizon: int) -> str:
    """Periods for which all levels decide about equally often within the one above.

    Raises:
      ValueError: no numbers divide the episode's length so often.
    """
    found: list[int] = []
    for n in range(1, levels):
        last, wanted = found[-1] if found else 1, horizon ** (n / levels)
        chain = [p for p in range(2 * last, horizon // 2 + 1, last) if horizon % p == 0]
        if not chain:
            raise ValueError(
                f"the {horizon} steps of an episode cannot be divided among {levels} "
                "levels.  Use fewer --levels, or a time limit with more divisors."
            )
        found.append(min(chain, key=lambda p: (_apart(p, wanted), p)))
    return ",".join(map(str, found))


def _apart(one: float, other: float) -> float:
    """How far apart two lengths are, by their ratio; rounded, so that ties are ties."""
    return round(abs(math.log(one / other)), 9)


def choose_preset(flags: dict[str, Any]) -> str:
    """The preset of a run for which none was named."""
    return "tuned"


def for_unknown_env(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags for a user's own function, whose name does not say if it has an object."""
    return {"prioritization": "uniform", **flags}


def defaults(preset: str, env: str, flags: dict[str, Any]) -> dict[str, Any]:
    """What holds where a flag is not given: the preset's values.

    Its periods are those of its own number of levels.
    """
    values = preset_values(preset, env)
    usual = values.get("levels", LevelsConfig().levels)
    if coerce("levels", int, flags.get("levels", usual)) != usual:
        values.pop("periods", None)
    return values
