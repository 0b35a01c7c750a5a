"""Faults of one of two workers, and of mpiexec: nobody hangs, nobody is left behind.

python tests/reliability/workers.py [20 [FAULT...]]: so many trials of every fault, or
of those named by their numbers (as printed), each at a random step; prints the slowest
end of each.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from mpi_commands import FOR_EVER, command, nobody_left

from baselines_her.parallel.launcher import find_mpiexec

WORKER_FAULTS = "raise", "exit(3)", "_exit(0)", "SIGKILL", "SIGSTOP"
LAUNCHER_SIGNALS = "SIGINT", "SIGTERM", "SIGKILL"
STALL = 3.0  # seconds, the watchdog's limit here
LIMIT = 10.0  # seconds, on top of the watchdog's limit


def start(folder, launcher, **variables):
    """Two workers for ever."""
    flags = {"num_timesteps": FOR_EVER, "mpi_timeout": STALL}
    own = {} if launcher else {"num_cpu": 2}
    return subprocess.Popen(
        [*launcher, *command(folder, "faulty_env:Faulty-v0", **flags, **own)],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": _path(), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _path():
    return os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])


def worker_fault(folder, fault, rng, mpiexec):
    """(seconds from the fault to the end, what was printed, exit code)."""
    after, stamp = int(rng.integers(200, 4000)), folder / "fault"
    variables = {"FAULT": fault, "FAULT_AFTER": str(after), "FAULT_STAMP": str(stamp)}
    launcher = [] if fault == "_exit(0)" else [*mpiexec, "-n", "2"]
    process = start(folder / "run", launcher, **variables)
    told, _ = process.communicate(timeout=200)
    return time.time() - stamp.stat().st_mtime, told, process.returncode


def launcher_signal(folder, name, rng, mpiexec):
    """The same for a signal that mpiexec gets while the workers train."""
    run = folder / "run"
    process = start(run, [*mpiexec, "-n", "2"])
    while not (run / "policy_latest.pkl").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    time.sleep(float(rng.uniform(0, 2)))
    sent = time.time()
    process.send_signal(getattr(signal, name))
    told, _ = process.communicate(timeout=200)
    seconds = time.time() - sent
    if name != "SIGKILL":
        assert "Continue with:" in told, told
        assert (run / "checkpoint" / "manifest.json").exists()
    return seconds, told, process.returncode


def trial(work, kind, folder, rng, mpiexec):
    """Seconds until a job with this fault has ended; asserts that it ended well."""
    folder.mkdir()
    seconds, told, code = work(folder, kind, rng, mpiexec)
    assert code != 0, told
    assert not (folder / "run" / "FINISHED").exists()
    assert nobody_left(str(folder)), "a process is left"
    allowed = LIMIT + (STALL if kind == "SIGSTOP" else 0)
    assert seconds < allowed, f"{kind}: {seconds:.1f} s\n{told}"
    if kind in ("raise", "exit(3)", "SIGSTOP"):
        assert "rank 1" in told, told
    return seconds


def main():
    """Runs the trials; the exit code tells whether all held."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    root, rng = Path(tempfile.mkdtemp()), np.random.default_rng(0)
    mpiexec = find_mpiexec()
    plan = [(worker_fault, kind, "one worker") for kind in WORKER_FAULTS]
    plan += [(launcher_signal, kind, "mpiexec") for kind in LAUNCHER_SIGNALS]
    chosen = sys.argv[2:] or map(str, range(len(plan)))
    for number in map(int, chosen):
        work, kind, whose = plan[number]
        folders = [root / f"{number}_{k}" for k in range(n)]
        seconds = [trial(work, kind, folder, rng, mpiexec) for folder in folders]
        print(
            f"{number}: {kind} of {whose}: {n} of {n} ended, nobody left, "
            f"median {np.median(seconds):.1f} s, slowest {max(seconds):.1f} s",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
