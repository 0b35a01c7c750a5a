"""Bit flips, truncations, random and wrong files: refused in a line, or identical.

python tests/reliability/damage.py: per kind of file 1000 flips, 300 truncations, 100
random files, 20 of wrong types or shapes, an empty one, a folder.
"""

import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from known_policies import Straight
from point_env import make_point

import baselines_her
from baselines_her.demos.file import load_demos, write_demos
from baselines_her.demos.record import join, record
from baselines_her.envs.check import check
from baselines_her.replay.buffer import FIELDS, ReplayBuffer
from baselines_her.runs.arrays import pack
from baselines_her.runs.checkpoint import Checkpoints
from baselines_her.runs.policy_file import read_policy
from baselines_her.runs.safe_pickle import dump_flat
from baselines_her.seeding import DEMOS, stream
from baselines_her.types import Start

POINT = "point_env:Point-v0"
TINY = {"layers": 1, "hidden": 8, "batch_size": 16, "n_batches": 2, "num_env": 2}
N_FLIPS, N_CUTS, N_RANDOM = 1000, 300, 100


def flat(value):
    """Every number and text of a nested result, for comparing."""
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.shape, value.tobytes()]
    if isinstance(value, dict):
        return [(k, flat(value[k])) for k in sorted(value)]
    if isinstance(value, tuple | list):
        return [flat(v) for v in value]
    return repr(value)


def damaged(good, rng):
    """(kind, bytes) of every damaged version of a file."""
    for _ in range(N_FLIPS):
        data = bytearray(good)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        yield "flip", bytes(data)
    for _ in range(N_CUTS):
        yield "cut", good[: rng.integers(len(good))]
    for _ in range(N_RANDOM):
        yield "random", rng.bytes(int(rng.integers(1, 5000)))
    yield "empty", b""
    for wrong in wrong_contents(rng):
        yield "wrong", wrong


def wrong_contents(rng):
    """20 files of another content: other formats, names, shapes, dtypes."""
    arrays = [
        {"obs": rng.normal(size=shape).astype(dtype)}
        for shape in [(0,), (1,), (2, 3), (2, 3, 4), (1, 1, 1, 1)]
        for dtype in ("f4", "i8", "U3")
    ]
    yield from map(pack, arrays)
    yield dump_flat({})
    yield dump_flat({"format": "baselines_her policy", "version": 1})
    yield json.dumps({"format": "baselines_her checkpoint"}).encode()
    yield b"[" * 100_000
    yield b"PK\x03\x04" + bytes(60)


def trial(kind, path, read, expected, tally):
    """Reads one file and books what happened."""
    try:
        found = read()
    except (ValueError, OSError) as error:
        text = str(error)
        is_good = str(path) in text and "\n" not in text
        tally[kind, "refused" if is_good else "BAD MESSAGE"] += 1
        if not is_good:
            print("BAD MESSAGE:", kind, text[:300])
    except BaseException as error:
        tally[kind, "TRACEBACK"] += 1
        print("TRACEBACK:", kind, repr(error)[:300])
    else:
        same = flat(found) == expected
        tally[kind, "identical" if same else "SILENTLY WRONG"] += 1


def attack(name, path, read):
    """All damage to one file."""
    rng, tally, good = np.random.default_rng(0), Counter(), path.read_bytes()
    expected = flat(read())
    for kind, data in damaged(good, rng):
        path.write_bytes(data)
        trial(kind, path, read, expected, tally)
    path.unlink()
    trial("missing", path, read, expected, tally)
    path.mkdir()
    trial("folder", path, read, expected, tally)
    path.rmdir()
    path.write_bytes(good)
    print(f"{name}: " + ", ".join(f"{k} {v} {n}" for (k, v), n in tally.items()))
    return sum(n for (_, outcome), n in tally.items() if outcome.isupper())


def main():
    """Attacks the three kinds of file; the exit code tells whether all held."""
    folder = Path(tempfile.mkdtemp())
    env = make_point()
    spec = check(env, POINT)
    run = baselines_her.train(
        POINT, log_path=str(folder / "run"), num_timesteps=60, quiet=True, **TINY
    )
    demo_path = folder / "demos.npz"
    starts = [Start(stream(0, DEMOS, n=n)) for n in range(3)]
    write_demos(demo_path, join([record(env, spec, Straight(), s)[1] for s in starts]))
    place = run.log_path / "checkpoint"
    backup = folder / "backup"
    shutil.copytree(place, backup)

    def read_checkpoint():
        for path in backup.iterdir():  # a refused one sweeps nothing; be sure
            if not (place / path.name).exists() and path.name != attacked[0]:
                shutil.copy(path, place / path.name)
        buffer = ReplayBuffer(spec, 1_000_000)
        found = Checkpoints(place, buffer).load()
        if found is None:
            raise ValueError(f"{place / attacked[0]} is missing")
        content = {name: getattr(buffer, name)[: len(buffer)] for name in FIELDS}
        return found, content

    attacked, bad = [""], 0
    bad += attack("policy", run.best_policy, lambda: read_policy(run.best_policy)[1:])
    bad += attack("demonstrations", demo_path, lambda: load_demos(demo_path))
    for path in sorted(backup.iterdir()):
        attacked[0] = path.name
        bad += attack_part(place, path.name, read_checkpoint)
    print("all held" if not bad else f"{bad} FAILED")
    return 1 if bad else 0


def attack_part(place, name, read):
    """A checkpoint names its manifest when one of its parts is damaged."""
    manifest, path = place / "manifest.json", place / name

    def named():
        try:
            return read()
        except ValueError as error:
            text = str(error)
            raise ValueError(
                text.replace(str(manifest), f"{manifest} {path}")
            ) from None

    return attack(f"checkpoint/{name}", path, named)


if __name__ == "__main__":
    sys.exit(main())
