"""Presets of several levels: HER's for the same tasks, and what levels change."""

from typing import Any

from . import her_presets

PRESETS: dict[str, dict[str, Any]] = {
    name: her_presets.PRESETS[name] for name in ("tuned", "laptop")
}

BY_ENV: dict[tuple[str, str], dict[str, Any]] = {
    ("tuned", "PointMaze"): {"n_cycles": 25, "test_from": 0.0},
    ("tuned", "PointMaze_UMaze"): {"num_timesteps": 120_000, "periods": "30"},
    ("tuned", "PointMaze_Large"): {
        "num_timesteps": 1_000_000,
        "periods": "40",
        "replay_k": 16,
        "subgoal_random": 0.3,
    },
    ("tuned", "FetchPickAndPlace"): {
        "num_timesteps": 400_000,
        "periods": "10",
        "subgoal_space": "gripper_object",
        "subgoals": "relative",
        "subgoal_threshold": 0.5,
        "test_from": 0.0,
    },
}


def preset_values(preset: str, env: str) -> dict[str, Any]:
    """The preset's settings for one environment, whatever its version.

    `tuned` builds on the one without relay, which levels do not have.
    """
    own = her_presets.own_values(BY_ENV, preset, env)
    flat = "tuned_0_1" if preset == "tuned" else preset
    return {**her_presets.preset_values(flat, env), **own}
