"""The command `baselines-her sweep`: what it refuses, and what it makes of flags."""

import pytest
from sweeps import SPACE, TINY, sweep_of

from baselines_her.algorithms import entry
from baselines_her.sweep import __main__ as commands
from baselines_her.sweep.__main__ import _parser, counts_of, left_of, machine_of, main
from baselines_her.sweep.__main__ import sweep_of as sweep_of_command
from baselines_her.sweep.space import Dimension
from baselines_her.sweep.trials import flags_of

pytest.importorskip("optuna")


def test_what_is_given_is_not_varied():
    her, ppo = entry("her"), entry("ppo")
    space = [Dimension("prioritization", choices=("uniform", "tderror")), *SPACE]
    assert left_of(space, {"per": True}, her) == SPACE
    sizes = [Dimension("batch_size", choices=(128, 256, 512))]
    assert left_of(sizes, {"alg": "ppo", "nminibatches": 4}, ppo) == []
    demos = {"demo_file": "demos.npz", "preset": "laptop_demos"}
    (left,) = left_of(sizes, demos, her)
    assert left.choices == (256, 512)  # 128 rows come from demonstrations


def test_the_usual_space_is_widened_to_hold_the_preset():
    options = _parser().parse_args(["--minutes=4", "--level=0.9"])
    sweep = sweep_of_command(options, {"env": "FetchPush"})
    space = {dimension.name: dimension for dimension in sweep.space}
    assert space["prioritization"].choices == ("uniform", "tderror", "energy")
    assert (space["polyak"].low, space["polyak"].high) == (0.75, 0.99)
    assert sweep.hang_minutes == 8.0


def test_jobs_share_the_cores(monkeypatch):
    monkeypatch.setattr(commands, "available_cores", lambda: 8)
    ppo, her = entry("ppo"), entry("her")
    assert machine_of(1, ppo) == {}
    assert machine_of(4, ppo)["steppers"] == 2
    assert machine_of(4, her) == {"learner_threads": 2, "collectors": 1}
    own = sweep_of(machine={"learner_threads": 2, "collectors": 1})
    assert flags_of(own, {}, 0)["learner_threads"] == 2
    assert own.facts() == sweep_of().facts()  # it may continue with other jobs


LINEAR = "--lr_schedule=linear"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--env=FetchReach"], "needs --minutes or --num_timesteps"),
        ([*TINY, "--minutes=3"], "and not both"),
        ([*TINY, "--trials=0"], "must be at least 1"),
        ([*TINY, "--seed=3"], "sets seed itself"),
        ([*TINY, "--confirm=3"], "confirm must be"),
        ([*TINY, "--level=0.5"], "level counts minutes"),
        ([*TINY, "--hang=-1"], "hang must be above 0"),
        (
            ["--alg=ppo", "--env=Hopper", "--minutes=3", LINEAR],
            "a linear learning rate",
        ),
        ([*TINY, "--sampler=grid"], "the grid needs choices"),
        ([*TINY, "--nonsense=1"], "unknown argument --nonsense"),
        ([*TINY, "--per_alpha=0.3"], "per_alpha has no effect"),
    ],
)
def test_wrong_commands_are_refused(tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert sentence in capsys.readouterr().err


def test_a_damaged_storage_is_told_in_one_sentence(tmp_path, capsys):
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "study.db").write_bytes(
        b"this is no database, but it is long enough " * 9
    )
    with pytest.raises(SystemExit, match="2"):
        main([*TINY, f"--out={folder}"])
    err = capsys.readouterr().err
    assert "the sweep's storage" in err.splitlines()[-1] and "Traceback" not in err


def test_a_storage_whose_driver_is_missing_is_told_in_one_sentence(tmp_path, capsys):
    url = "postgresql+pg8000://user:secret@localhost/sweeps"
    with pytest.raises(SystemExit, match="2"):
        main([*TINY, f"--out={tmp_path / 's'}", f"--storage={url}"])
    err = capsys.readouterr().err
    assert "needs the Python package pg8000" in err.splitlines()[-1]
    assert "Traceback" not in err and "secret" not in err


def test_counts():
    assert counts_of("3x5") == (3, 5) and counts_of(None) == (0, 0)
