"""Augmented random search, as the rest of the package sees it."""

from ..settings import ars as settings
from . import Column, Entry, later

COLUMNS = (
    Column("epoch", "epoch", "{:.0f}"),
    Column("steps/env", "env steps", "{:,.0f}"),
    Column("steps/episodes"),
    Column("test/return", "return", "{:,.1f}"),
    Column("test/return_median"),
    Column("test/return_min", "worst", "{:,.1f}"),
    Column("test/length", "length", "{:,.0f}"),
    Column("train/return", "training", "{:,.1f}"),
    Column("ars/weights", "weights", "{:.3f}"),
    Column("time/collect"),
    Column("time/total", "time", "clock"),
)

ENTRY = Entry(
    title="augmented random search (ARS)",
    settings=settings.ARSConfig,
    presets=settings.PRESETS,
    short_forms=settings.ShortForms,
    choose_preset=settings.choose_preset,
    expand=settings.expand,
    defaults=settings.defaults,
    for_unknown_env=settings.for_unknown_env,
    columns=COLUMNS,
    panels={
        "test/return": "return of the test episodes",
        "ars/weights": "root mean square of the weights",
    },
    score="test/return",
    prepare=later("ars", "prepare"),
    build=later("ars", "build"),
    read_spec=later("ppo_policy", "read_spec"),
    shapes=later("ars", "shapes"),
    policy=later("ars", "policy"),
    options=(),
    fit=later("ppo_policy", "fit"),
)
