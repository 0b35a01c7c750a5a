"""Several levels with hindsight (HAC), as the rest of the package sees it."""

from ..settings import hac as settings
from ..settings.hac import MOST_LEVELS
from ..settings.hac_presets import PRESETS
from . import Column, Entry, later


def has_level(number: int):
    """Whether a run has this level, by its settings."""
    return lambda config: config.levels.levels > number


def level_columns(number: int) -> tuple[Column, ...]:
    """The columns of a level that runs of several levels may have."""
    here, name = has_level(number), f"level{number}/"
    learned = "critic", "policy", "target", "Q", "return"
    chosen = ("saturated", "penalty", "clipped", "redrawn", "tested") if number else ()
    return tuple(Column(f"{name}{n}", is_logged=here) for n in (*learned, *chosen))


def subgoal_columns(number: int) -> tuple[Column, ...]:
    """The columns of a level that gets subgoals from the one above."""
    above, name = has_level(number + 1), f"level{number}/"
    return (
        Column(f"{name}reached", f"reached {number}", is_logged=above),
        Column(f"{name}distance", is_logged=above),
        Column(f"{name}train_reached", is_logged=above),
    )


COLUMNS = (
    Column("epoch", "epoch", "{:.0f}"),
    Column("steps/env", "env steps", "{:,.0f}"),
    Column("steps/episodes"),
    Column("steps/updates"),
    Column("steps/skipped"),
    Column("test/success_rate", "success"),
    Column("test/success_any", "any step"),
    Column("test/mean_Q", "mean Q"),
    Column("train/success_rate", "training"),
    *(column for n in range(MOST_LEVELS - 1) for column in subgoal_columns(n)),
    *(column for n in range(MOST_LEVELS) for column in level_columns(n)),
    Column("per/weight"),
    Column("time/collect"),
    Column("time/update"),
    Column("time/sample"),
    Column("time/wait"),
    Column("time/exchange"),
    Column("time/total", "time", "clock"),
)

ENTRY = Entry(
    title="DDPG with hindsight, at several levels (after HAC)",
    settings=settings.HACConfig,
    presets=PRESETS,
    short_forms=settings.ShortForms,
    choose_preset=settings.choose_preset,
    expand=settings.expand,
    defaults=settings.defaults,
    for_unknown_env=settings.for_unknown_env,
    columns=COLUMNS,
    panels={
        "test/success_rate": "success at the last step",
        "level0/reached": "share of level 0's subgoals that are reached",
    },
    score="test/success_rate",
    prepare=later("hac_setup", "prepare"),
    build=later("hac_setup", "build"),
    read_spec=later("hac_policy", "read_spec"),
    shapes=later("hac_policy", "shapes"),
    policy=later("hac_policy", "policy"),
    options=("use_target",),
    fit=later("hac_policy", "fit"),
    file_version=2,
)
