"""Real mpiexec: two workers do what one would, and none is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from mpi_commands import FOR_EVER, command, nobody_left

from baselines_her.parallel.launcher import find_mpiexec
from baselines_her.runs.policy_file import read_policy

pytestmark = pytest.mark.alone  # two workers keep both cores busy


PPO_FLAGS = {
    **{"alg": "ppo", "num_env": 4, "nsteps": 16, "batch_size": 32, "noptepochs": 2},
    **{"steppers": 1, "hidden_sizes": "8", "n_test_rollouts": 3},
}


@pytest.fixture(scope="module")
def launcher():
    try:
        return find_mpiexec()
    except RuntimeError as error:
        pytest.skip(str(error))


def run(arguments, environment, **variables):
    return subprocess.run(
        arguments,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=300,
    )


def rows(folder):
    lines = (Path(folder) / "progress.json").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if not k.startswith("time/")}
        for line in lines
    ]


def same_policies(one, other):
    first, second = (
        read_policy(Path(f) / "policy_latest.pkl").arrays for f in (one, other)
    )
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def wait_for(path, process):
    """Until the file is there."""
    end = time.monotonic() + 300
    while not path.exists():
        assert process.poll() is None and time.monotonic() < end, process.communicate()
        time.sleep(0.05)


# -- the same arithmetic ------------------------------------------------------


@pytest.fixture(scope="module")
def found(launcher, tmp_path_factory):
    """What `mpi_program.py` found on each of two workers."""
    folder = tmp_path_factory.mktemp("program")
    program = Path(__file__).parents[1] / "mpi_program.py"
    done = subprocess.run(
        [*launcher, "-n", "2", sys.executable, str(program), str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def test_exchanges(found):
    for rank, worker in enumerate(found):
        assert worker["exchanges"] == {
            "sum": [1.0, 3.0, 5.0],  # [0, 1, 2] + [1, 2, 3]
            "mean": [[0.5], [1.5], [2.5]],
            "kept": [0.0 + rank, 1.0 + rank, 2.0 + rank],
            "scalar": 4.0,
            "broadcast": "of 0",
            "gather": [0, 1],
            "is_mixed": False,
        }


def test_two_workers_with_half_a_batch_each_take_the_step_of_one(found):
    for worker in found:
        assert worker["updates"]["moved"] > 5e-3  # ten steps of 1e-3
        assert worker["updates"]["difference"] < 2e-6
        np.testing.assert_allclose(*worker["updates"]["statistics"], atol=1e-6)


def test_two_workers_of_ppo_with_half_the_environments_each_take_the_step_of_one(
    found,
):
    for worker in found:
        assert worker["ppo"]["moved"] > 1e-2
        assert worker["ppo"]["difference"] < 1e-5
        np.testing.assert_allclose(*worker["ppo"]["statistics"], atol=1e-6)
        np.testing.assert_allclose(*worker["ppo"]["reward_scale"], rtol=1e-6)


def test_a_bad_number_on_one_worker_is_applied_by_none(found):
    for worker in found:
        assert worker["not_finite"].startswith("update 4 of 10 in this cycle must")


def test_callbacks_are_called_by_the_first_worker_and_end_all(found):
    first, second = (worker["training"] for worker in found)
    assert first["called"] == ["start", "epoch", "end"] and second["called"] == []
    assert first["epochs"] == second["epochs"] == 1


def test_workers_that_differ_are_named(found):
    for worker in found:
        assert "the numbers must be the same on all workers" in worker["differing"]
        assert "on rank 1 on" in worker["differing"]


# -- whole trainings ----------------------------------------------------------


@pytest.mark.slow
def test_one_worker_under_mpiexec_is_no_mpi_at_all(
    launcher, tmp_path, subprocess_environment
):
    alone, under = tmp_path / "alone", tmp_path / "under"
    for folder, before in (alone, []), (under, [*launcher, "-n", "1"]):
        arguments = command(folder, num_timesteps=400)
        done = run([*before, *arguments], subprocess_environment)
        assert done.returncode == 0, done.stderr
    assert rows(alone) == rows(under)
    same_policies(alone, under)


def test_two_workers_train_stop_and_go_on_with_the_same_bits(
    launcher, tmp_path, subprocess_environment
):
    whole, parts, both = tmp_path / "whole", tmp_path / "parts", [*launcher, "-n", "2"]
    hosts = tmp_path / "hosts"
    hosts.write_text("localhost:1\n127.0.0.1:1\n")
    from_file = [*launcher, "-hostfile", str(hosts), "-n", "2"]
    done = run([*from_file, *command(whole, num_timesteps=700)], subprocess_environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Best policy") == 1  # one worker speaks
    # 4 episodes of 12 steps, 2 workers: 96 steps a cycle, 384 an epoch
    assert [row["steps/env"] for row in rows(whole)] == [384, 768]
    assert [row["steps/updates"] for row in rows(whole)] == [12, 24]
    starts = [
        np.load(whole / "checkpoint" / f"episodes_0_rank{rank}of2.npz")["goal"]
        for rank in (0, 1)
    ]
    assert not np.isin(starts[0], starts[1]).any()  # episodes of their own
    config = json.loads((whole / "config.json").read_text())["config"]
    assert config["num_cpu"] == 2

    arguments = command(parts, num_timesteps=FOR_EVER)
    process = subprocess.Popen(
        [*both, *arguments],
        env=subprocess_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_for(parts / "policy_latest.pkl", process)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=300)
    assert process.returncode != 0 and "--num_cpu=2" in told
    assert not (parts / "FINISHED").exists() and nobody_left(str(parts))
    steps = rows(parts)[-1]["steps/env"]

    more = max(steps, 768) + 2 * 384
    for folder in whole, parts:
        resume = f"--resume={folder}", f"--num_timesteps={more}"
        module = [sys.executable, "-m", "baselines_her.run"]
        env = "--env=point_env:Point-v0"
        done = run([*both, *module, env, *resume], subprocess_environment)
        assert done.returncode == 0, done.stderr
    assert rows(whole)[-1]["steps/env"] >= more
    assert rows(whole) == rows(parts)
    same_policies(whole, parts)

    alone = run(
        [*module, env, f"--resume={parts}", f"--num_timesteps={more + 300}"],
        subprocess_environment,
    )
    assert (
        "had 2 workers and continues with 1 worker: its episodes are dealt"
        in alone.stdout
    )
    assert alone.returncode == 0, alone.stderr
    assert rows(parts)[-1]["steps/env"] >= more + 300


@pytest.mark.slow
def test_two_workers_of_ppo_continue_with_the_same_bits(
    launcher, tmp_path, subprocess_environment
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    flags = PPO_FLAGS | {"n_cycles": 2, "lr_schedule": "constant"}
    for folder, steps in (whole, 512), (parts, 256), (parts, 512):
        given = {"log_path": folder, "num_timesteps": steps, **flags}
        listed = [f"--{name}={value}" for name, value in given.items()]
        module = [sys.executable, "-m", "baselines_her.run"]
        arguments = [*launcher, "-n", "2", *module, "--env=flat_env:Target-v0"]
        if folder == parts and steps == 512:
            listed = [f"--resume={folder}", f"--num_timesteps={steps}"]
        done = run([*arguments, *listed], subprocess_environment)
        assert done.returncode == 0, done.stderr
    # 2 workers x 4 environments x 16 steps, twice an epoch
    assert [row["steps/env"] for row in rows(whole)] == [256, 512]
    assert rows(whole) == rows(parts)
    same_policies(whole, parts)
    config = json.loads((whole / "config.json").read_text())["config"]
    assert config["num_cpu"] == 2


LEVELS = {"alg": "hac", "levels": 2, "periods": 3, "test_from": 0, "random_steps": 0}
RELAY = {"preset": "tuned", "relay": 1, "relay_near": 100, "random_steps": 100}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "horizon", "flags", "shows"),
    [
        ("planned_env:Planned-v0", 12, LEVELS, "level1/tested"),
        ("push_env:Carry-v0", 20, RELAY, "train/near"),
    ],
)
def test_two_workers_continue_with_the_same_bits(
    launcher, tmp_path, subprocess_environment, env, horizon, flags, shows
):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    epoch = 2 * 2 * 4 * horizon  # cycles, workers, episodes
    for folder, steps in (whole, 2 * epoch), (parts, epoch), (parts, 2 * epoch):
        made = command(folder, env, num_timesteps=steps, n_cycles=2, **flags)
        if folder == parts and steps > epoch:
            resume = f"--resume={folder}", f"--num_timesteps={steps}"
            made = [*made[:3], f"--env={env}", *resume]
        done = run([*launcher, "-n", "2", *made], subprocess_environment)
        assert done.returncode == 0, done.stderr
    assert [row["steps/env"] for row in rows(whole)] == [epoch, 2 * epoch]
    assert rows(whole) == rows(parts)
    same_policies(whole, parts)
    assert rows(whole)[-1][shows] > 0.0


# -- faults -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        ("raise", 1, "rank 1 failed:"),
        ("exit(3)", 1, "SystemExit: 3"),
        ("_exit(0)", 1, "rank 0 and rank 1 ended before the run did"),
        ("SIGSTOP", 1, "every worker must answer within 3 s, and rank 1 on"),
    ],
)
def test_a_fault_of_one_worker_ends_all(
    launcher, tmp_path, subprocess_environment, fault, code, told
):
    flags = {"num_cpu": 2, "mpi_timeout": 3, "num_timesteps": FOR_EVER}
    arguments = command(tmp_path, "faulty_env:Faulty-v0", **flags)
    done = run(arguments, subprocess_environment, FAULT=fault)
    assert told in done.stderr
    assert done.returncode == code
    assert not (tmp_path / "FINISHED").exists()
    assert nobody_left(str(tmp_path))


def test_what_all_workers_refuse_is_said_once(tmp_path, subprocess_environment):
    missing = tmp_path / "missing.npz"
    done = run(
        command(tmp_path, num_cpu=2, demo_file=missing, demo_batch_size=4),
        subprocess_environment,
    )
    assert done.returncode == 2
    assert done.stderr.count("error:") == 1 and "missing.npz" in done.stderr


def test_one_worker_without_tensorflow_ends_all(
    launcher, tmp_path, subprocess_environment
):
    """As on a second machine whose installation is broken."""
    (tmp_path / "tensorflow.py").write_text("raise ImportError('broken here')")
    path = f"{tmp_path}{os.pathsep}{subprocess_environment['PYTHONPATH']}"
    arguments = command(tmp_path / "run", num_timesteps=FOR_EVER)
    broken = [*launcher, "-n", "1", *arguments, ":", "-n", "1"]
    started = time.monotonic()
    done = run(
        [*broken, "env", f"PYTHONPATH={path}", *arguments], subprocess_environment
    )
    assert done.returncode != 0 and "broken here" in done.stderr
    assert time.monotonic() - started < 60 and nobody_left(str(tmp_path / "run"))


def test_workers_with_different_settings_are_refused(
    launcher, tmp_path, subprocess_environment
):
    parts = (["-n", "1", *command(tmp_path / "run", seed=seed)] for seed in (0, 1))
    first, second = parts
    done = run([*launcher, *first, ":", *second], subprocess_environment)
    assert done.returncode  # 2, or 9 if the launcher tells how it ended the others
    assert "rank 1 has seed 1 and rank 0 has 0" in done.stderr


def test_num_cpu_must_be_true(tmp_path, subprocess_environment, launcher):
    both = [*launcher, "-n", "2"]
    done = run([*both, *command(tmp_path, num_cpu=3)], subprocess_environment)
    assert done.returncode and "found 3 with 2" in done.stderr
