"""What the processes of one run of the tests share: the machine, and compiled programs.

pytest-xdist runs the tests in worker processes.  A test marked `alone` waits for the
tests of the other workers to end, and they wait for it.  A program that one process
has compiled is loaded by the others, and by the trainings that tests start.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import pytest

FOLDER = "BASELINES_HER_TESTS"  # environment variable: where the shared files are


def pytest_configure(config):
    """The first process makes the folder, and the others inherit its name."""
    line = "alone: a test that measures time, or that keeps both cores busy by itself"
    config.addinivalue_line("markers", line)
    if FOLDER in os.environ:
        return
    folder = os.environ[FOLDER] = tempfile.mkdtemp(prefix="baselines_her_tests_")
    cache = f"--tf_xla_persistent_cache_directory={folder}"
    os.environ["TF_XLA_FLAGS"] = f"{os.environ.get('TF_XLA_FLAGS', '')} {cache}".strip()
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def n_compiled():
    """Programs that have been compiled since the tests began."""
    return len(list(Path(os.environ[FOLDER]).glob("xla_compile_cache*")))


def pytest_collection_modifyitems(items):
    """Those that run alone are the last: until then nobody waits."""
    items.sort(key=lambda item: item.get_closest_marker("alone") is not None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Before the timers of other plugins start: waiting is not part of the test."""
    is_alone = item.get_closest_marker("alone") is not None
    with (Path(os.environ[FOLDER]) / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        return (yield)
