"""Benchmarks against the peers: `python bench/run.py updates|sampling|...|all`.

Every table measures ours and the peer in turn, in separate processes, and prints
medians as Markdown.  The peers' virtual environment is created on the first call.

    python bench/run.py train FetchPush-v4=12 FetchPickAndPlace-v4=12

trains the peer's algorithms for that many minutes each (the default), one after the
other, into results/peers: DDPG and SAC with hindsight where there are goals, PPO, SAC
and TQC in HalfCheetah, PPO and SAC in AnymalC, which its module must register
(`train baselines_her.envs.anymal:baselines_her/AnymalC-v0=20`).  Finished runs are not
repeated.  Minutes are compared, so it needs the machine to itself, or with
`--threads=1` one core.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from ours import flop_per_update

BENCH = Path(__file__).parent
PEERS = BENCH.parent / ".venv-peers"
ROUNDS = 5


def peer_python():
    """The peers' interpreter, with its packages installed."""
    python = PEERS / "bin" / "python"
    if not (PEERS / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
        install = [python, "-m", "pip", "install", "-q", "-r", BENCH / "peers.txt"]
        subprocess.run(install, check=True)
        (PEERS / "ready").touch()
    return str(python)


def measure(script, *arguments, threads=None):
    """The JSON object that one measurement process prints."""
    python = sys.executable if script == "ours.py" else peer_python()
    environment = dict(os.environ)
    if threads:
        environment |= {"OMP_NUM_THREADS": str(threads)}
        environment |= {"OPENBLAS_NUM_THREADS": str(threads)}
    if script == "peer.py":
        environment.pop("PYTHONPATH", None)
    command = [python, BENCH / script, *map(str, arguments)]
    done = subprocess.run(
        command, env=environment, text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def in_turn(*jobs, rounds=ROUNDS):
    """Results of each job, measured in turn; a job holds the arguments of `measure`."""
    results = [[] for _ in jobs]
    for _ in range(rounds):
        for found, (arguments, options) in zip(results, jobs):
            found.append(measure(*arguments, **options))
    return results


def job(*arguments, **options):
    """A job for `in_turn`."""
    return arguments, options


def middle(results, *path):
    """Median of one number of the results."""

    def pick(result):
        for key in path:
            result = result[key]
        return result

    return median(map(pick, results))


def table(*rows):
    """Prints a Markdown table; the first row is its head."""
    head, *body = rows
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in body:
        print("| " + " | ".join(row) + " |", flush=True)
    print()


def updates():
    """(a) Milliseconds per update, and the share of the matrix product's peak."""
    head = "batch", "threads", "ours ms", "SB3 ms", "SB3 / ours"
    rows = [(*head, "XLA product GFLOP/s", "NumPy product", "share of XLA", "of NumPy")]
    for threads in (1, 2):
        for size in (256, 1024, 2048):
            jobs = [job(s, "update", size, threads, threads=threads) for s in BOTH]
            ours, peer = in_turn(*jobs)
            ms, peer_ms = middle(ours, "ms"), middle(peer, "ms")
            gflops = flop_per_update(size) / ms / 1e6
            peaks = [middle(ours, "peak_gflops", kind) for kind in ("xla", "numpy")]
            ratio = median(p["ms"] / o["ms"] for o, p in zip(ours, peer))
            rows.append(
                (
                    *(f"{size}", f"{threads}", f"{ms:.2f}", f"{peer_ms:.2f}"),
                    f"{ratio:.1f}x",
                    *(f"{peak:.0f}" for peak in peaks),
                    *(f"{100 * gflops / peak:.0f} %" for peak in peaks),
                )
            )
    table(*rows)


def sampling():
    """(b) Hindsight sampling: milliseconds for 40 batches."""
    rows = [("rows", "capacity", "ours ms", "SB3 ms")]
    for size in (256, 1024):
        for capacity in (100_000, 1_000_000):
            ours, peer = in_turn(*(job(s, "sampling", size, capacity) for s in BOTH))
            ms = f"{middle(ours, 'ms'):.1f}", f"{middle(peer, 'ms'):.1f}"
            rows.append((f"40x{size}", f"{capacity:,}", *ms))
    table(*rows)


def priorities():
    """(b) Prioritised replay: ms of one core for 40 batches; time of a cycle."""
    rows = [("rows", "slots", "draw ms", "weights ms", "refresh ms")]
    for size in (256, 1024):
        (found,) = in_turn(job("ours.py", "priorities", size, 1_000_000))
        steps = "draw", "weights", "refresh"
        ms = (f"{middle(found, step):.1f}" for step in steps)
        rows.append((f"40x{size}", "1,000,000", *ms))
    table(*rows)
    rows = [("networks of", "batch", "draws", "ms", "slower than uniform by")]
    for preset, size in ("laptop", 256), ("laptop", 1024), ("tuned", 256):
        found = measure("ours.py", "prioritised_cycle", size, 60, preset)
        for kind, cycle in found.items():
            slower = f"{100 * cycle['slower']:.1f} %"
            rows.append((preset, f"{size}", kind, f"{cycle['ms']:.0f}", slower))
    table(*rows)


def env_steps():
    """(c) PickAndPlace steps per second, in 1 process and in 2 at once."""
    kinds = "raw", "original", "fast"
    found = in_turn(*(job("ours.py", "steps", kind) for kind in kinds))
    both = [[two_at_once(kind) for _ in range(ROUNDS)] for kind in kinds]
    names = "mj_step alone", "gymnasium-robotics", "ours"
    rows = [("", "1 process", "2 processes", "against gymnasium-robotics")]
    for name, results, pairs in zip(names, found, both):
        rate = middle(results, "steps_per_s")
        ratios = zip(results, found[1])
        ratio = median(a["steps_per_s"] / b["steps_per_s"] for a, b in ratios)
        rows.append((name, f"{rate:,.0f}", f"{median(pairs):,.0f}", f"{ratio:.2f}x"))
    table(*rows)


def two_at_once(kind):
    """Steps per second of two processes together."""
    command = [sys.executable, BENCH / "ours.py", "steps", kind]
    pair = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    return sum(json.loads(p.communicate()[0])["steps_per_s"] for p in pair)


def end_to_end():
    """(d) Env steps per second at 40 updates of 256 per 2 episodes."""
    variants = {
        "ours, pipelined": job("ours.py", "end_to_end", 12_000),
        "ours, `--pipelined=0`": job("ours.py", "end_to_end", 12_000, "pipelined=0"),
        "SB3": job("peer.py", "end_to_end", 3_000),
    }
    found = in_turn(*variants.values())
    rows = [("", "env steps/s", "collect ms", "sample ms", "update ms", "against SB3")]
    for name, results in zip(variants, found):
        ratios = zip(results, found[-1])
        ratio = median(a["steps_per_s"] / b["steps_per_s"] for a, b in ratios)
        parts = ["", "", ""]
        if "ms_per_cycle" in results[0]:
            names = "collect", "sample", "update"
            parts = [f"{middle(results, 'ms_per_cycle', n):.0f}" for n in names]
        rate = f"{middle(results, 'steps_per_s'):,.0f}"
        rows.append((name, rate, *parts, f"{ratio:.1f}x"))
    table(*rows)


def ppo():
    """(g) Env steps a second of PPO on HalfCheetah, 2,048 rows an iteration."""
    rows = [("environments", "ours", "collect ms", "update ms", "SB3", "ours / SB3")]
    for n in (8, 1):
        jobs = job("ours.py", "ppo", n, 61_440), job("peer.py", "ppo", n, 10_240)
        ours, peer = in_turn(*jobs, rounds=3)
        pairs = zip(ours, peer)
        ratio = median(a["steps_per_s"] / b["steps_per_s"] for a, b in pairs)
        parts = [middle(ours, "ms_per_iteration", k) for k in ("collect", "update")]
        rates = [middle(found, "steps_per_s") for found in (ours, peer)]
        ms = (f"{part:.0f}" for part in parts)
        own, other = (f"{rate:,.0f}" for rate in rates)
        rows.append((f"{n}", own, *ms, other, f"{ratio:.1f}x"))
    table(*rows)


def stepping():
    """(h) HalfCheetah steps a second with random actions."""
    kinds = {
        "SyncVectorEnv": "Gymnasium's SyncVectorEnv",
        "AsyncVectorEnv": "Gymnasium's AsyncVectorEnv",
        "ours1": "ours, one process",
        "ours2": "ours, two processes",
    }
    rows = [("", "8 environments", "16", "64", "16, against SyncVectorEnv")]
    found = {
        n: in_turn(*(job("ours.py", "stepping", k, n, 20_000) for k in kinds), rounds=3)
        for n in (8, 16, 64)
    }
    for k, name in enumerate(kinds.values()):
        rates = [f"{middle(found[n][k], 'steps_per_s'):,.0f}" for n in found]
        pairs = zip(found[16][k], found[16][0])
        ratio = median(a["steps_per_s"] / b["steps_per_s"] for a, b in pairs)
        rows.append((name, *rates, f"{ratio:.2f}x"))
    table(*rows)


def walking():
    """(i) Control steps a second of ANYmal C with random actions."""
    rows = [("environments", "one process", "two processes")]
    for n in (16, 64):
        found = in_turn(*(job("ours.py", "walking", n, p, 20_000) for p in (1, 2)))
        rows.append((f"{n}", *(f"{middle(f, 'steps_per_s'):,.0f}" for f in found)))
    table(*rows)


def memory():
    """(e) Memory of 1M transitions."""
    (ours,), (peer,) = in_turn(*(job(s, "memory", 1_000_000) for s in BOTH), rounds=1)
    table(
        ("", "arrays MB", "resident MB"),
        ("ours", f"{ours['arrays_mb']:.0f}", f"{ours['resident_mb']:.0f}"),
        ("SB3", f"{peer['arrays_mb']:.0f}", "as filled"),
    )


def startup():
    """(f) Seconds until the first output."""
    import tempfile

    run = [sys.executable, "-m", "baselines_her.run"]
    tiny = ["--env=FetchReach", "--n_cycles=1", "--num_timesteps=1"]
    rows = [("", "seconds")]
    with tempfile.TemporaryDirectory() as folder:
        trained = [*run, *tiny, f"--log_path={folder}/0"]
        seconds_until(trained, "epoch   0")
        policy = f"{folder}/0/policy_best.pkl"
        commands = {
            "`run --help`": ([*run, "--help"], "usage"),
            "`run --env=FetchReach` to the first epoch of one cycle": (
                tiny,
                "epoch   0",
            ),
            "`play.py` to the first episode": (
                [sys.executable, BENCH.parent / "experiment" / "play.py", policy],
                "episode",
            ),
        }
        for name, (command, word) in commands.items():
            times = []
            for n in range(ROUNDS):
                extra = [*run, *tiny, f"--log_path={folder}/{n + 1}"]
                times.append(seconds_until(extra if command is tiny else command, word))
            rows.append((name, f"{median(times):.2f}"))
    table(*rows)


def seconds_until(command, word):
    """Seconds until a line of the command's output begins with `word`."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith(word):
            break
    seconds = time.perf_counter() - started
    process.stdout.close()
    process.kill()
    process.wait()
    return seconds


def train(*given):
    """Trains every peer in every environment, named ENV=MINUTES."""
    options = [word for word in given if word.startswith("--threads=")]
    wanted = [word for word in given if word not in options] or TRAININGS
    if any("=" not in word or word.startswith("-") for word in wanted):
        known = "ENV=MINUTES and --threads=N"
        raise SystemExit(f"train takes {known}, found {' '.join(wanted)}.")
    for env, minutes in (pair.split("=", 1) for pair in wanted):
        name = env.rpartition("/")[2]
        for algorithm in LOCOMOTION.get(name.partition("-")[0], WITH_GOALS):
            folder = Path("results/peers") / f"{name}_{algorithm}_seed0"
            if (BENCH.parent / folder / "evaluation.json").exists():
                print(f"done   {folder}", flush=True)
                continue
            print(f"train  {folder}: {minutes} minutes", flush=True)
            flags = f"--env={env}", f"--minutes={minutes}", "--seed=0", *options
            train_peer(algorithm, *flags, f"--out={folder}")


def train_peer(*arguments):
    """Runs one training of the peer in the project's folder, whose tasks it may use."""
    command = [peer_python(), "bench/train_peer.py", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(BENCH.parent)}
    try:
        subprocess.run(command, env=environment, cwd=BENCH.parent, check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"The training ended with code {error.returncode}.") from None
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command continues the list.") from None


TRAININGS = "FetchPush-v4=5", "FetchPickAndPlace-v4=10", "HalfCheetah-v5=10"
WITH_GOALS = "ddpg", "sac"
LOCOMOTION = {"HalfCheetah": ("ppo", "sac", "tqc"), "AnymalC": ("ppo", "sac")}
BOTH = "ours.py", "peer.py"
TABLES = {
    "updates": updates,
    "sampling": sampling,
    "priorities": priorities,
    "env": env_steps,
    "end_to_end": end_to_end,
    "memory": memory,
    "startup": startup,
    "ppo": ppo,
    "stepping": stepping,
    "walking": walking,
}

if __name__ == "__main__":
    wanted = sys.argv[1:] or ["all"]
    if wanted[0] == "train":
        raise SystemExit(train(*wanted[1:]))
    for name in TABLES if wanted == ["all"] else wanted:
        print(f"## {name}: {TABLES[name].__doc__}\n")
        TABLES[name]()
