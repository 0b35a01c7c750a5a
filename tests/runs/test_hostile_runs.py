"""Hostile run folders are refused in a sentence or harmless, fast and small."""

from pathlib import Path

import pytest
from hostile import require_harmless, results
from hostile_runs import CASES

NAMES = [(command, name) for command, cases in CASES.items() for name in cases]


@pytest.fixture(scope="module")
def found(tmp_path_factory, subprocess_environment):
    script = Path(__file__).with_name("hostile_runs.py")
    return {
        command: results(
            script, tmp_path_factory.mktemp(command), subprocess_environment, command
        )
        for command in CASES
    }


@pytest.mark.parametrize("command", CASES)
def test_a_good_run_is_accepted(found, command):
    control = found[command]["warm-up"]
    assert (control["code"], control["err"]) == (0, "")


@pytest.mark.parametrize(("command", "name"), NAMES)
def test_hostile_runs_do_no_harm(found, command, name):
    require_harmless(found[command][name], CASES[command][name][1])
