"""Curves: which runs belong together, what is drawn over their seeds."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from baselines_her.runs.plot import bootstrap, curve, find_runs, grouped, iqm, plot

ROOT = Path(__file__).parents[2]


def make_run(folder, seed, success, steps=(0, 100_000, 200_000), **flags):
    folder.mkdir(parents=True)
    config = {"env": "FetchReach-v4", "seed": seed, "polyak": 0.9, **flags}
    (folder / "config.json").write_text(json.dumps({"config": config}))
    with (folder / "progress.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "steps/env",
                "steps/updates",
                "time/total",
                "test/success_rate",
                "test/mean_Q",
            ]
        )
        for n, (step, rate) in enumerate(zip(steps, success)):
            writer.writerow([step, 40 * n, 60 * n, rate, -n])


@pytest.fixture
def runs(tmp_path):
    make_run(tmp_path / "a0", 0, [0.0, 0.5, 1.0])
    make_run(tmp_path / "a1", 1, [0.0, 0.1, 0.2])
    make_run(tmp_path / "a2", 2, [0.0, 0.3, 0.4])
    make_run(tmp_path / "b0", 0, [0.0, 0.0, 0.0], polyak=0.8)
    return tmp_path


def test_runs_of_equal_settings_stand_together(runs):
    groups = grouped(find_runs([runs]))
    sizes = {label: len(members) for label, members in groups.items()}
    assert sizes == {"polyak=0.9 (3 seeds)": 3, "polyak=0.8 (1 seed)": 1}
    assert list(grouped(find_runs([runs]), ["x", "y"])) == ["x (3 seeds)", "y (1 seed)"]
    with pytest.raises(ValueError, match="2 different labels are needed"):
        grouped(find_runs([runs]), ["x"])


def test_a_setting_that_came_after_a_run_has_its_default(tmp_path):
    make_run(tmp_path / "old", 0, [0.0, 0.5, 1.0])
    make_run(tmp_path / "new", 1, [0.0, 0.5, 1.0], noise="gaussian")
    make_run(tmp_path / "other", 0, [0.0, 0.5, 1.0], noise="ou")
    groups = grouped(find_runs([tmp_path]))
    assert set(groups) == {"noise=gaussian (2 seeds)", "noise=ou (1 seed)"}


def test_settings_of_another_algorithm_are_not_compared(tmp_path):
    make_run(tmp_path / "a", 0, [0.0, 0.5, 1.0], noise_eps=0.1)
    make_run(tmp_path / "b", 0, [0.0, 0.5, 1.0], noise_eps=0.2)
    make_run(tmp_path / "c", 0, [0.0, 0.5, 1.0], alg="sb3-ddpg", gamma=0.95)
    make_run(tmp_path / "d", 1, [0.0, 0.5, 1.0], alg="sb3-ddpg", gamma=0.95, n=None)
    assert list(grouped(find_runs([tmp_path]))) == [
        "alg=her, noise_eps=0.1 (1 seed)",
        "alg=her, noise_eps=0.2 (1 seed)",
        "alg=sb3-ddpg (2 seeds)",
    ]


def test_a_long_label_keeps_the_fewest_settings_that_tell_groups_apart(tmp_path):
    many = {"random_eps": 0.1, "noise_eps": 0.1, "action_l2": 0.5, "norm_clip": 4.0}
    make_run(tmp_path / "a", 0, [0.0, 0.5, 1.0], batch_size=64)
    make_run(tmp_path / "b", 0, [0.0, 0.5, 1.0], batch_size=64, **many)
    make_run(tmp_path / "c", 0, [0.0, 0.5, 1.0], batch_size=128, **many)
    assert list(grouped(find_runs([tmp_path]))) == [
        "action_l2=1.0, batch_size=64, ... (1 seed)",
        "action_l2=0.5, batch_size=64, ... (1 seed)",
        "action_l2=0.5, batch_size=128, ... (1 seed)",
    ]


def test_the_legend_stays_within_the_figure(runs):
    for n in 1, 60, 100:  # letters
        figure = plot([runs], labels=["a" * n, "b" * n])
        figure.draw_without_rendering()
        (legend,) = figure.legends
        inside, page = legend.get_window_extent(), figure.bbox
        assert page.x0 <= inside.x0 and inside.x1 <= page.x1
        assert page.y0 <= inside.y0 and inside.y1 <= page.y1


def test_the_centre_is_the_median_and_the_band_the_quartiles(runs):
    (members, _) = grouped(find_runs([runs])).values()
    grid, centre, low, high = curve(members, "env_steps", "test/success_rate")
    assert (grid[0], grid[-1]) == (0, 200_000)
    assert centre[-1] == pytest.approx(0.4)
    assert (low[-1], high[-1]) == pytest.approx((0.3, 0.7))
    # half way between 100,000 and 200,000: medians of (.75, .15, .35)
    assert np.interp(150_000, grid, centre) == pytest.approx(0.35, abs=1e-3)
    minutes, *_ = curve(members, "minutes", "test/mean_Q")
    assert (minutes[0], minutes[-1]) == (0.0, 2.0)


def test_the_grid_ends_with_the_shortest_run(tmp_path):
    make_run(tmp_path / "a", 0, [0.0, 1.0], steps=(10_000, 50_000))
    make_run(tmp_path / "b", 1, [0.0, 1.0], steps=(20_000, 90_000))
    (members,) = grouped(find_runs([tmp_path])).values()
    grid, *_ = curve(members, "env_steps", "test/success_rate")
    assert (grid[0], grid[-1]) == pytest.approx((20_000, 50_000))


def test_the_inter_quartile_mean_drops_the_outer_quarters():
    assert iqm(np.array([0.0, 1.0, 3.0, 100.0])) == pytest.approx(2.0)
    # of 3 rows the middle half is .25 of the first, 1 of the second, .25 of the third
    assert iqm(np.array([0.0, 1.0, 4.0])) == pytest.approx((0 + 1 + 1) / 1.5)
    low, high = bootstrap(np.arange(100.0), iqm)
    assert 35 < low < iqm(np.arange(100.0)) < high < 65


def test_a_figure_is_written(runs, tmp_path):
    out = tmp_path / "fig.png"
    script = ROOT / "experiment" / "plot.py"
    for arguments in ["--x=minutes"], ["--statistic=iqm", "--labels", "one", "two"]:
        done = subprocess.run(
            [sys.executable, script, runs, f"--out={out}", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert out.read_bytes().startswith(b"\x89PNG")
    figure = plot([runs])
    axes = figure.axes
    assert axes[0].get_ylabel() == "success at the last step"
    assert axes[0].get_xlabel() == "environment steps"
    assert axes[0].xaxis.get_major_formatter()(200_000) == "200k"
    assert len(axes[0].lines) == 2


def test_a_critic_that_diverged_does_not_flatten_the_others(runs, tmp_path):
    assert [ax.get_yscale() for ax in plot([runs]).axes] == ["linear", "linear"]
    make_run(tmp_path / "bad", 0, [0.0, 0.0, 0.0], noise_eps=0.7)
    progress = tmp_path / "bad" / "progress.csv"
    progress.write_text(progress.read_text().replace(",-2\n", ",122991\n"))
    figure = plot([runs, tmp_path / "bad"])
    assert [ax.get_yscale() for ax in figure.axes] == ["linear", "symlog"]
    low, high = figure.axes[1].get_ylim()
    assert -100 < low < 0 and high > 122991


def test_wrong_calls_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"must be in .*, found none"):
        plot([tmp_path])
    with pytest.raises(ValueError, match="one of env_steps, minutes, updates"):
        plot([tmp_path], x="hours")
