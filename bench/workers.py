"""How training scales over MPI workers: `python bench/workers.py [table|model]`.

Trains FetchPush at the published setting (2 episodes per cycle and worker, batch 256)
with 1, 2 and 4 workers and prints where the time of a cycle goes.  Also measures how
long an exchange of a given size takes, and fits the model that docs/performance.md
explains.
"""

import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from baselines_her.parallel.launcher import find_mpiexec

SIZES = 1, 2, 4
CYCLES, UPDATES, STEPS = 50, 40, 100  # per epoch; per cycle and worker
PARTS = "time/collect", "time/sample", "time/update", "time/wait", "time/exchange"
FLAGS = "--env=FetchPush", "--preset=plappert2018", "--pipelined=0", "--collectors=0"
LENGTHS = 1_000, 10_000, 100_000, 300_000  # floats
NETWORK = {"latency": 30e-6, "bandwidth": 1.25e9}  # 10 Gbit/s Ethernet, assumed


def mpi(n, *command):
    """Runs a command on n workers; returns what it printed."""
    done = subprocess.run(
        [*find_mpiexec(), "-n", str(n), sys.executable, *command],
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def seconds_of_a_cycle(n):
    """Mean seconds of each part in the second epoch of a training with n workers."""
    with tempfile.TemporaryDirectory() as folder:
        total = 2 * CYCLES * STEPS * n
        run = f"--log_path={folder}/run", f"--num_timesteps={total}"
        mpi(n, "-m", "baselines_her.run", *FLAGS, *run)
        rows = list(csv.DictReader((Path(folder) / "run/progress.csv").open()))
    return {part: float(rows[1][part]) / CYCLES for part in PARTS}


def table():
    """Prints where the time goes; returns the cycles by number of workers."""
    print("| workers | env steps/s | cycle | collect | compute | wait | exchange |")
    print("|---|---|---|---|---|---|---|")
    cycles = {}
    for n in SIZES:
        cycles[n] = cycle = seconds_of_a_cycle(n)
        whole = cycle["time/collect"] + cycle["time/sample"] + cycle["time/update"]
        wait, exchange = cycle["time/wait"], cycle["time/exchange"]
        compute = whole - cycle["time/collect"] - wait - exchange
        shares = [x / whole for x in (cycle["time/collect"], compute, wait, exchange)]
        cells = [f"{n}", f"{STEPS * n / whole:.0f}", f"{1e3 * whole:.0f} ms"]
        print("| " + " | ".join(cells + [f"{x:.0%}" for x in shares]) + " |")
        update = exchange / (cycle["time/update"] - wait)
        print(f"<!-- {n}: exchange / (update without waiting) {update:.1%} -->")
    return cycles


def exchange_times():
    """On every worker: median seconds of an exchange, by its length in floats."""
    from baselines_her.parallel.communicator import connect

    comm, found = connect(), {}
    for length in LENGTHS:
        own, seconds = np.ones(length, np.float32), []
        for _ in range(200):
            before = comm.exchanged
            comm.mean(own)
            seconds.append(comm.exchanged - before)
        found[length] = float(np.median(seconds))
    if comm.rank == 0:
        print(json.dumps(found))


def fit():
    """Latency (s) and bandwidth (bytes/s) of an exchange: least squares over sizes.

    seconds = latency * log2(n) + 2 (n - 1) / n * bytes / bandwidth.
    """
    rows, seconds = [], []
    for n in SIZES[1:]:
        for length, found in json.loads(mpi(n, __file__, "exchange")).items():
            rows.append([math.log2(n), 2 * (n - 1) / n * 4 * int(length)])
            seconds.append(found)
            print(f"{n} workers, {length} floats: {1e6 * found:.0f} us")
    scale = 1 / np.array(seconds)  # minimises relative errors
    solution, *_ = np.linalg.lstsq(
        np.array(rows) * scale[:, None], np.array(seconds) * scale, rcond=None
    )
    return {"latency": solution[0], "bandwidth": 1 / solution[1]}


def predict(alone, local, n_local, n_hosts, floats, spread):
    """Seconds of a cycle of n_hosts machines with n_local workers and cores each."""

    def exchange(n, link):
        if n == 1:
            return 0.0
        steps, share = math.log2(n), 2 * (n - 1) / n
        return steps * link["latency"] + share * 4 * floats / link["bandwidth"]

    once = exchange(n_local, local) + exchange(n_hosts, NETWORK)
    compute = alone["time/collect"] + alone["time/sample"] + alone["time/update"]
    slowest = spread * math.sqrt(2 * math.log(n_local * n_hosts))
    wait = compute * slowest
    return compute + wait + UPDATES * once, wait, UPDATES * once


def single_thread_cycle():
    """One worker with one core's share: (mean parts, relative spread of a cycle)."""
    with tempfile.TemporaryDirectory() as folder:
        one = "--learner_threads=1", "--n_cycles=1", "--n_test_rollouts=1"
        run = f"--log_path={folder}/run", f"--num_timesteps={3 * CYCLES * STEPS}"
        mpi(1, "-m", "baselines_her.run", *FLAGS, *one, *run)
        rows = list(csv.DictReader((Path(folder) / "run/progress.csv").open()))
    parts = {p: np.array([float(row[p]) for row in rows[CYCLES:]]) for p in PARTS}
    whole = parts["time/collect"] + parts["time/sample"] + parts["time/update"]
    quartiles = np.percentile(whole, [25, 75])
    spread = float(np.diff(quartiles)[0] / 1.35 / np.median(whole))
    return {p: float(np.median(x)) for p, x in parts.items()}, spread


def model():
    """Prints the fit and what it predicts for larger machines."""
    local, (alone, spread) = fit(), single_thread_cycle()
    floats = 2 * (3 * 256 * 256) + 70_000  # both networks of a Fetch task, rounded up
    print(f"latency {1e6 * local['latency']:.0f} us, {local['bandwidth']:.2e} bytes/s")
    whole = sum(alone[p] for p in ("time/collect", "time/sample", "time/update"))
    print(f"one core: {1e3 * whole:.0f} ms a cycle, spread {spread:.1%}")
    print("| workers | cycle | of it wait | of it exchange | env steps/s |")
    print("|---|---|---|---|---|")
    for hosts, each in ((1, 19), (4, 16)):
        cycle, wait, exchange = predict(alone, local, each, hosts, floats, spread)
        n = hosts * each
        shares = f"{1e3 * wait:.0f} ms | {1e3 * exchange:.0f} ms"
        rate = STEPS * n / cycle
        print(f"| {hosts} x {each} | {1e3 * cycle:.0f} ms | {shares} | {rate:,.0f} |")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    started = time.time()
    {"exchange": exchange_times, "table": table, "model": model}[sys.argv[1]]()
    if sys.argv[1] != "exchange":
        print(f"<!-- {time.time() - started:.0f} s -->")
