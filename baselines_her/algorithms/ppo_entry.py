"""Proximal policy optimisation, as the rest of the package sees it."""

from ..settings import ppo as settings
from ..settings.ppo_presets import PRESETS
from . import Column, Entry, later

COLUMNS = (
    Column("epoch", "epoch", "{:.0f}"),
    Column("steps/env", "env steps", "{:,.0f}"),
    Column("steps/episodes"),
    Column("steps/updates"),
    Column("test/return", "return", "{:,.1f}"),
    Column("test/return_median"),
    Column("test/return_min", "worst", "{:,.1f}"),
    Column("test/length", "length", "{:,.0f}"),
    Column("train/return", "training", "{:,.1f}"),
    Column("train/length"),
    Column("ppo/std", "std"),
    Column("ppo/kl", "KL", "{:.3f}"),
    Column("ppo/explained_variance", "expl. var."),
    Column("ppo/clip_fraction"),
    Column("ppo/grad_norm"),
    Column("ppo/lr"),
    Column("ppo/passes"),
    Column("loss/policy"),
    Column("loss/value"),
    Column("loss/entropy"),
    Column("time/collect"),
    Column("time/update"),
    Column("time/wait"),
    Column("time/exchange"),
    Column("time/total", "time", "clock"),
)

ENTRY = Entry(
    title="proximal policy optimisation (PPO)",
    settings=settings.PPOConfig,
    presets=PRESETS,
    short_forms=settings.ShortForms,
    choose_preset=settings.choose_preset,
    expand=settings.expand,
    defaults=settings.defaults,
    for_unknown_env=settings.for_unknown_env,
    columns=COLUMNS,
    more_columns=lambda spec: tuple(Column(f"reward/{name}") for name in spec.terms),
    panels={
        "test/return": "return of the test episodes",
        "ppo/std": "standard deviation of actions",
    },
    score="test/return",
    prepare=later("ppo_setup", "prepare"),
    build=later("ppo_setup", "build"),
    read_spec=later("ppo_policy", "read_spec"),
    shapes=later("ppo_policy", "shapes"),
    policy=later("ppo_policy", "policy"),
    options=("stochastic",),
    fit=later("ppo_policy", "fit"),
)
