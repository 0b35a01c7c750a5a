"""Studies: what belongs together, and what the storage keeps."""

import pytest
from sweeps import GIVEN, Trainings, sweep_of

from baselines_her.sweep.objective import Budget, Objective
from baselines_her.sweep.space import Dimension
from baselines_her.sweep.study import begin_with_preset, open_study
from baselines_her.sweep.trials import run_trials

pytest.importorskip("optuna")


def test_sweeps_that_share_a_storage_are_not_mixed(tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    open_study(sweep_of(), tmp_path / "a" / "s", url)
    open_study(sweep_of(sampler_seed=1), tmp_path / "b" / "s", url)  # another machine
    with pytest.raises(ValueError, match="holds another sweep of the name s"):
        open_study(sweep_of(n_seeds=2), tmp_path / "c" / "s", url)


def test_a_refused_grid_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="the grid needs choices"):
        open_study(sweep_of(sampler="grid"), tmp_path / "s", None)
    open_study(sweep_of(), tmp_path / "s", None)


def test_the_preset_is_the_first_trial_and_in_the_space(tmp_path, monkeypatch):
    trainings, sweep = Trainings(monkeypatch), sweep_of()
    study = open_study(sweep, tmp_path / "s", None)
    begin_with_preset(study, sweep)
    begin_with_preset(study, sweep)  # not twice
    run_trials(study, sweep, tmp_path / "s", 2)
    assert trainings.flags[0]["Q_lr"] == 1e-3  # laptop's
    assert trainings.flags[1]["Q_lr"] != 1e-3


@pytest.mark.parametrize(
    "change",
    [
        {"space": [Dimension("pi_lr", 1e-4, 1e-2, log=True)]},
        {"budget": Budget(steps=2000)},
        {"objective": Objective(0.9)},
        {"given": {**GIVEN, "env": "FetchPush-v4"}},
    ],
)
def test_another_sweep_is_not_mixed_in(tmp_path, change):
    open_study(sweep_of(), tmp_path / "s", None)
    with pytest.raises(ValueError, match="must be new or hold this sweep"):
        open_study(sweep_of(**change), tmp_path / "s", None)


TINY = ["--env=FetchReach", "--n_cycles=1", "--num_timesteps=100", "--n_batches=1"]
TINY += ["--layers=1", "--hidden=8", "--num_env=1", "--collectors=0"]


def test_a_heartbeat_that_cannot_be_written_ends_nothing(tmp_path, monkeypatch):
    import optuna

    def full(self, trial_id):
        raise optuna.exceptions.StorageInternalError("database or disk is full")

    monkeypatch.setattr(optuna.storages.RDBStorage, "record_heartbeat", full)
    study = open_study(sweep_of(), tmp_path / "s", None)
    study._storage.record_heartbeat(0)
