"""The report page: what it shows of run folders, and that text stays text."""

import json
import os
import re

import numpy as np
import pytest
from reported_runs import HOSTILE, written

from baselines_her.report.__main__ import main, report
from baselines_her.report.collect import Goals, collect, differing
from baselines_her.report.goals import goal_map


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text)[1])


def test_runs_are_grouped_by_their_settings(tmp_path):
    for name, flags in {"a": {}, "b": {"seed": 1}, "c": {"noise_eps": 0.4}}.items():
        written(tmp_path, name, **flags)
    runs = collect([tmp_path])
    assert [run.name for run in runs] == ["a", "b", "c"]
    assert runs[0].group == runs[1].group != runs[2].group
    assert "noise_eps" in runs[2].group and differing(runs) == ["noise_eps"]
    assert runs[1].facts["seed"] == "1" and runs[0].facts["env steps"] == "500"


def test_curves_keep_five_digits_gaps_and_their_ends(tmp_path):
    written(tmp_path, rows=5)
    text = report([tmp_path], tmp_path / "r.html").read_text()
    (run,) = data_of(text)["runs"]
    assert run["columns"]["test/mean_Q"] == [-1.2346] * 5
    assert run["columns"]["loss/critic"] == [None, 0.5, 0.5, 0.5, 0.5]
    assert data_of(text)["panels"][:2] == ["test/success_rate", "test/mean_Q"]


def test_long_runs_are_thinned_and_the_page_stays_small(tmp_path):
    for n in range(12):
        written(tmp_path, f"run{n}", rows=9000, seed=n)
    path = report([tmp_path], tmp_path / "r.html")
    assert path.stat().st_size < 1.5e6
    columns = data_of(path.read_text())["runs"][0]["columns"]
    assert columns["steps/env"][-1] == 900_000
    assert 500 < len(columns["steps/env"]) < 9000


def test_text_of_a_run_stays_text(tmp_path):
    written(tmp_path, "<b>bold<b>", env=HOSTILE, preset="x\x1b[31m", noise_eps=HOSTILE)
    written(tmp_path, "other", noise_eps="0.2")
    text = report([tmp_path], tmp_path / "r.html").read_text()
    scripts = re.findall(r"<script[^>]*>", text)
    assert len(scripts) == 3  # the data, uPlot, ours
    assert "<img" not in text and "<b>" not in text and "\x1b" not in text
    assert "&lt;img src=x" in text
    assert (
        "default-src 'none'" in text
        and "'unsafe-inline'" not in re.search(r"script-src ([^;]*)", text)[1]
    )
    assert not re.search(r"""(src|href)=["'](?!data:)""", text)


EACH = {"goal": [[0, 0, 1], [2, 0, 1], [2, 1, 1.5]], "success": [1, 0, 1]}


def test_goals_are_drawn_where_they_are(tmp_path):
    evaluation = {"latest": 0.67, "latest_each": EACH}
    written(tmp_path, evaluation=evaluation)
    text = report([tmp_path], tmp_path / "r.html").read_text()
    assert text.count("<circle") == 2 * 2 and text.count('class="missed"') == 2
    assert (
        text.count("2 of 3 goals reached</title>") == 2
    )  # from above and from the side
    view = goal_map(Goals(np.array(EACH["goal"], float), np.array([1, 0, 1], bool)))
    # 2 m are 260 - 2 x 24 = 212 pixels: (0, 0) is at (24, 236), (2, 1) at (236, 130)
    assert 'cx="24.0" cy="236.0"' in view and 'cx="236.0" cy="130.0"' in view
    assert "M232.0 232.0L240.0 240.0" in view and "2.00 m wide" in view


def test_the_latest_film_is_part_of_the_page(tmp_path):
    videos = written(tmp_path) / "videos"
    videos.mkdir()
    for epoch, data in {2: b"two", 10: b"ten"}.items():
        (videos / f"epoch_{epoch}.mp4").write_bytes(data)
    text = report([tmp_path], tmp_path / "r.html").read_text()
    assert text.count("<video") == 1 and "base64,dGVu" in text  # "ten"
    assert "<video" not in report([tmp_path], tmp_path / "r.html", False).read_text()


def test_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    videos = written(tmp_path) / "videos"
    videos.mkdir()
    for target in secret, tmp_path / "nowhere":
        (videos / "epoch_3.mp4").symlink_to(target)
        assert "<video" not in report([tmp_path], tmp_path / "r.html").read_text()
        (videos / "epoch_3.mp4").unlink()
    os.mkfifo(videos / "epoch_3.mp4")
    assert "<video" not in report([tmp_path], tmp_path / "r.html").read_text()


def test_runs_of_older_versions_are_compared(tmp_path):
    """A setting that is null in one file and missing in another is the same."""
    long = "x" * 70
    written(tmp_path, "a", load_path=None)
    written(tmp_path, "b")
    written(tmp_path, "c", replay_strategy=long, demo_file=long)
    groups = [run.group for run in collect([tmp_path])]
    assert groups[0] == groups[1] != groups[2]


def test_runs_without_rows_are_left_out(tmp_path):
    written(tmp_path, "begun", rows=0)
    with pytest.raises(ValueError, match=r"found only .*begun without rows"):
        collect([tmp_path])
    written(tmp_path, "empty")
    (tmp_path / "empty" / "progress.csv").write_text("")
    written(tmp_path, "good")
    assert [run.name for run in collect([tmp_path])] == ["good"]


@pytest.mark.parametrize(
    ("each", "sentence"),
    [
        ({"goal": [[0, 0]], "success": [1, 0]}, "a goal and a success for each"),
        ({"goal": [["a", 0]], "success": [1]}, "a goal and a success for each"),
        ({"goal": [[10**400, 0]], "success": [1]}, "a goal and a success for each"),
        ({"goal": [[0, 0]]}, "a goal and a success for each"),
    ],
)
def test_damaged_evaluations_are_named(tmp_path, each, sentence):
    written(tmp_path, evaluation={"latest": 1.0, "latest_each": each})
    with pytest.raises(ValueError, match=sentence):
        report([tmp_path], tmp_path / "r.html")


def test_wrong_commands_are_refused(tmp_path, capsys):
    for arguments, sentence in {
        (str(tmp_path),): "a run with rows must be in",
        (str(tmp_path), "--out=x.pdf"): "out must end with .html",
    }.items():
        with pytest.raises(SystemExit, match="2"):
            main([*arguments])
        assert sentence in capsys.readouterr().err
    with pytest.raises(ValueError, match="at most 60 runs, found 61"):
        for n in range(61):
            written(tmp_path / "many", f"r{n}", rows=1)
        collect([tmp_path / "many"])
