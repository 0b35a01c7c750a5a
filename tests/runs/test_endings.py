"""Whatever ends a run early: what can be saved is saved, and nothing else is."""

import json
import os
import signal

import pytest
from point_env import PointEnv, make_point
from trainings import POINT, SHORT, Interrupt, rows_of, same_policies, same_states

import baselines_her
from baselines_her.ddpg import DDPG
from baselines_her.envs.faults import Fault
from baselines_her.runs import stopping

FLAGS = {**SHORT, "pipelined": False, "collectors": 0}  # cycles of 48 steps
CYCLE = 4 * 12  # steps; an epoch has 3 cycles, the run has 9


class Fragile(PointEnv):
    """Raises once, `countdown` steps after it was set."""

    countdown = None

    def step(self, action):
        if Fragile.countdown is not None:
            Fragile.countdown -= 1
            if Fragile.countdown < 0:
                Fragile.countdown = None
                raise KeyError("the robot fell over")
        return super().step(action)


def train(folder, **flags):
    def make():
        return make_point(Fragile)

    flags = {**FLAGS, **flags}
    return baselines_her.train(make_env=make, log_path=str(folder), **flags)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing ended early."""
    from conftest import uncompiled

    folder = tmp_path_factory.mktemp("whole")
    with uncompiled():
        train(folder, quiet=True)
    return folder


def cycles_saved(folder):
    manifest = json.loads((folder / "checkpoint" / "manifest.json").read_text())
    return manifest["facts"]["counters"]["n_cycles"]


def fails_after(n_steps):
    """After the first epoch, an environment that raises n steps later."""

    def on_epoch(row):
        if row["epoch"] == 0:
            Fragile.countdown = n_steps

    return on_epoch


def raises(error):
    def on_epoch(row):
        if row["epoch"] == 1:
            raise error

    return on_epoch


@pytest.mark.parametrize(
    ("on_epoch", "error", "n_cycles"),
    [
        (fails_after(CYCLE + 5), Fault, 4),  # in the fifth cycle
        (fails_after(3 * CYCLE + 5), Fault, 6),  # in the second evaluation
        (raises(Interrupt()), Interrupt, 6),
        (raises(SystemExit(3)), SystemExit, 6),
        (raises(KeyboardInterrupt()), KeyboardInterrupt, 6),
    ],
    ids=["cycle", "evaluation", "on_epoch", "SystemExit", "KeyboardInterrupt"],
)
def test_an_error_between_updates_saves_first_and_the_run_continues_there(
    tmp_path, capsys, eagerly, whole, on_epoch, error, n_cycles
):
    folder = tmp_path / "run"
    with pytest.raises(error):
        train(folder, on_epoch=on_epoch)
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == (
        f"Continue with: baselines_her.train(make_env=make_env, resume={str(folder)!r})"
    )
    assert cycles_saved(folder) == n_cycles
    assert not (folder / "FINISHED").exists()
    train(folder)
    assert f"continues after {n_cycles * CYCLE} env steps" in capsys.readouterr().out
    assert rows_of(folder) == rows_of(whole)
    same_policies(folder, whole)
    same_states(folder, whole)


def in_update(monkeypatch, cycle, action):
    """Within the given cycle's updates, between two of its changes, `action()`."""
    update, count = DDPG.update_targets, [0]

    def interrupted(self):
        count[0] += 1
        if count[0] == cycle:
            action()
        update(self)

    monkeypatch.setattr(DDPG, "update_targets", interrupted)


def test_an_error_within_an_update_saves_nothing(
    tmp_path, monkeypatch, capsys, eagerly, whole
):
    def fail():
        raise Interrupt

    in_update(monkeypatch, 3, fail)
    with pytest.raises(Interrupt):
        train(tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoint" / "manifest.json").exists()
    assert "What came after the last checkpoint is lost." in capsys.readouterr().out
    monkeypatch.undo()
    train(tmp_path / "run", quiet=True)
    assert rows_of(tmp_path / "run") == rows_of(whole)


@pytest.mark.parametrize("n_signals", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_within_an_update_wait_for_its_end(
    tmp_path, monkeypatch, eagerly, whole, number, n_signals
):
    monkeypatch.setattr(stopping, "REPEAT", 0.0)

    def ask():
        for _ in range(n_signals):
            os.kill(os.getpid(), number)

    in_update(monkeypatch, 5, ask)
    with pytest.raises((KeyboardInterrupt, SystemExit)) as caught:
        train(tmp_path / "run", quiet=True)
    if number != signal.SIGINT:
        assert caught.value.code == 128 + number
    assert cycles_saved(tmp_path / "run") == 5
    monkeypatch.undo()
    train(tmp_path / "run", quiet=True)
    assert rows_of(tmp_path / "run") == rows_of(whole)
    same_policies(tmp_path / "run", whole)
    same_states(tmp_path / "run", whole)


def test_a_third_signal_within_an_update_ends_at_once_and_saves_nothing(
    tmp_path, monkeypatch, capsys, eagerly
):
    monkeypatch.setattr(stopping, "REPEAT", 0.0)

    def ask():
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)

    in_update(monkeypatch, 2, ask)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run")
    assert not (tmp_path / "run" / "checkpoint" / "manifest.json").exists()
    assert "is lost" in capsys.readouterr().out


def test_a_run_that_stop_at_ended_is_finished_and_continues_with_another(
    tmp_path, capsys, eagerly
):
    folder = tmp_path / "run"
    flags = {**FLAGS, "num_timesteps": 15 * CYCLE, "log_path": str(folder)}
    first = baselines_her.train(POINT, **flags, stop_at=0.0, quiet=True)
    assert [row["steps/env"] for row in first.rows] == [144, 288, 432]
    assert (folder / "FINISHED").exists()
    again = baselines_her.train(POINT, resume=str(folder), quiet=True)
    assert again.rows == first.rows
    more = baselines_her.train(POINT, resume=str(folder), stop_at=None, quiet=True)
    assert len(more.rows) == 5
    assert more.rows[:3] == first.rows
    plain = baselines_her.train(POINT, **{**flags, "log_path": tmp_path / "plain"})
    assert rows_of(plain.log_path) == rows_of(more.log_path)
    same_states(plain.log_path, more.log_path)
