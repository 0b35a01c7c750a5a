"""The trained policies that come with the package."""

import pytest

from baselines_her.play import evaluate
from baselines_her.runs.policy_file import POLICIES, load_policy

FOLDER = POLICIES
FILES = sorted(FOLDER.glob("*.pkl"))
# Of 20 episodes; of 100 they have 0.72, 0.69 and a return of 7,569.
LEAST = {"FetchSlide": 0.5, "HandReach": 0.45, "HalfCheetah": 6000.0}
LEAST |= {"AnymalC": 38.0, "AnymalCStep": 32.0}  # of 100 they have 45.8 and 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_policy_that_comes_along_is_small_and_works(path):
    assert path.stat().st_size < 3_000_000
    policy = load_policy(path)
    env_id = policy.header["spec"]["env_id"].rpartition("/")[2]
    assert env_id.startswith(f"{path.stem}-v")
    found = evaluate(policy, episodes=20)
    has_goals = found.last_success is not None
    score = found.success_last if has_goals else found.returns.mean()
    assert score >= LEAST.get(path.stem, 0.8)


def test_the_readme_shows_one():
    assert FOLDER / "FetchPickAndPlace.pkl" in FILES  # of `make play`
