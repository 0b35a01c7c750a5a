"""Memory and open files over a long training: 100k env steps, 50 evaluations.

python tests/reliability/leaks.py: FetchReach with a checkpoint every 5 epochs or so;
compares the middle of the run with its end.
"""

import os
import resource
import sys
import tempfile
from pathlib import Path

import baselines_her

FLAGS = {
    **{"num_timesteps": 100_000, "n_cycles": 40, "num_env": 1, "batch_size": 64},
    **{"n_batches": 5, "n_test_rollouts": 5, "hidden": 64, "buffer_size": 20_000},
    **{"checkpoint_interval": 5.0, "quiet": True},
}


def resident_mb():
    """This process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main():
    """Trains and watches; the exit code tells whether nothing grew."""
    seen = []

    def watch(row):
        seen.append((resident_mb(), len(os.listdir("/proc/self/fd"))))
        stamps.add(manifest.stat().st_mtime_ns if manifest.exists() else 0)

    stamps = set()
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "run" / "checkpoint" / "manifest.json"
        log_path = f"{folder}/run"
        baselines_her.train("FetchReach", log_path=log_path, on_epoch=watch, **FLAGS)
    # the buffer is full after a fifth of the run
    middle, end = seen[len(seen) // 4], seen[-1]
    growth = end[0] / middle[0] - 1
    print(
        f"{len(seen)} evaluations, {len(stamps) - 1} checkpoints: {middle[0]:.0f} MB "
        f"after a quarter, {end[0]:.0f} MB at the end ({100 * growth:+.1f} %), "
        f"{middle[1]} and {end[1]} open files"
    )
    return 1 if growth > 0.05 or end[1] > middle[1] else 0


if __name__ == "__main__":
    sys.exit(main())
