"""kill -9 at random instants of a training, then resume: same bits in the end.

python tests/reliability/kill.py [50]: every trial kills one training a few times,
inside saving too, and compares its end with that of one which was never killed.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from trainings import POINT, rows_of, same_policies, same_states

FLAGS = {
    **{"layers": 1, "hidden": 16, "batch_size": 64, "n_batches": 5, "num_env": 4},
    **{"n_cycles": 4, "n_test_rollouts": 2, "num_timesteps": 3000, "buffer_size": 1000},
    **{"checkpoint_interval": 0, "random_steps": 0},
}


def start(folder):
    """A training in a process of its own."""
    flags = [f"--{name}={value}" for name, value in FLAGS.items()]
    module = [sys.executable, "-m", "baselines_her.run", f"--env={POINT}"]
    return subprocess.Popen(
        [*module, *flags, f"--log_path={folder}"],
        cwd=TESTS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main():
    """Runs the trials; the exit code tells whether all held."""
    n_kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    root, rng = Path(tempfile.mkdtemp()), np.random.default_rng(0)
    whole = root / "whole"
    assert start(whole).wait() == 0
    killed = same = 0
    trial = 0
    while killed < n_kills:
        folder = root / f"trial_{trial}"
        trial += 1
        for _ in range(5):
            process = start(folder)
            manifest = folder / "checkpoint" / "manifest.json"
            stamp = manifest.stat().st_mtime_ns if manifest.exists() else 0
            while process.poll() is None:  # until it has saved once more
                if manifest.exists() and manifest.stat().st_mtime_ns != stamp:
                    break
                time.sleep(0.001)
            time.sleep(float(rng.uniform(0, 0.4)))
            if process.poll() is None:
                process.kill()
                killed += 1
            process.wait()
        assert start(folder).wait() == 0
        same_policies(whole, folder)
        same_states(whole, folder)
        assert rows_of(whole) == rows_of(folder)
        same += 1
        print(f"{killed} kills, {same} runs with the same end", flush=True)
    print(
        f"{killed} kills in {same} runs: all went on, and all ended with the same bits"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
