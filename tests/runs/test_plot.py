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
        "action_l2=1.0, batch_size=64 (1 seed)",
        "action_l2=0.5, batch_size=64 (1 seed)",
        "action_l2=0.5, batch_size=128 (1 seed)",
    ]


def test_variants_of_a_recipe_are_called_by_what_they_vary(tmp_path):
    recipe = {f"a_long_name_of_the_setting_{k}": 1 for k in "abcde"}
    for k in "abcde":
        made = {**recipe, f"a_long_name_of_the_setting_{k}": 0}
        make_run(tmp_path / k, 0, [0.0, 0.5, 1.0], alg="z", **made)
    make_run(tmp_path / "recipe", 0, [0.0, 0.5, 1.0], alg="z", **recipe)
    assert list(grouped(find_runs([tmp_path]))) == [
        *(f"a_long_name_of_the_setting_{k}=0 (1 seed)" for k in "abcde"),
        "the usual settings (1 seed)",
    ]


def test_labels_that_are_cut_alike_stay_apart(tmp_path):
    for n in range(2):
        make_run(tmp_path / f"{n}", 0, [0.0, 0.5, 1.0], demo_file="x" * 99 + str(n))
    one, other = grouped(find_runs([tmp_path]))
    assert other == one.replace(" (1 seed)", " #2 (1 seed)")


def test_the_fewest_settings_are_found_where_the_first_one_misleads(tmp_path):
    """c splits into four and needs both others; p and q tell all six groups apart."""
    made = (0, 0, 0), (0, 1, 0), (1, 0, 1), (2, 0, 1), (1, 1, 2), (2, 1, 3)
    for n, (a, b, c) in enumerate(made):
        long = {f"a_long_name_of_the_setting_{k}": c for k in "xyz"}
        settings = {"alg": "z", "p": a, "q": b, **long}
        make_run(tmp_path / f"{n}", 0, [0.0, 0.5, 1.0], **settings)
    assert list(grouped(find_runs([tmp_path]))) == [
        f"p={a}, q={b} (1 seed)" for a, b, _ in made
    ]


def test_a_label_begins_no_formula_and_steers_no_terminal(tmp_path):
    make_run(tmp_path / "a", 0, [0.0, 0.5], env="$\\nonsense{ $\x1b[2J")
    (legend,) = plot([tmp_path], out=tmp_path / "a.png").legends
    assert legend.get_texts()[0].get_text() == (r"\$\nonsense{ \$\x1b[2J (1 seed)")


def test_the_legend_stays_within_the_figure(runs):
    for n in 1, 60, 100, 400:  # letters
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


def test_a_curve_goes_as_far_as_half_of_its_runs(tmp_path):
    make_run(tmp_path / "a", 0, [0.0, 0.4], steps=(10_000, 50_000))
    make_run(tmp_path / "b", 1, [0.2, 1.0], steps=(20_000, 100_000))
    make_run(tmp_path / "c", 2, [0.0, 0.0], steps=(30_000, 200_000))
    (members,) = grouped(find_runs([tmp_path])).values()
    grid, centre, low, high = curve(members, "env_steps", "test/success_rate")
    assert (grid[0], grid[-1]) == (20_000, 100_000)  # two of three begin, and end
    # at 25,000: 0.15 and 0.25 of a and b; at 40,000: 0.3, 0.4, 0; then only b and c
    for step, value in (25_000, 0.2), (40_000, 0.3), (60_000, 0.3), (100_000, 0.5):
        assert np.interp(step, grid, centre) == pytest.approx(value, abs=2e-3)
    assert (low[-1], high[-1]) == pytest.approx((0.25, 0.75))
    _, centre, low, high = curve(members, "env_steps", "test/success_rate", "iqm")
    assert centre[-1] == pytest.approx(0.5)
    assert (low[-1], high[-1]) == pytest.approx((0.0, 1.0))


def test_an_aborted_run_does_not_hide_its_group(runs):
    make_run(runs / "a9", 9, [0.5, 0.5], steps=(50, 100))
    make_run(runs / "a10", 10, [0.5] * 4, steps=(0, 100_000, 200_000, 300_000))
    figure = plot([runs])
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == [
        "polyak=0.9 (5 seeds), thin: 1 shorter, 1 longer",
        "polyak=0.8 (1 seed)",
    ]
    curve_of_a, *thin, curve_of_b = figure.axes[0].lines
    assert curve_of_a.get_xdata()[-1] == curve_of_b.get_xdata()[-1] == 200_000
    assert [line.get_xdata()[-1] for line in thin] == [100, 300_000]
    for line in thin:
        assert line.get_color() == curve_of_a.get_color()
        assert line.get_linewidth() < curve_of_a.get_linewidth() / 2


def test_whether_a_run_is_shorter_is_counted_in_steps_on_every_axis(runs):
    progress = runs / "a1" / "progress.csv"
    progress.write_text(progress.read_text().replace(",120,", ",80,"))  # faster
    (legend,) = plot([runs], x="minutes").legends
    assert "thin" not in legend.get_texts()[0].get_text()


def test_a_run_of_one_epoch_is_a_visible_dot(tmp_path):
    make_run(tmp_path / "a", 0, [0.3], steps=(1000,))
    (line,) = plot([tmp_path]).axes[0].lines
    assert set(line.get_xdata()) == {1000}
    assert line.get_marker() == "o"
    assert line.get_markevery() == [len(line.get_xdata()) - 1]
    assert line.get_ydata()[-1] == pytest.approx(0.3)


def test_seeds_are_counted_once(tmp_path):
    for name, seed in ("a", 0), ("b", 0), ("c", 1e30):
        make_run(tmp_path / name, seed, [0.0, 0.5, 1.0])
    assert list(grouped(find_runs([tmp_path]))) == [
        "FetchReach-v4 (2 seeds, 3 runs)",
    ]
    again = [tmp_path / "a", tmp_path, tmp_path / "b" / ".." / "a"]
    assert len(find_runs(again)) == 3


def test_no_curve_is_drawn_where_no_run_has_a_finite_value(tmp_path):
    make_run(tmp_path / "a", 0, [0.0, 1.0, "nan", 1.0], steps=(0, 100, 200, 300))
    make_run(tmp_path / "b", 0, [0.0, "inf", 1.0], steps=(0, 200, 300), polyak=0.8)
    for members in grouped(find_runs([tmp_path])).values():
        grid, centre, *_ = curve(members, "env_steps", "test/success_rate")
        assert np.isnan(centre[(grid > 100) & (grid < 200)]).all()
        assert centre[-1] == 1.0


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


def test_other_columns_have_a_panel_each_three_in_a_row(runs):
    columns = ["test/mean_Q", "test/success_rate", "steps/updates", "time/total"]
    axes = plot([runs], columns=columns).axes
    assert [ax.get_ylabel() for ax in axes[:4]] == columns
    rows = [ax.get_subplotspec().rowspan.start for ax in axes[:4]]
    assert rows == [0, 0, 0, 1]
    assert not any(ax.axison for ax in axes[4:])
    assert np.nanmin(axes[0].lines[0].get_ydata()) == -2


def test_a_run_without_rows_is_left_out_whatever_the_columns(runs):
    make_run(runs / "begun", 3, [])
    (runs / "begun" / "progress.csv").write_text("")
    assert len(find_runs([runs], ["test/mean_Q"])) == len(find_runs([runs])) == 4


def test_an_unknown_column_is_named_with_the_nearest(runs):
    with pytest.raises(ValueError, match="has no column test/mean_q; did you mean "):
        plot([runs], columns=["test/mean_q"])


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
    for out in "r", "r.exe", "png", ".png":
        with pytest.raises(ValueError, match=r"must end in \.png, \.svg or \.pdf, "):
            plot([tmp_path], out=out)
    with pytest.raises(ValueError, match=r"must be in .*, found none"):
        plot([tmp_path])
    with pytest.raises(ValueError, match="one of env_steps, minutes, updates"):
        plot([tmp_path], x="hours")


def test_returns_of_thousands_have_a_linear_axis():
    left, right = plot([ROOT / "results" / "cheetah_3m"]).axes
    assert left.get_ylabel() == "return of the test episodes"
    assert left.get_yscale() == right.get_yscale() == "linear"
    assert left.get_ylim()[1] > 5000


def test_a_peer_is_drawn_in_the_panels_that_it_has_logged(tmp_path):
    ours = ROOT / "results" / "cheetah_3m" / "tuned_seed0"
    (tmp_path / "config.json").write_text(
        '{"config": {"alg": "sb3-ppo", "env": "HalfCheetah-v5", "seed": 0}}'
    )
    columns = "steps/env", "steps/updates", "time/total", "test/return"
    lines = ",".join(columns), "1000,1,60,-5", "2000,2,120,300"
    (tmp_path / "progress.csv").write_text("\n".join(lines))
    (drawn,) = plot([ours, tmp_path]).axes
    assert drawn.get_ylabel() == "return of the test episodes"
    assert len(plot([ours]).axes) == 2


def test_runs_that_are_judged_by_other_columns_are_not_drawn_together():
    paths = [ROOT / "results" / name for name in ("reach", "cheetah_3m")]
    with pytest.raises(ValueError, match="must have the same columns"):
        plot(paths)
