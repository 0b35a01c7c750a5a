"""A run whose reader or terminal goes away: its work is not lost."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from trainings import POINT, SHORT

FLAGS = [f"--{name}={value}" for name, value in {**SHORT, "collectors": 1}.items()]
RUN = [sys.executable, "-m", "baselines_her.run", f"--env={POINT}", "--log_path=run"]
LONG = ["--num_timesteps=2000000", "--n_cycles=5"]


@pytest.mark.slow
def test_a_run_whose_reader_goes_away_finishes_and_plays(
    tmp_path, subprocess_environment
):
    """`run --play | head -1`: the table, the hint and the episodes have no reader."""
    process = subprocess.Popen(
        [*RUN, *FLAGS, "--play"],
        cwd=tmp_path,
        env=subprocess_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "run folder run" in process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    assert (process.wait(timeout=120), error) == (0, "")
    assert (tmp_path / "run" / "FINISHED").exists()


@pytest.mark.slow
def test_workers_whose_reader_goes_away_finish(tmp_path, subprocess_environment):
    """mpiexec itself would end them."""
    pytest.importorskip("mpi4py")
    process = subprocess.Popen(
        [*RUN, *FLAGS, "--num_cpu=2", "--collectors=0"],
        cwd=tmp_path,
        env=subprocess_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "2 workers, run folder run" in process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    assert (process.wait(timeout=120), error) == (0, "")
    assert (tmp_path / "run" / "FINISHED").exists()


@pytest.mark.slow
def test_a_run_whose_both_streams_go_away_finishes(tmp_path, subprocess_environment):
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [*RUN, *FLAGS, "--play"],
        cwd=tmp_path,
        env=subprocess_environment,
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    assert process.wait(timeout=120) == 0
    assert (tmp_path / "run" / "FINISHED").exists()


def test_a_mistake_has_code_2_although_nobody_reads_its_sentence(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    command = [*RUN, "--num_env=0"]
    done = subprocess.run(command, cwd=tmp_path, stderr=writer, check=False)
    os.close(writer)
    assert done.returncode == 2


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill -HUP", "terminal closed"])
def test_a_hang_up_saves_first_and_exits_with_129(
    tmp_path, subprocess_environment, how
):
    terminal, side = pty.openpty()
    process = subprocess.Popen(
        [*RUN, *FLAGS, *LONG],
        cwd=tmp_path,
        env={**subprocess_environment, "TERM": "xterm"},
        stdin=side,
        stdout=side,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: take_terminal(side),
    )
    os.close(side)
    shown = b""
    while b"env steps" not in shown or b"success" not in shown:  # the first row
        shown += os.read(terminal, 10_000)
    if how == "kill -HUP":
        process.send_signal(signal.SIGHUP)
        drain(terminal)
    else:
        os.close(terminal)
    begun = time.monotonic()
    _, error = process.communicate(timeout=60)
    assert time.monotonic() - begun < 20
    assert (process.returncode, error) == (129, b"")
    manifest = json.loads(
        (tmp_path / "run" / "checkpoint" / "manifest.json").read_text()
    )
    assert manifest["facts"]["counters"]["n_cycles"] >= 5
    assert not (tmp_path / "run" / "FINISHED").exists()


def take_terminal(side):
    """Makes it the terminal of a new session, so that its end is a SIGHUP."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(side, termios.TIOCSCTTY, 0)


def drain(terminal):
    """Reads until the other side is closed."""
    try:
        while os.read(terminal, 10_000):
            pass
    except OSError:  # so Linux reports the end
        os.close(terminal)
