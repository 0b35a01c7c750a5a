"""Numbers of a table by hand."""

import numpy as np
import pytest
from written_runs import write_run

from baselines_her.runs import table


@pytest.fixture
def script():
    return table


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
    score = script.MAIN[script.SUCCESS]
    assert script.reached(np.array(success), level, score) == epoch


@pytest.mark.parametrize(
    ("returns", "level", "epoch"),
    [
        ([0.0, 900.0, 400.0, 500.0, 600.0], 500.0, 4),  # each of two in a row
        ([500.0, 500.0], 500.0, 1),
        ([900.0, 400.0, 900.0], 500.0, None),
        ([900.0], 500.0, None),  # too few
    ],
)
def test_a_return_passes_a_level_in_two_evaluations_in_a_row(
    script, returns, level, epoch
):
    score = script.MAIN[script.RETURN]
    assert script.reached(np.array(returns), level, score) == epoch


def test_returns_have_a_table_of_their_own(script, tmp_path, capsys):
    for seed, latest in enumerate((1000, 2000, 3600)):
        returns = [5000.0 * (seed == 0), 3000.0 + 100 * seed, 500.0]
        more = {"column": "test/return", "latest": latest}
        write_run(tmp_path / f"run_seed{seed}", returns, "HalfCheetah-v5", **more)
    write_run(tmp_path / "other_seed0", [0.1] * 3, latest=0.1)
    assert script.main([str(tmp_path)]) == 0
    success, returns = capsys.readouterr().out.split("\n\n")
    assert "success (seeds)" in success and "return (seeds)" in returns
    header, _, row = (cells_of(line) for line in returns.splitlines())
    assert header[-1] == "minutes"  # no level is looked for
    # mean 2200, deviation sqrt((1200^2 + 200^2 + 1400^2) / 2) = 1311.5
    assert row[1:4] == ["1000, 2000, 3600", "2200 ± 1311", "3100 ± 100"]
    assert script.main([str(tmp_path), "--level=500"]) == 0
    *_, row = capsys.readouterr().out.splitlines()
    assert cells_of(row)[-2:] == ["0.2M, 0.3M, 0.3M", "3.0, 4.5, 4.5"]


def test_a_return_must_be_a_finite_number(script, tmp_path, capsys):
    more = {"column": "test/return", "latest": float("nan")}
    write_run(tmp_path / "run_seed0", [1.0], "HalfCheetah-v5", **more)
    with pytest.raises(SystemExit, match="2"):
        script.main([str(tmp_path)])
    assert "must hold a number as latest, found nan" in capsys.readouterr().err


def test_a_row_holds_every_seed_and_their_median(script, tmp_path, capsys):
    folder = tmp_path / "pick"
    places = [(0.4, 0.8), (0.6, 1.0), (0.5, 0.9)]
    for seed, (latest, (air, low)) in enumerate(zip((0.6, 0.8, 0.7), places)):
        found = {"latest": latest, "latest_air": air, "latest_table": low}
        found["episodes"] = 100
        write_run(folder / f"run_seed{seed}", [0.0, 0.9, 0.9, 0.9 + seed / 10], **found)
    write_run(folder / "other_seed0", [0.1], "FetchPush-v4", latest=0.1)
    assert script.main([str(folder), "--level=0.9"]) == 0
    *_, other, row = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        # 210 of 300: centre (0.7 + 0.0064) / 1.0128, half 0.0518
        *("pick: run", "0.60, 0.80, 0.70", "0.70", "0.65 to 0.75", "0.50, 0.90"),
        "0.4M",
        *("6.0, 6.0, 6.0", "0.4M, 0.4M, 0.4M", "6.0, 6.0, 6.0"),
    ]
    assert other.count("-") == 4


def test_runs_are_compared_at_equal_steps_or_minutes(script, tmp_path, capsys):
    """Epochs of 0.1M steps and 1.5 minutes; means of epochs 1 to 5, and 2 to 6."""
    success = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9]
    write_run(tmp_path / "long_seed0", success, latest=1.0)
    write_run(tmp_path / "short_seed0", [0.0] + [0.1] * 5, "FetchPush-v4", latest=0.2)
    for where, steps, means in (
        ("--env_steps=500000", "0.5M", ("0.30", "0.08")),
        ("--env_steps=5.9e5", "0.5M", ("0.30", "0.08")),
        ("--minutes=9", "0.6M", ("0.40", "0.10")),
        ("--minutes=8.9", "0.5M", ("0.30", "0.08")),
    ):
        assert script.main([str(tmp_path), where]) == 0
        for line, mean in zip(capsys.readouterr().out.splitlines()[-2:], means):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert cells[1:6] == [mean, mean, "-", "-", steps]
    for where, message in (
        ("--minutes=5", "long_seed0.  Cut later"),
        ("--env_steps=650000", "short_seed0 with 0.6M steps in 9.0 minutes"),
        ("--minutes=9.5", "short_seed0 with 0.6M steps in 9.0 minutes"),
    ):
        with pytest.raises(SystemExit):
            script.main([str(tmp_path), where])
        assert message in capsys.readouterr().err


def test_short_trainings_are_told_in_thousands(script):
    assert [script._short(n) for n in (1500.0, 99_000.0, 250_000.0)] == [
        *("1.5k", "99k", "0.25M"),
    ]


def test_an_empty_folder_is_named(script, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        script.main([str(tmp_path)])
    assert "a finished run must be in" in capsys.readouterr().err


def cells_of(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_finished_run_without_evaluation_shows_its_last_ones(
    script, tmp_path, capsys
):
    success = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    write_run(tmp_path / "a_seed0", success, latest=0.9)
    write_run(tmp_path / "a_seed1", success)
    (tmp_path / "a_seed1" / "evaluation.json").unlink()
    (tmp_path / "a_seed1" / "FINISHED").touch()
    assert script.main([str(tmp_path)]) == 0
    *_, row, empty, footnote = capsys.readouterr().out.splitlines()
    assert cells_of(row)[1:5] == ["0.90, 0.30*", "0.60", "-", "-"]
    assert (empty, footnote) == (
        "",
        "* mean of the last 5 evaluations: no evaluation.json",
    )


def test_unfinished_runs_are_counted_where_there_is_no_other(script, tmp_path, capsys):
    write_run(tmp_path / "a_seed0", [0.5])
    (tmp_path / "a_seed0" / "evaluation.json").unlink()
    with pytest.raises(SystemExit, match="2"):
        script.main([str(tmp_path)])
    assert "found 1 unfinished." in capsys.readouterr().err


def test_another_column_is_shown_by_its_last_values(script, tmp_path, capsys):
    write_run(tmp_path / "a_seed0", [0.0] * 3, latest=0.9)
    file = tmp_path / "a_seed0" / "progress.csv"
    lines = file.read_text().splitlines()
    more = "test/mean_Q", "-4", "-3", "-2"
    file.write_text("\n".join(",".join(pair) for pair in zip(lines, more)))
    assert script.main([str(tmp_path), "--column=test/mean_Q", "--level=-3"]) == 0
    header, _, row = capsys.readouterr().out.splitlines()
    assert cells_of(header)[1] == "test/mean_Q (seeds)"
    assert cells_of(row)[1:3] == ["-3.00", "-3.00"]
    assert cells_of(row)[7] == "0.3M"  # the mean of the three is -3
    with pytest.raises(SystemExit, match="2"):
        script.main([str(tmp_path), "--column=test/meanQ"])
    assert "no column test/meanQ; did you mean test/mean_Q" in capsys.readouterr().err


def test_runs_of_other_names_are_not_joined(script, tmp_path, capsys):
    write_run(tmp_path / "her" / "Reach_0", [0.1], latest=0.1)
    write_run(tmp_path / "her" / "Push|_1", [0.2], latest=0.2)
    assert script.main([str(tmp_path)]) == 0
    _, _, *rows = capsys.readouterr().out.splitlines()
    assert [row[: row.index(" | ")] for row in rows] == [
        "| her: Push\\|_1",
        "| her: Reach_0",
    ]
