"""Command lines of trainings with several workers, and what these leave behind."""

import sys
import time
from pathlib import Path

FLAGS = {
    "preset": "laptop",
    **{"layers": 1, "hidden": 8, "batch_size": 16, "n_batches": 3, "num_env": 4},
    **{"collectors": 0, "n_test_rollouts": 3, "n_cycles": 4, "learner_threads": 1},
}
FOR_EVER = 10**8


def command(folder, env="point_env:Point-v0", **flags):
    flags = {**FLAGS, "log_path": folder, **flags}
    listed = [f"--{name}={value}" for name, value in flags.items()]
    return [sys.executable, "-m", "baselines_her.run", f"--env={env}", *listed]


def nobody_left(mark):
    """No process has `mark` in its command line, within a few seconds."""
    for _ in range(50):
        left = [
            path.parent.name
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if mark.encode() in _read(path)
        ]
        if not left:
            return True
        time.sleep(0.1)
    return False


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""
