"""The list of run folders, and the one name of all commands."""

import json

import pytest
from written_runs import write_run

from baselines_her.__main__ import COMMANDS, main
from baselines_her.runs.listing import listing


def test_every_run_has_a_line(tmp_path):
    write_run(tmp_path / "a" / "one", [0.25, 0.5], latest=0.5)
    write_run(tmp_path / "two", [1234.5], "HalfCheetah-v5", "test/return", latest=1.0)
    (tmp_path / "a" / "one" / "evaluation.json").unlink()  # `two` is a kept result
    (tmp_path / "three").mkdir()
    started = {"config": {"env": "FetchPush-v4", "preset": "tuned"}}
    (tmp_path / "three" / "config.json").write_text(json.dumps(started))
    (tmp_path / "worse").mkdir()
    (tmp_path / "worse" / "config.json").write_text("{")
    _, one, three, two, worse = (
        line.split() for line in listing(tmp_path).splitlines()
    )
    assert one[0] == "a/one"
    assert one[2:] == [*"200,000 success 0.50 3.0 unfinished".split()]
    assert three == ["three", "FetchPush-v4", "tuned", "no", "epoch", "yet"]
    assert two[1:] == [*"HalfCheetah-v5 100,000 return 1,234 1.5 finished".split()]
    assert worse == ["worse", "damaged"]


def test_a_folder_without_runs_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"a run must be in .*, found none"):
        listing(tmp_path)


def test_one_command_leads_to_all_others(tmp_path, capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert f"\n  {name} " in shown
    write_run(tmp_path / "one", [0.5], latest=0.5)
    assert main(["runs", str(tmp_path)]) == 0
    assert "success 0.50" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.count(".") == 2


def test_a_wrong_word_is_refused_with_the_nearest_one(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["tarin"])
    assert "there is no command tarin; did you mean train?" in capsys.readouterr().err


@pytest.mark.parametrize("name", [*COMMANDS])
def test_every_command_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code in (0, None)
    assert "usage" in capsys.readouterr().out
