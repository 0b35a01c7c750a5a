"""Sweeps for the tests: small ones, and trainings that only seem to train."""

import csv

from baselines_her.sweep import trials
from baselines_her.sweep.objective import Budget, Objective, read_curve
from baselines_her.sweep.space import Dimension
from baselines_her.sweep.study import Sweep

SPACE = [Dimension("Q_lr", 1e-4, 1e-2, log=True)]
GIVEN = {"env": "FetchReach-v4", "preset": "laptop"}
HEADER = "steps/env,time/total,test/success_rate\n"
TINY = ["--env=FetchReach", "--n_cycles=1", "--num_timesteps=100", "--n_batches=1"]
TINY += ["--layers=1", "--hidden=8", "--num_env=1", "--collectors=0"]


def sweep_of(**changes):
    parts = {
        "given": GIVEN,
        "space": SPACE,
        "budget": Budget(steps=1000),
        "objective": Objective(),
        "n_seeds": 1,
        "sampler": "random",
        "sampler_seed": 0,
        "pruner": "none",
    }
    return Sweep(**{**parts, **changes})


class Trainings:
    """Stands in for `train`: ten rows with the score that a function gives."""

    def __init__(self, monkeypatch, score=lambda flags, n: 0.1 * n):
        self.score, self.flags, self.folders = score, [], []
        monkeypatch.setattr(trials, "train", self)

    def __call__(self, flags, folder, watch):
        self.flags.append(flags)
        self.folders.append(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "progress.csv").write_text(HEADER)
        for n in range(1, 11):
            with (folder / "progress.csv").open("a") as file:
                file.write(f"{100 * n},{6 * n},{self.score(flags, n)}\n")
            if watch.ends():
                break
        return read_curve(folder)


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def real_flags():
    flags = dict(word.removeprefix("--").split("=") for word in TINY)
    return {**flags, "seed": 0}
