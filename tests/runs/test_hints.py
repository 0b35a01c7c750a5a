"""What a run's last line tells its user to do works when it is done."""

import re
import shlex
from pathlib import Path

import pytest
from point_env import PointEnv, make_point
from trainings import POINT, SHORT, Interrupt

import baselines_her
from baselines_her.run import main
from baselines_her.runs.hints import play_hint, resume_hint

TINY = {**SHORT, "num_timesteps": 96, "n_cycles": 1}


def command_in(text):
    """The arguments of the command in a hint."""
    return shlex.split(re.search(r"python -m baselines_her\.run (.*)$", text, re.M)[1])


def interrupt(row):
    if row["epoch"] == 0:
        raise Interrupt


def test_a_users_environment_is_played_by_the_command_that_training_names(
    tmp_path, monkeypatch, capsys, eagerly
):
    monkeypatch.chdir(tmp_path)
    baselines_her.train(POINT, **TINY)
    command = command_in(capsys.readouterr().out)
    assert f"--env={POINT}" in command
    assert main([*command, "--episodes=2"]) == 0
    assert "success rate" in capsys.readouterr().out


def test_a_users_environment_is_resumed_by_the_command_that_training_names(
    tmp_path, monkeypatch, capsys, eagerly
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Interrupt):
        baselines_her.train(POINT, **TINY, on_epoch=interrupt)
    assert main(command_in(capsys.readouterr().out)) == 0
    assert "continues after 48 env steps" in capsys.readouterr().out
    assert (tmp_path / "logs" / "her" / "Point-v0_0" / "FINISHED").exists()


def test_the_policy_of_a_function_is_evaluated_by_the_call_that_training_names(
    tmp_path, monkeypatch, capsys, eagerly
):
    monkeypatch.chdir(tmp_path)
    result = baselines_her.train(make_env=lambda: make_point(PointEnv), **TINY)
    assert result.log_path == Path("logs/her/custom_0")
    call = re.search(r"Evaluate it: (baselines_her\..*)$", capsys.readouterr().out)[1]
    names = {"baselines_her": baselines_her, "make_env": make_point}
    assert 0.0 <= eval(call, names).success_last <= 1.0
    with pytest.raises(ValueError, match="pass env=, an id or the function that build"):
        baselines_her.evaluate(baselines_her.load_policy(result.best_policy))


def test_the_run_of_a_function_is_resumed_by_the_call_that_training_names(
    tmp_path, monkeypatch, capsys, eagerly
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Interrupt):
        baselines_her.train(make_env=make_point, **TINY, on_epoch=interrupt)
    call = re.search(r"Continue with: (.*)$", capsys.readouterr().out)[1]
    names = {"baselines_her": baselines_her, "make_env": make_point}
    assert [row["steps/env"] for row in eval(call, names).rows] == [48, 96]
    with pytest.raises(ValueError, match="If a function built it, continue in Python"):
        baselines_her.train(resume="logs/her/make_point_0", quiet=True)


@pytest.mark.parametrize("name", ["<lambda>", "", "a/b", "../../etc"])
def test_a_function_without_a_plain_name_gives_a_plain_folder(
    tmp_path, monkeypatch, eagerly, name
):
    monkeypatch.chdir(tmp_path)

    def make_env():
        return make_point()

    make_env.__name__ = name
    result = baselines_her.train(make_env=make_env, quiet=True, **TINY)
    assert str(result.log_path) == "logs/her/custom_0"


def test_hints_are_quoted_and_name_the_workers():
    path = Path("my runs/a")
    assert "--load_path='my runs/a'" in play_hint(path, None, False)
    hint = resume_hint(path, "my_env:Point-v0", False, 2)
    assert "--resume='my runs/a' --env=my_env:Point-v0 --num_cpu=2" in hint
    assert "--num_cpu" not in resume_hint(path, None, False, 1)
    assert "2 workers" in resume_hint(path, None, True, 2)
    assert "workers" not in resume_hint(path, None, True, 1)
