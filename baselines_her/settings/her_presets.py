"""Presets of HER: what differs from the defaults, and what a publication fixes.

`tuned` is the best found on two cores, per environment (docs/tuning.md says how).
`tuned_0_1` is what it was in version 0.1.0: without relay.
`laptop` is the defaults themselves: one process, many episodes per cycle, large
batches.  `plappert2018` is one worker of the published setting (arXiv:1802.09464),
`nair2018` one worker of the setting with demonstrations (arXiv:1709.10089), both
without collecting ahead.  `tuned_demos` is `tuned` with demonstrations, `laptop_demos`
is `laptop` with them.
"""

from collections.abc import Mapping
from typing import Any

WITH_DEMOS = {"bc_loss": True, "random_eps": 0.1, "noise_eps": 0.1}
REACH = {"num_env": 1, "n_cycles": 10, "batch_size": 256}
TUNED_CLONING = {
    **WITH_DEMOS,
    "noise_eps": 0.2,
    "random_steps": 0,
    "demo_batch_size": 64,
    "aux_loss_weight": 0.0156,
    "prm_loss_weight": 0.01,
    "bc_fade": 60_000,
}
OBJECT = {"prioritization": "energy"}

RELAY = {
    **OBJECT,
    "relay": True,
    "relay_share": 0.15,
    "random_steps": 2_000,
}

TUNED: dict[str, Any] = {
    "num_env": 2,
    "n_cycles": 100,
    "batch_size": 256,
    "hidden": 128,
    "layer_norm": True,
    "polyak": 0.75,
    "action_l2": 0.1,
    "random_steps": 10_000,
    "filter_goals": True,
}

PRESETS: dict[str, dict[str, Any]] = {
    "tuned": TUNED,
    "tuned_0_1": TUNED,
    "tuned_demos": {**TUNED, **TUNED_CLONING},
    "laptop": {},
    "plappert2018": {
        "n_cycles": 50,
        "num_env": 2,
        "batch_size": 256,
        "n_test_rollouts": 20,
        "pipelined": False,
    },
    "nair2018": {
        "n_cycles": 20,
        "num_env": 2,
        "n_test_rollouts": 20,
        "pipelined": False,
        **WITH_DEMOS,
    },
    "laptop_demos": {**WITH_DEMOS, "polyak": 0.8, "bc_fade": 150_000},
}

# By environment; all mazes of one robot share theirs.
TUNED_0_1: dict[str, dict[str, Any]] = {
    "FetchReach": {
        **REACH,
        "num_timesteps": 5_000,
        "polyak": 0.5,
        "action_l2": 1.0,
        "random_steps": 500,
    },
    "FetchPush": {
        **OBJECT,
        "num_timesteps": 300_000,
        "replay_strategy": "futureactual",
    },
    "FetchPickAndPlace": {**OBJECT, "num_timesteps": 600_000},
    "FetchSlide": {
        "num_timesteps": 800_000,
        "prioritization": "tderror",
        "replay_strategy": "futureactual",
        "relative_goals": True,
        "lr_fade": 600_000,
    },
    "HandReach": {
        "num_timesteps": 400_000,
        "polyak": 0.9,
        "action_l2": 1.0,
        "noise_eps": 0.1,
        "random_eps": 0.1,
        "lr_fade": 300_000,
    },
    "PointMaze": {"shift_rewards": True},
    "AntMaze": {"shift_rewards": True, "see_achieved": True},
}

WITH_RELAY: dict[str, dict[str, Any]] = {
    "FetchPush": {
        **RELAY,
        "num_timesteps": 150_000,
        "replay_strategy": "futureactual",
        "relay_near": 0.05,
    },
    "FetchPickAndPlace": {**RELAY, "num_timesteps": 300_000},
}

BEST = TUNED_0_1 | WITH_RELAY
BEST_WITH_DEMOS = BEST | {
    "FetchPickAndPlace": {**BEST["FetchPickAndPlace"], "num_timesteps": 200_000}
}

BY_ENV: dict[tuple[str, str], dict[str, Any]] = {
    **{("tuned_0_1", env): values for env, values in TUNED_0_1.items()},
    **{("tuned", env): values for env, values in BEST.items()},
    **{
        ("tuned_demos", env): {**values, **TUNED_CLONING}
        for env, values in BEST_WITH_DEMOS.items()
    },
    ("laptop_demos", "FetchPickAndPlace"): {"num_timesteps": 600_000},
    ("laptop", "FetchReach"): {**REACH, "polyak": 0.9},
    ("plappert2018", "FetchReach"): {"n_cycles": 10},
}


def preset_values(preset: str, env: str) -> dict[str, Any]:
    """The preset's settings for one environment, whatever its version."""
    return {**PRESETS[preset], **own_values(BY_ENV, preset, env)}


def own_values(
    by_env: Mapping[tuple[str, str], Mapping[str, Any]], preset: str, env: str
) -> dict[str, Any]:
    """The preset's values for one environment in such a table.

    All mazes of one robot share theirs: those of `PointMaze_UMaze` are of `PointMaze`.
    """
    task = env.removeprefix("gymnasium_robotics:").partition("-v")[0]
    family = task.partition("_")[0]
    own = by_env.get((preset, family), {}) if family.endswith("Maze") else {}
    return {**own, **by_env.get((preset, task), {})}
