"""Named sets of settings.  A preset lists only what differs from `config`'s defaults.

`laptop` is the defaults themselves: one process, many episodes per cycle, large
batches.  `plappert2018` is one worker of the published setting (arXiv:1802.09464),
`nair2018` one of the setting with demonstrations (arXiv:1709.10089), `laptop_demos`
what `laptop` becomes with demonstrations.
"""

from typing import Any

WITH_DEMOS = {"bc_loss": True, "random_eps": 0.1, "noise_eps": 0.1}

PRESETS: dict[str, dict[str, Any]] = {
    "laptop": {},
    "plappert2018": {
        "n_cycles": 50,
        "num_env": 2,
        "batch_size": 256,
        "n_test_rollouts": 10,
    },
    "nair2018": {
        "n_cycles": 20,
        "num_env": 2,
        "n_test_rollouts": 10,
        **WITH_DEMOS,
    },
    "laptop_demos": {**WITH_DEMOS, "polyak": 0.8, "bc_fade": 150_000},
}

BY_ENV: dict[tuple[str, str], dict[str, Any]] = {
    ("laptop", "FetchReach"): {"num_env": 1, "batch_size": 256, "polyak": 0.9},
    ("plappert2018", "FetchReach"): {"n_cycles": 10},
}


def preset_values(preset: str, env: str) -> dict[str, Any]:
    """The preset's settings for one environment, whatever its version."""
    family = env.partition("-v")[0]
    return {**PRESETS[preset], **BY_ENV.get((preset, family), {})}
