"""The examples run as a user would run them, in a folder of their own."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from baselines_her.exports.__main__ import export

EXAMPLES = Path(__file__).parent
SMALL = ["--num_timesteps=100", "--n_cycles=1", "--n_batches=1", "--n_test_rollouts=1"]
SMALL += ["--layers=1", "--hidden=8", "--num_env=1", "--log_path=run"]


def run(folder, name, *arguments, **variables):
    """The output of an example."""
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]
    path = {"PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **path, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_an_environment_of_one_s_own_can_be_trained_in(tmp_path):
    rate = float(run(tmp_path, "own_environment", *SMALL).splitlines()[-1])
    assert 0.0 <= rate <= 1.0 and (tmp_path / "run" / "FINISHED").exists()


def test_a_run_is_continued(tmp_path):
    out = run(tmp_path, "resume", *SMALL)
    assert out.splitlines()[-1] == "2 epochs, then 4 in run"


def test_weights_and_biases_gets_the_columns(tmp_path):
    pytest.importorskip("wandb")
    run(tmp_path, "track_wandb", *SMALL, WANDB_MODE="offline", WANDB_SILENT="true")
    (kept,) = (tmp_path / "wandb").glob("offline-run-*")
    (record,) = kept.glob("*.wandb")
    data = record.read_bytes()
    assert b"test/success_rate" in data and b"policy_best.pkl" in data


def test_mlflow_gets_the_columns(tmp_path):
    pytest.importorskip("mlflow")
    place = {"MLFLOW_TRACKING_URI": (tmp_path / "runs").as_uri()}
    run(tmp_path, "track_mlflow", *SMALL, **place, MLFLOW_ALLOW_FILE_STORE="true")
    (rates,) = (tmp_path / "runs").glob("*/*/metrics/test/success_rate")
    steps = [int(line.split()[2]) for line in rates.read_text().splitlines()]
    assert steps == [50, 100]
    assert len([*(tmp_path / "runs").glob("*/*/artifacts/policy_best.pkl")]) == 1


def test_tensorboard_gets_settings_and_films(tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator"
    )
    run(tmp_path, "track_tensorboard", *SMALL, "--video_interval=2")
    board = accumulator.EventAccumulator(str(tmp_path / "run" / "tb")).Reload()
    (film,) = board.Images("film")
    assert film.step == 50 and film.encoded_image_string.startswith(b"GIF89a")
    assert "_hparams_/session_start_info" in str(board.summary_metadata)


def test_an_exported_policy_controls_a_robot(tmp_path):
    export("FetchReach", "numpy", tmp_path / "arm.py")
    out = run(tmp_path, "deploy_numpy", "arm.py", "FetchReach-v4", "3")
    assert out.splitlines()[-1] == "3 of 3 episodes succeed"


# -- the node for ROS 2, without ROS -------------------------------------------


@pytest.fixture
def ros2():
    return module(EXAMPLES / "ros2_node.py")


def test_the_node_moves_by_the_action_within_limits(ros2):
    asked = []

    def act(state, goal):
        asked.append((state, goal))
        return np.array([1.0, -0.5, -3.0, 0.0])

    driver = ros2.Driver(act)
    driver.goal = np.array([1.3, 0.7, 5.0])
    driver.see_position([1.2, 0.6, 0.5], now=10.0)
    driver.see_velocity([1.0, 0.0, -0.5], now=10.01)
    target = driver.target(now=10.05)
    np.testing.assert_allclose(target, [1.25, 0.575, 0.45], atol=1e-6)
    state, goal = asked[0]
    np.testing.assert_allclose(goal, [1.3, 0.7, 0.9])
    wanted = [1.2, 0.6, 0.5, 0, 0, 0.04, 0, -0.02, 0, 0]  # velocities times 0.04 s
    np.testing.assert_allclose(state, wanted, atol=1e-6)
    driver.see_position([1.54, 0.41, 0.43], now=11.0)
    driver.see_velocity(np.zeros(3), now=11.0)
    np.testing.assert_allclose(driver.target(11.0), [1.55, 0.4, 0.42], atol=1e-6)


def test_the_node_stands_still_without_a_goal_or_a_recent_state(ros2):
    driver = ros2.Driver(lambda state, goal: np.zeros(4))
    driver.see_position([1.3, 0.7, 0.5], now=10.0)
    driver.see_velocity(np.zeros(3), now=10.0)
    assert driver.target(10.0) is None  # no goal
    driver.goal = np.array([1.3, 0.7, 0.5])
    assert driver.target(10.09) is not None
    assert driver.target(10.11) is None  # the state is too old
    driver.see_position([1.3, 0.7, 0.5], now=10.2)
    assert driver.target(10.2) is None  # the velocity still is
    broken = ros2.Driver(lambda state, goal: np.full(4, np.nan))
    broken.goal = driver.goal
    broken.see_position([1.3, 0.7, 0.5], now=10.0)
    broken.see_velocity(np.zeros(3), now=10.0)
    assert broken.target(10.0) is None


def test_a_gamepad_holds_the_keys_of_the_keyboard():
    glfw = pytest.importorskip("glfw")
    gamepad = module(EXAMPLES / "teleop_gamepad.py")
    axes, buttons = [0.0] * 6, [0] * 15
    assert gamepad.keys_of(axes, buttons) == set()
    axes[glfw.GAMEPAD_AXIS_LEFT_Y] = -0.9  # pushed away
    axes[glfw.GAMEPAD_AXIS_LEFT_X] = 0.3  # nearly at rest
    buttons[glfw.GAMEPAD_BUTTON_A] = 1
    assert gamepad.keys_of(axes, buttons) == {"W", "SPACE"}


def test_a_sweep_takes_the_space(tmp_path):
    pytest.importorskip("optuna")
    words = ["--env=FetchReach", *SMALL[:-1], "--trials=1", "--out=sweep"]
    command = [sys.executable, "-m", "baselines_her.sweep", *words]
    command.append(f"--space={EXAMPLES / 'sweep_space.toml'}")
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "--Q_lr=" in done.stdout and (tmp_path / "sweep" / "sweep.html").exists()
