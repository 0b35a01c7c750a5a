"""Hindsight experience replay, as the rest of the package sees it."""

from ..settings import her as settings
from ..settings.her_presets import PRESETS
from . import Column, Entry, later

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
    Column("train/near", is_logged=lambda config: config.relay.relay),
    Column("loss/critic", "critic loss", "{:.4f}"),
    Column("loss/policy", "policy loss", "{:.3f}"),
    Column("loss/action_l2"),
    Column("loss/bc"),
    Column("q/target"),
    Column("demos/q"),
    Column("demos/passed"),
    Column("per/weight"),
    Column("stats/o_mean"),
    Column("stats/o_std"),
    Column("stats/g_mean"),
    Column("stats/g_std"),
    Column("time/collect"),
    Column("time/update"),
    Column("time/sample"),
    Column("time/wait"),
    Column("time/exchange"),
    Column("time/total", "time", "clock"),
)


ENTRY = Entry(
    title="DDPG with hindsight experience replay",
    settings=settings.HERConfig,
    presets=PRESETS,
    short_forms=settings.ShortForms,
    choose_preset=settings.choose_preset,
    expand=settings.expand,
    defaults=settings.defaults,
    for_unknown_env=settings.for_unknown_env,
    columns=COLUMNS,
    panels={
        "test/success_rate": "success at the last step",
        "test/mean_Q": "mean Q of the test episodes",
    },
    score="test/success_rate",
    prepare=later("her_setup", "prepare"),
    build=later("her_setup", "build"),
    read_spec=later("her_policy", "read_spec"),
    shapes=later("her_policy", "shapes"),
    policy=later("her_policy", "policy"),
    options=("use_target",),
    fit=later("her_policy", "fit"),
)
