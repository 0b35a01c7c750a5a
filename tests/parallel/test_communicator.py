"""How a process finds out whether it is a worker among others."""

import os
import subprocess
import sys

import numpy as np
import pytest

from baselines_her.parallel.communicator import Solo, connect


def run(arguments, environment):
    return subprocess.run(
        arguments, env=environment, capture_output=True, text=True, timeout=300
    )


def test_a_launcher_of_another_mpi_is_no_reason_to_run_twice(
    tmp_path, subprocess_environment
):
    """Without its launcher's help the library sees one worker."""
    launched = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "0"}
    flags = "--env=point_env:Point-v0", "--num_timesteps=100", f"--log_path={tmp_path}"
    command = [sys.executable, "-m", "baselines_her.run", *flags]
    done = run(command, {**subprocess_environment, **launched})
    assert done.returncode == 2
    assert "one of 2 workers, but its MPI library" in done.stderr
    assert not (tmp_path / "progress.csv").exists()


def test_an_mpi_that_cannot_be_loaded_is_refused(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "3")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(RuntimeError, match="one of 3 workers, but MPI cannot be"):
        connect()


def test_without_a_launcher_there_is_no_mpi():
    code = (
        "import sys, baselines_her.parallel.communicator as mpi\n"
        "assert isinstance(mpi.connect(), mpi.Solo)\n"
        "assert 'mpi4py' not in sys.modules"
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PMI", "OMPI"))}
    done = run([sys.executable, "-c", code], kept)
    assert done.returncode == 0, done.stderr


def test_solo_exchanges_nothing():
    array = np.arange(3.0)
    assert Solo().sum(array) is array and Solo().mean(array) is array
    assert Solo().gather(4) == [4]
