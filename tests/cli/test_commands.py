"""The commands as a user types them, on FetchReach."""

import re
import shutil
import time

import numpy as np
import pytest
from conftest import run

from baselines_her.run import main

ROOT = __file__.rpartition("/tests/")[0]
RUN = "-m", "baselines_her.run"
TINY = ["--num_timesteps=200", "--num_env=2", "--n_cycles=2", "--n_test_rollouts=2"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reach")
    done = run(folder, None, *RUN, "--env=FetchReach", *TINY)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_training_says_where_the_policy_is_and_how_to_play_it(trained):
    folder, done = trained
    assert "FetchReach-v4" in done.stdout.splitlines()[0]  # no stages in a pipe
    command = re.search(r"python (-m baselines_her\.run --play .*)$", done.stdout)
    assert (folder / command[1].split("=")[1]).exists()
    assert "epoch   0" in done.stdout
    assert done.stderr == ""


def test_the_command_that_training_names_plays(trained, subprocess_environment):
    folder, done = trained
    command = re.search(r"python (-m baselines_her\.run --play .*)$", done.stdout)[1]
    code = (
        "import sys, runpy; sys.argv = ['run', *sys.argv[1:]]\n"
        "try: runpy.run_module('baselines_her.run', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'tensorflow' not in sys.modules"
    )
    arguments = command.split()[2:]
    done = run(folder, subprocess_environment, "-c", code, *arguments)
    assert done.returncode == 0, done.stderr
    assert len(re.findall("^episode", done.stdout, re.M)) == 20
    assert re.search(r"success rate \d\.\d\d at the last step", done.stdout)


def policy_of(folder):
    return str(next((folder / "logs" / "her").iterdir()) / "policy_best.pkl")


def test_the_script_plays_and_films_the_same_episodes(trained, subprocess_environment):
    folder, _ = trained
    script = [f"{ROOT}/experiment/play.py", policy_of(folder)]
    script += ["--episodes=2", "--seed=3"]
    plain = run(folder, subprocess_environment, *script)
    filmed = run(folder, subprocess_environment, *script, "--video=film.gif")
    assert plain.returncode == filmed.returncode == 0, filmed.stderr
    assert plain.stdout.splitlines() == filmed.stdout.splitlines()[:-1]
    import imageio

    frames = imageio.mimread(folder / "film.gif", memtest=False)
    assert len(frames) > 50  # equal frames in a row are one
    assert np.ptp(frames[0]) > 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--env=FetchReech"],
            "unknown environment FetchReech; did you mean FetchReach",
        ),
        (["--env=FetchReach-v1"], "use --env=FetchReach-v4"),
        (["--env=FetchReach-v3"], "use --env=FetchReach-v4"),
        (["--env=no_module:Id-v0"], "'no_module', which cannot be imported"),
        (["--env=CartPole-v1"], "observation space must be a Dict"),
        (["--num_env=0"], "num_env must be at least 1"),
        (["--seeds=1"], "did you mean --seed"),
        (["--load_path=nothing.pkl", "--play"], "nothing.pkl is not a policy file"),
        (["--load_path=nothing.pkl"], "nothing.pkl is not a policy file"),
        (["--buffer_size=10"], "at least one episode of 50 steps"),
    ],
)
def test_mistakes_get_one_sentence_and_code_2(
    tmp_path, monkeypatch, capfd, arguments, message
):
    monkeypatch.chdir(tmp_path)
    if arguments[0].startswith("--env"):
        arguments = [*arguments, *TINY]
    assert message in refusal(capfd, *arguments)
    assert list(tmp_path.iterdir()) == []  # nothing was begun


def refusal(capfd, *arguments):
    """The one sentence with which the command ends."""
    import gymnasium_robotics  # noqa: F401  pytest keeps us from silencing its notice

    capfd.readouterr()
    with pytest.raises(SystemExit) as caught:
        main([*arguments])
    assert caught.value.code == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1, error
    return error


def test_a_mistake_ends_the_process_with_its_sentence_alone(tmp_path):
    done = run(tmp_path, None, *RUN, "--num_env=0")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: num_env must be at least 1.*\n", done.stderr)


def test_playing_in_another_environment_is_refused(trained, capfd):
    folder, _ = trained
    command = "--play", f"--load_path={policy_of(folder)}", "--env=FetchPush"
    expected = "has (10, 3, 4) observations, goal entries and actions"
    assert expected in refusal(capfd, *command)


@pytest.mark.alone
def test_help_is_quick_and_loads_nothing_heavy(tmp_path, subprocess_environment):
    code = (
        "import sys; from baselines_her.run import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'tensorflow', 'mujoco', 'gymnasium', 'matplotlib', 'mpi4py'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    times = []
    for _ in range(3):
        started = time.perf_counter()
        done = run(tmp_path, subprocess_environment, "-c", code)
        times.append(time.perf_counter() - started)
        assert done.returncode == 0, done.stderr
    assert min(times) < 1.0  # half of it on an idle machine; see docs/performance.md


def test_a_users_module_trains_and_plays_from_the_command_line(
    tmp_path, monkeypatch, capfd, eagerly
):
    monkeypatch.chdir(tmp_path)
    env = "--env=point_env:Point-v0"
    flags = env, *TINY, "--hidden=16", "--batch_size=32", "--n_batches=3"
    assert main([*flags, "--log_path=run", "--play"]) == 0
    assert "success rate" in capfd.readouterr().out
    play = "--play", "--load_path=run/policy_best.pkl"
    assert env in refusal(capfd, *play)
    assert main([*play, env]) == 0
    assert "success rate" in capfd.readouterr().out


@pytest.mark.parametrize("script", ["play", "train"])
def test_scripts_find_a_users_module_in_the_current_folder(tmp_path, short_run, script):
    shutil.copy(f"{ROOT}/tests/point_env.py", tmp_path)
    path, env = str(short_run.best_policy), "--env=point_env:Point-v0"
    arguments = {
        "play": [path, "--episodes=1"],
        "train": ["--play", f"--load_path={path}", "--episodes=1"],
    }
    command = [f"{ROOT}/experiment/{script}.py", *arguments[script], env]
    done = run(tmp_path, None, *command)
    assert done.returncode == 0, done.stderr
    assert "success rate" in done.stdout
