"""Hostile demonstrations are refused in a sentence or harmless, fast and small."""

from pathlib import Path

import pytest
from hostile import require_harmless, results
from hostile_demos import CASES

pytest.importorskip("minari")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def found(folder, subprocess_environment):
    environment = {**subprocess_environment, "MINARI_DATASETS_PATH": str(folder / "m")}
    script = Path(__file__).with_name("hostile_demos.py")
    return results(script, folder, environment)


def test_a_good_file_is_accepted(found):
    assert found["warm-up"]["code"] == 0, found["warm-up"]
    assert found["warm-up"]["out"].startswith("wrote 2 episodes to minari:good/")


@pytest.mark.parametrize("name", CASES)
def test_hostile_demonstrations_do_no_harm(found, name):
    require_harmless(found[name], CASES[name][1])


def test_a_minari_id_makes_no_folder_before_it_is_refused(found, folder):
    assert {p.name for p in (folder / "m").iterdir()} <= {"good", "bad", "etc"}
    assert not (folder / "up").exists()
    assert not (folder / "trap").exists()
