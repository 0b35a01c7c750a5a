"""Short trainings on the point, and what two of them must have in common."""

import csv
import json

import numpy as np

import baselines_her
from baselines_her.runs.policy_file import read_policy

POINT = "point_env:Point-v0"
SMALL = {"layers": 2, "hidden": 32, "batch_size": 64, "n_batches": 10, "num_env": 4}
SHORT = {"layers": 1, "hidden": 16, "batch_size": 32, "n_batches": 3, "num_env": 4}
SHORT |= {"n_cycles": 3, "n_test_rollouts": 4, "num_timesteps": 400}
SHORT |= {"random_steps": 0}


class Interrupt(Exception):
    """Breaks a training off."""


def train(folder, **flags):
    return baselines_her.train(POINT, log_path=str(folder), quiet=True, **flags)


def rows_of(folder):
    """The rows of a run's table, without its times."""
    with (folder / "progress.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in rows]


def same_policies(one, other):
    names = {p.name for p in one.glob("policy_*.pkl")}
    assert names == {p.name for p in other.glob("policy_*.pkl")}
    for name in names:
        arrays = read_policy(other / name).arrays
        for key, array in read_policy(one / name).arrays.items():
            np.testing.assert_array_equal(array, arrays[key])


def state_of(folder):
    """All arrays of a run's checkpoint, its buffer included, and its counters."""
    manifest = json.loads((folder / "checkpoint" / "manifest.json").read_text())
    found = {}
    (worker,) = manifest["workers"]
    for part in [worker["state"], *worker["episodes"]]:
        with np.load(folder / "checkpoint" / part["file"]) as file:
            for name in file:
                key = name if part is worker["state"] else (name, part["first"])
                found[key] = file[name]
    buffer = {}
    for name in {k[0] for k in found if not isinstance(k, str)}:
        pieces = sorted((k[1], v) for k, v in found.items() if k[0] == name)
        buffer[name] = np.concatenate([piece for _, piece in pieces])
    state = {k: v for k, v in found.items() if isinstance(k, str)}
    return {**state, **buffer}, manifest["facts"]["counters"]


def same_states(one, other):
    (arrays, counters), (others, other_counters) = state_of(one), state_of(other)
    assert counters == other_counters
    assert set(arrays) == set(others)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, others[name], err_msg=name)
