"""Does a change leave every bit of what a run computes as it was?

    python tests/reliability/same_bits.py record before.json   # on the code before
    python tests/reliability/same_bits.py compare before.json  # on the code after

Short trainings by the command line: each gives digests of its final weights and of
every column of progress.csv, times aside.  Digests hold for one machine and one set of
packages, so none are kept here.  Settings that a preset may change are spelled out.
"""

import csv
import hashlib
import io
import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
REACH = "--env=FetchReach --num_timesteps=1500 --n_cycles=5 --n_test_rollouts=4"
SHORT = "--num_timesteps=1200 --n_cycles=4 --n_test_rollouts=4 --random_steps=300"
LAPTOP = "--preset=laptop --n_batches=10 --batch_size=128"
RUNS = {
    "one_collector": f"{REACH} --collectors=1",
    "two_collectors": f"{REACH} --collectors=2 --num_env=4 --learner_threads=2",
    "in_process": f"{REACH} --collectors=0 --pipelined=0",
    "per": f"--env=FetchPush {SHORT} --prioritization=tderror --per_chunk=10",
    "energy": f"--env=FetchPickAndPlace {SHORT} --prioritization=energy",
    "demonstrations": f"--env=FetchPickAndPlace {SHORT} --demo_file=DEMOS "
    "--num_demo=5 --bc_loss=1 --q_filter=1 --demo_resets=0.3 --num_env=4",
    "relative_goals": f"--env=FetchSlide {SHORT} --prioritization=tderror "
    "--replay_strategy=futureactual --relative_goals=1 --lr_fade=5000",
    "hand": f"--env=HandReach {SHORT}",
    "two_workers": f"{REACH} --num_cpu=2 --collectors=0",
    "resumed": f"{REACH} --prioritization=tderror --num_env=2",
    "plappert2018": "--env=FetchReach --preset=plappert2018 --num_timesteps=1500 "
    "--n_cycles=5 --n_test_rollouts=10 --pipelined=1 --layers=3 --hidden=256 "
    "--batch_size=256 --num_env=2",
    "noise": f"--env=FetchReach {SHORT} {LAPTOP} --noise=ou --replay_strategy=final "
    "--test_with_polyak=1",
}


def run(*arguments: str) -> None:
    """Runs a Python command; raises with what it said if it fails."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{arguments}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def demonstrations(folder: Path) -> Path:
    """Five demonstrations of the scripted expert."""
    path = folder / "demos.npz"
    script = "data_generation/fetch_data_generation.py"
    run(script, "--env=FetchPickAndPlace", "--episodes=5", f"--out={path}")
    return path


def train(name: str, folder: Path, demos: Path) -> Path:
    """The run folder of one training; `resumed` is begun, ended and resumed."""
    path = folder / name
    flags = RUNS[name].replace("DEMOS", str(demos)).split()
    command = ["-m", "baselines_her.run", *flags, "--seed=3", f"--log_path={path}"]
    if name == "resumed":
        run(*command, "--num_timesteps=700")
        run("-m", "baselines_her.run", f"--resume={path}", "--num_timesteps=1500")
    else:
        run(*command)
    return path


def digests(path: Path) -> dict[str, str]:
    """Digest of the final weights, and the values of every column but times."""
    content = pickle.loads((path / "policy_latest.pkl").read_bytes())
    arrays = np.load(io.BytesIO(content["arrays"]))
    weights = hashlib.sha256()
    for name in sorted(arrays):
        weights.update(name.encode() + arrays[name].tobytes())
    found = {"weights": weights.hexdigest()}
    with (path / "progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name in rows[0]:
        if not name.startswith("time/"):
            text = "\n".join(row[name] for row in rows)
            found[name] = hashlib.sha256(text.encode()).hexdigest()
    return found


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What had a digest before and has another now; new columns do not count."""
    return [name for name in before if after.get(name) != before[name]]


def main() -> int:
    """Records or compares; returns the number of runs that differ."""
    mode, file, *only = sys.argv[1:]
    kept, n_bad = {}, 0
    if mode == "compare":
        kept = json.loads(Path(file).read_text())
    with tempfile.TemporaryDirectory() as folder:
        demos = demonstrations(Path(folder))
        for name in only or RUNS:
            found = digests(train(name, Path(folder), demos))
            if mode == "record":
                kept[name] = found
                print(f"recorded {name}", flush=True)
                continue
            differing = differences(kept[name], found)
            n_bad += bool(differing)
            print(f"{name}: {', '.join(differing) or 'the same bits'}", flush=True)
    if mode == "record":
        Path(file).write_text(json.dumps(kept, indent=1))
    return n_bad


if __name__ == "__main__":
    sys.exit(main())
