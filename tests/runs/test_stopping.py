"""Runs that are told to end save first; killed ones go on from their checkpoint."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import run
from trainings import POINT, SHORT, rows_of, same_policies, same_states, train

from baselines_her.run import main

ENV = f"--env={POINT}"
RUN = [sys.executable, "-m", "baselines_her.run", ENV]
FLAGS = [f"--{k}={v}" for k, v in {**SHORT, "num_timesteps": 1000}.items()]


def start(folder, environment, *more):
    return subprocess.Popen(
        [*RUN, *FLAGS, "--log_path=run", *more],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_stopped_run_saves_first_and_goes_on(
    tmp_path, subprocess_environment, number, code, monkeypatch, capfd, eagerly
):
    flags = "--num_timesteps=2000000", "--n_cycles=5"
    process = start(tmp_path, subprocess_environment, *flags)
    for line in process.stdout:
        if line.startswith("epoch   1"):
            break
    process.send_signal(number)
    begun = time.monotonic()
    out, error = process.communicate(timeout=100)
    assert time.monotonic() - begun < 10
    assert process.returncode == code, error
    assert error == ("interrupted\n" if number == signal.SIGINT else "")
    assert "Continue with: python -m baselines_her.run --resume=run" in out
    assert not (tmp_path / "run" / "FINISHED").exists()
    facts = json.loads((tmp_path / "run" / "checkpoint" / "manifest.json").read_text())
    steps = facts["facts"]["counters"]["n_episodes"] * 12
    monkeypatch.chdir(tmp_path)
    assert main([ENV, "--resume=run", f"--num_timesteps={steps + 100}"]) == 0
    assert f"continues after {steps:,} env steps" in capfd.readouterr().out
    assert (tmp_path / "run" / "FINISHED").exists()


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_same_bits(tmp_path, subprocess_environment):
    whole, killed = tmp_path / "whole", tmp_path / "run"
    train(whole, **{**SHORT, "num_timesteps": 1000})
    manifest, flag = killed / "checkpoint" / "manifest.json", "--checkpoint_interval=0"
    seen = None
    for _ in range(2):  # soon after the first checkpoint, and after the first new one
        process = start(tmp_path, subprocess_environment, flag)
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and seen == content_of(manifest):
            time.sleep(0.01)
        time.sleep(0.05)
        process.kill()
        process.communicate()
        assert seen != content_of(manifest)
        assert not (killed / "FINISHED").exists()
        seen = content_of(manifest)
    train(killed, **{**SHORT, "num_timesteps": 1000}, checkpoint_interval=0)
    same_policies(whole, killed)
    same_states(whole, killed)
    assert rows_of(whole) == rows_of(killed)


def content_of(path):
    return path.read_bytes() if path.exists() else None


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    code = (
        "import time, os, signal\n"
        "from baselines_her.runs.stopping import stop_signals\n"
        "with stop_signals() as stop:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('asked', stop.signal, flush=True)\n"
        "    time.sleep(1.1)  # within a second it is the same one\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(60)\n"
    )
    begun = time.monotonic()
    done = run(tmp_path, None, "-c", code)
    assert time.monotonic() - begun < 5
    assert done.stdout == "asked 2\n"
    assert done.stderr.endswith("KeyboardInterrupt\n")


def test_what_does_not_end_by_itself_is_ended(monkeypatch):
    from baselines_her.runs import stopping

    monkeypatch.setattr(stopping, "SECONDS", 1)
    with pytest.raises(SystemExit, match="143"), stopping.stop_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
