"""Packages that are missing or do not fit: one line each, with the cure."""

import os

import pytest
from conftest import run

from baselines_her import versions


def run_without(folder, *command, **shadowed):
    """Runs Python where some packages are replaced by files of one line."""
    for name, line in shadowed.items():
        (folder / f"{name}.py").write_text(line)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return run(folder, {**os.environ, "PYTHONPATH": path}, *command)


RUN = "-m", "baselines_her.run"
MISSING = (
    "raise ModuleNotFoundError('No module named ' + repr(__name__), name=__name__)"
)


def test_training_without_tensorflow_says_what_to_install(tmp_path):
    flags = "--env=FetchReach", "--num_timesteps=1"
    done = run_without(tmp_path, *RUN, *flags, tensorflow=MISSING)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'tensorflow>=2.16,<2.22'" in done.stderr
    assert not (tmp_path / "logs").exists()


@pytest.mark.slow
def test_training_without_tensorboard_goes_on(tmp_path):
    flags = ["--env=FetchReach", "--num_timesteps=1", "--n_cycles=1", "--hidden=8"]
    flags += ["--n_test_rollouts=1", "--log_path=run", "--batch_size=8"]
    done = run_without(tmp_path, *RUN, *flags, tensorboard=MISSING)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "run" / "tb").exists()


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        ({"mujoco": "3.12.0"}, "needs mujoco >= 3.3 and < 3.12, found 3.12.0"),
        ({"mujoco": "4.0.0", "mujoco-core": "4.0.0"}, "found 4.0.0.  Run: pip uninst"),
        (
            {"mujoco": "3.11.0", "mujoco-core": "4.0.0"},
            "is installed over parts of mujoco 4",
        ),
        ({}, "mujoco is not installed"),
        ({"mujoco": "3.11.0"}, None),
        ({"mujoco": "3.3.0"}, None),
    ],
)
def test_a_mujoco_that_does_not_fit_is_named(monkeypatch, installed, message):
    monkeypatch.setattr(versions, "version", installed.get)
    found = versions.mujoco_problem()
    assert (found is None) if message is None else (message in found)


def test_an_old_python_is_refused_in_a_line(tmp_path):
    code = "import sys; sys.version_info = (3, 9, 1); import baselines_her"
    done = run(tmp_path, None, "-c", code)
    assert done.returncode == 1
    assert done.stderr.startswith("baselines_her needs Python 3.10 or newer")
    assert done.stderr.count("\n") == 1
