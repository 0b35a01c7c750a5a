"""experiment/table.py: numbers of a table by hand."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "experiment" / "table.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("table", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_run(folder, success, env="FetchPickAndPlace-v4", **found):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"config": {"env": env}}))
    (folder / "evaluation.json").write_text(json.dumps(found))
    rows = [f"{100_000 * (n + 1)},{90 * (n + 1)},{s}" for n, s in enumerate(success)]
    lines = ["steps/env,time/total,test/success_rate", *rows]
    (folder / "progress.csv").write_text("\n".join(lines))


@pytest.mark.parametrize(
    ("success", "level", "epoch"),
    [
        ([1.0, 1.0, 0.7, 1.0], 0.9, 2),  # the mean of the first three is 0.9
        ([1.0, 1.0, 0.6, 1.0], 0.9, None),
        ([0.0, 1.0, 1.0, 1.0], 1.0, 3),
        ([1.0, 1.0], 0.5, None),  # too few
    ],
)
def test_a_level_takes_three_evaluations(script, success, level, epoch):
    assert script.reached(np.array(success), level) == epoch


def test_a_row_holds_every_seed_and_their_median(script, tmp_path, capsys):
    folder = tmp_path / "pick"
    places = [(0.4, 0.8), (0.6, 1.0), (0.5, 0.9)]
    for seed, (latest, (air, table)) in enumerate(zip((0.6, 0.8, 0.7), places)):
        found = {"latest": latest, "latest_air": air, "latest_table": table}
        write_run(folder / f"run_seed{seed}", [0.0, 0.9, 0.9, 0.9 + seed / 10], **found)
    write_run(folder / "other_seed0", [0.1], "FetchPush-v4", latest=0.1)
    assert script.main([str(folder), "--level=0.9"]) == 0
    *_, other, row = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        *("pick: run", "0.60, 0.80, 0.70", "0.70", "0.50, 0.90", "0.4M"),
        *("6.0, 6.0, 6.0", "0.4M, 0.4M, 0.4M", "6.0, 6.0, 6.0"),
    ]
    assert other.count("-") == 3


def test_short_trainings_are_told_in_thousands(script):
    assert [script._short(n) for n in (1500.0, 99_000.0, 250_000.0)] == [
        *("1.5k", "99k", "0.25M"),
    ]


def test_an_empty_folder_is_named(script, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        script.main([str(tmp_path)])
    assert "a finished run must be in" in capsys.readouterr().err
