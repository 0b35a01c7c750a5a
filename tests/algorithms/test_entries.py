"""The table of algorithms: what every entry must hold."""

from pathlib import Path

import pytest

from baselines_her.algorithms import DEFAULT, NAMES, canonical, entry
from baselines_her.config import from_flags

METRICS = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.mark.parametrize("alg", NAMES)
def test_every_column_is_documented(alg):
    text = METRICS.read_text()
    for column in entry(alg).columns:
        assert column.name in text, column.name


@pytest.mark.parametrize("alg", NAMES)
def test_scores_and_panels_are_columns(alg):
    names = {column.name for column in entry(alg).columns}
    assert {entry(alg).score, *entry(alg).panels} <= names


@pytest.mark.parametrize("alg", NAMES)
def test_every_preset_makes_settings(alg):
    more = {"demo_file": "demos.npz"} if alg == "her" else {}
    for preset in entry(alg).presets:
        for env in "FetchReach", "HalfCheetah", "Mine-v0":
            config = from_flags(alg=alg, env=env, preset=preset, **more)
            assert (config.run.alg, config.run.preset) == (alg, preset)
    assert entry(alg).choose_preset({}) in entry(alg).presets


def test_names_may_have_aliases_and_nothing_else():
    assert canonical("ppo2") == "ppo"
    assert entry("ppo2") is entry("ppo")
    assert DEFAULT in NAMES
    with pytest.raises(
        ValueError, match="alg must be one of her, ppo, hac, found 'dqn'"
    ):
        entry("dqn")
