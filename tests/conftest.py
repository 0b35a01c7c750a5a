"""Shared pieces: arrays whose numbers encode their own position."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from baselines_her.config import from_flags
from baselines_her.types import EnvSpec, Episodes

TESTS = Path(__file__).parent
FOLDERS = [TESTS, *(p for p in TESTS.iterdir() if p.is_dir() and p.name[0] not in "_.")]
# subprocesses get them by `subprocess_environment`
sys.path[:0] = [str(folder) for folder in FOLDERS]
pytest_plugins = ["sharing", "browsing"]
pytest.register_assert_rewrite("trainings", "mpi_commands")

# A shell ignores SIGINT in what it starts with `&`, nohup ignores SIGHUP, and children
# would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

HORIZON = 5


@pytest.fixture(scope="session")
def subprocess_environment():
    """Environment variables under which a child imports this folder's modules."""
    path = os.pathsep.join([*map(str, FOLDERS), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


@pytest.fixture
def spec():
    return EnvSpec("Counting-v0", 2, 1, 1, (1.0,), HORIZON, -1.0, 0.0)


@pytest.fixture
def point_spec():
    return EnvSpec("point_env:Point-v0", 3, 2, 2, (1.0, 1.0), 12, -1.0, 0.0)


@pytest.fixture
def small_config(point_spec):
    flags = {
        "env": point_spec.env_id,
        "preset": "laptop",
        "layers": 1,
        "hidden": 8,
        "batch_size": 16,
        "n_batches": 3,
    }
    return from_flags(**flags).resolve(point_spec)


@contextlib.contextmanager
def uncompiled():
    """Within it, nothing is compiled: a short training takes a third of its time."""
    from baselines_her.nets import tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture
def eagerly():
    """`uncompiled`, for a whole test."""
    with uncompiled():
        yield


@pytest.fixture(scope="session")
def short_run(tmp_path_factory):
    """A finished training of `SHORT`, uncompiled.  Copy its folder to change it."""
    from trainings import SHORT, train

    with uncompiled():
        return train(tmp_path_factory.mktemp("short") / "run", **SHORT)


def run(folder, environment, *command, **more):
    """Runs Python with these arguments in a folder: its code, and what it said."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
        timeout=300,
        **more,
    )


def counting_episodes(n=3, first=0):
    """Achieved goal at step t of episode e is 100 e + t, its own goal 100 e - 50."""
    episode = np.arange(first, first + n)[:, None, None]
    step = np.arange(HORIZON + 1)[None, :, None]
    achieved = (100 * episode + step).astype(np.float32)
    return Episodes(
        obs=np.concatenate([achieved, -achieved], axis=-1),
        achieved=achieved,
        goal=(100 * episode[:, 0] - 50).astype(np.float32),
        action=achieved[:, :-1] + 0.5,
        success=np.zeros((n, HORIZON), bool),
    )
