"""Presets of PPO: named sets of settings that list only what differs from the defaults.

`tuned` is the best found on two cores, per environment (docs/ppo.md says how).
`tianshou2021` is the recipe of Tianshou's MuJoCo benchmark.  `aidl2023` has the
hyper-parameters of a student project (AIDL 2023) with correct mathematics.
"""

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "tuned": {
        "n_cycles": 49,
        "hidden_sizes": "128,128",
        "lr_schedule": "adaptive",
        "log_std_init": -0.5,
        "log_std_min": -1.6,
        "recompute_advantages": True,
    },
    "tianshou2021": {
        "num_env": 8,
        "nsteps": 256,
        "n_cycles": 49,
        "log_std_init": -0.5,
        "recompute_advantages": True,
        "normalize_advantage": False,
    },
    "aidl2023": {
        "num_env": 1,
        "nsteps": 600,
        "n_cycles": 166,
        "noptepochs": 45,
        "batch_size": 128,
        "lr": 1e-4,
        "lr_schedule": "constant",
        "cliprange": 0.1,
        "vf_coef": 3.0,
        "ent_coef": 0.01,
        "hidden_sizes": "64,128",
        "shared_trunk": True,
        "squash_mean": True,
        "std": "schedule",
        "std_final": 0.25,
        "std_steps": 50_000_000,
    },
}

WALKING = {
    "num_timesteps": 4_000_000,
    "num_env": 64,
    "nsteps": 64,
    "n_cycles": 49,
    "noptepochs": 5,
    "batch_size": 512,
    "activation": "elu",
    "log_std_init": -1.2,
    "log_std_min": -2.5,
}
AIDL_WALKING = {
    "num_env": 8,  # the project had 1; 8 x 800 rows are as many as it used
    "nsteps": 800,
    "n_cycles": 16,
    "noptepochs": 48,
    "lr": 1e-5,
    "vf_coef": 1.0,
    "ent_coef": 0.001,
    "hidden_sizes": "128,128",
    "head_sizes": "64",
    "std_final": 0.6,
    "std_steps": 12_000_000,
}
ANYMAL = "AnymalC", "AnymalCStep", "AnymalCRamp"
BY_ENV: dict[tuple[str, str], dict[str, Any]] = {
    **{("tuned", env): WALKING for env in ANYMAL},
    **{("aidl2023", env): AIDL_WALKING for env in ANYMAL},
}


def preset_values(preset: str, env: str) -> dict[str, Any]:
    """The preset's settings for one environment, whatever its version."""
    family = env.rpartition("/")[2].partition("-v")[0]
    return {**PRESETS[preset], **BY_ENV.get((preset, family), {})}
