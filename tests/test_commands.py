"""The commands as a user types them, in processes of their own, on FetchReach."""

import re
import subprocess
import sys
import time

import numpy as np
import pytest

ROOT = __file__.rpartition("/tests/")[0]
RUN = [sys.executable, "-m", "baselines_her.run"]
TINY = ["--num_timesteps=200", "--num_env=2", "--n_cycles=2", "--n_test_rollouts=2"]


def run(command, cwd, environment, timeout=120):
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        text=True,
        capture_output=True,
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reach")
    import os

    done = run([*RUN, "--env=FetchReach", *TINY], folder, {**os.environ})
    assert done.returncode == 0, done.stderr
    return folder, done


def test_training_says_where_the_policy_is_and_how_to_play_it(trained):
    folder, done = trained
    assert "FetchReach-v4" in done.stdout.splitlines()[0]
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
    done = run([sys.executable, "-c", code, *arguments], folder, subprocess_environment)
    assert done.returncode == 0, done.stderr
    assert len(re.findall("^episode", done.stdout, re.M)) == 20
    assert re.search(r"success rate \d\.\d\d at the last step", done.stdout)


def policy_of(folder):
    return str(next((folder / "logs" / "her").iterdir()) / "policy_best.pkl")


def test_the_script_plays_and_films_the_same_episodes(trained, subprocess_environment):
    folder, _ = trained
    script = [sys.executable, f"{ROOT}/experiment/play.py", policy_of(folder)]
    script += ["--episodes=2", "--seed=3"]
    plain = run(script, folder, subprocess_environment)
    filmed = run([*script, "--video=film.gif"], folder, subprocess_environment)
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
    tmp_path, subprocess_environment, arguments, message
):
    if arguments[0].startswith("--env"):
        arguments = [*arguments, *TINY]
    done = run([*RUN, *arguments], tmp_path, subprocess_environment)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []  # nothing was begun


def test_playing_in_another_environment_is_refused(trained, subprocess_environment):
    folder, _ = trained
    command = [*RUN, "--play", f"--load_path={policy_of(folder)}", "--env=FetchPush"]
    done = run(command, folder, subprocess_environment)
    assert done.returncode == 2
    assert "has (10, 3, 4) observations, goal entries and actions" in done.stderr


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
        done = run([sys.executable, "-c", code], tmp_path, subprocess_environment)
        times.append(time.perf_counter() - started)
        assert done.returncode == 0, done.stderr
    assert min(times) < 1.0  # half of it on an idle machine; see docs/performance.md


def test_a_users_module_trains_and_plays_from_the_command_line(
    tmp_path, subprocess_environment
):
    env = ["--env=point_env:Point-v0", *TINY, "--hidden=16", "--batch_size=32"]
    done = run(
        [*RUN, *env, "--log_path=run", "--play"], tmp_path, subprocess_environment
    )
    assert done.returncode == 0, done.stderr
    assert "success rate" in done.stdout
    play = [*RUN, "--play", "--load_path=run/policy_best.pkl"]
    refused = run(play, tmp_path, subprocess_environment)
    assert refused.returncode == 2
    assert "--env=point_env:Point-v0" in refused.stderr
    played = run([*play, env[0]], tmp_path, subprocess_environment)
    assert played.returncode == 0, played.stderr


def test_an_interrupted_run_ends_without_a_traceback(tmp_path, subprocess_environment):
    import signal

    process = subprocess.Popen(
        [*RUN, "--env=FetchReach", "--log_path=run"],
        cwd=tmp_path,
        env=subprocess_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "run folder" in process.stdout.readline()
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error == "interrupted\n"
    assert not (tmp_path / "run" / "FINISHED").exists()
