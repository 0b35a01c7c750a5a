"""Hostile policies and run folders are refused in a sentence or harmless.

Of the run folders every sixth is tried; HOSTILE_EVERY=1 tries all.
"""

import hashlib
from pathlib import Path

import hostile_policies
import hostile_resumes
import pytest
from hostile import require_harmless, results

HERE = Path(__file__).parent


def digests(folder):
    """What a stranger's folder holds."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def policies(tmp_path_factory, subprocess_environment):
    folder = tmp_path_factory.mktemp("policies")
    script = HERE / "hostile_policies.py"
    return results(script, folder, subprocess_environment), folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory, subprocess_environment):
    folder, before = tmp_path_factory.mktemp("runs"), digests(hostile_resumes.GOOD)
    found = results(HERE / "hostile_resumes.py", folder, subprocess_environment)
    return found, digests(hostile_resumes.GOOD) == before


def test_a_good_policy_plays_and_a_good_run_continues(policies, runs):
    assert policies[0]["warm-up"]["code"] == 0, policies[0]["warm-up"]
    assert runs[0]["warm-up"]["code"] == 0, runs[0]["warm-up"]


@pytest.mark.parametrize("name", hostile_policies.CASES)
def test_hostile_policies_do_no_harm(policies, name):
    require_harmless(policies[0][name], hostile_policies.CASES[name][1])


def test_what_a_policy_says_is_not_run(policies):
    assert not (policies[1] / "trap").exists()


@pytest.mark.parametrize("name", hostile_resumes.CASES)
def test_hostile_run_folders_do_no_harm(runs, name):
    require_harmless(runs[0][name], hostile_resumes.CASES[name][1])


def test_links_out_of_a_run_folder_lead_to_nothing_that_is_changed(runs):
    assert runs[1]
