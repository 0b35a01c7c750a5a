"""A full disk while files are written: the last checkpoint holds.

python tests/reliability/disk_full.py: needs root, for a small tmpfs.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[1]
FLAGS = {
    **{"layers": 2, "hidden": 64, "batch_size": 64, "n_batches": 5, "num_env": 4},
    **{"n_cycles": 4, "n_test_rollouts": 2, "num_timesteps": 4000},
    **{"checkpoint_interval": 0, "random_steps": 0},
}


def train(folder):
    """A training in a process of its own; returns it when it has ended."""
    flags = [f"--{name}={value}" for name, value in FLAGS.items()]
    module = [sys.executable, "-m", "baselines_her.run", "--env=point_env:Point-v0"]
    return subprocess.run(
        [*module, *flags, f"--log_path={folder}"],
        cwd=TESTS,
        capture_output=True,
        text=True,
        check=False,
    )


def litter(folder):
    """Files under temporary names."""
    return [
        path.name for path in folder.rglob(".baselines_her-writes-*") if path.is_file()
    ]


def digests(folder):
    """Name -> digest of the checkpoint's files."""
    files = sorted((folder / "checkpoint").glob("*"))
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def trial(disk, size_kb):
    """Trains on a disk of `size_kb` until it is full, then makes room and goes on."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", disk]
    subprocess.run(mount, check=True)
    try:
        folder = disk / "run"
        done = train(folder)
        if done.returncode == 0:
            return "the disk was large enough"
        sentence = done.stderr.strip()
        assert done.returncode == 2 and sentence.count("\n") == 0, sentence
        assert str(disk) in sentence and "bytes" in sentence, sentence
        before = digests(folder)
        grow = ["mount", "-o", "remount,size=200m", disk]
        subprocess.run(grow, check=True)
        done = train(folder)
        assert done.returncode == 0, done.stderr
        assert not litter(folder), litter(folder)
        went_on = "continues after" in done.stdout
        assert went_on == ("manifest.json" in before), done.stdout
        return sentence.partition("error: ")[2][:110]
    finally:
        subprocess.run(["umount", disk], check=True)


def main():
    """Disks of many sizes, so that each kind of file meets the end of one."""
    disk = Path(tempfile.mkdtemp())
    for size_kb in (60, 150, 250, 300, 350, 400, 450, 500, 600, 700, 800, 1000):
        print(f"{size_kb:>5} kB: {trial(disk, size_kb)}", flush=True)
    print("all went on from their last checkpoint, with no litter")
    return 0


if __name__ == "__main__":
    sys.exit(main())
