"""The trained policies that come with the package."""

from pathlib import Path

import pytest

from baselines_her.play import evaluate
from baselines_her.runs.policy_file import load_policy

FOLDER = Path(__file__).parents[1] / "policies"
FILES = sorted(FOLDER.glob("*.pkl"))
LEAST = {"FetchSlide": 0.5, "HandReach": 0.45}  # of 20; .72 and .69 of 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_policy_that_comes_along_is_small_and_works(path):
    assert path.stat().st_size < 3_000_000
    policy = load_policy(path)
    assert policy.header["spec"]["env_id"].startswith(f"{path.stem}-v")
    at_the_end, _ = evaluate(policy, episodes=20)
    assert at_the_end >= LEAST.get(path.stem, 0.8)


def test_the_readme_shows_one():
    assert FOLDER / "FetchPickAndPlace.pkl" in FILES  # of `make play`
