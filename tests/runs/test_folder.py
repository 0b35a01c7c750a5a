"""A run writes into its own folder, and deletes what is its own."""

import os
import shutil

import numpy as np
import pytest
from conftest import HORIZON, counting_episodes
from trainings import SHORT, train

from baselines_her.replay.buffer import ReplayBuffer
from baselines_her.runs.checkpoint import Checkpoints
from baselines_her.runs.files import TEMPORARY, sweep, sync_folder
from baselines_her.runs.folder import require_usable

ARRAYS = {"weights": np.zeros(3)}


def remove(folder):
    shutil.rmtree(folder)


def rename(folder):
    folder.rename(folder.with_name("renamed"))


def replace(folder):
    rename(folder)
    folder.mkdir()


@pytest.mark.parametrize("change", [remove, rename, replace])
def test_a_run_ends_where_its_folder_was_and_makes_nothing_there(
    tmp_path, eagerly, change
):
    folder = tmp_path / "run"
    with pytest.raises(RuntimeError, match="run must stay where it is, but it was"):
        train(folder, **SHORT, on_epoch=lambda row: change(folder))
    assert not folder.exists() or not list(folder.iterdir())


@pytest.mark.parametrize("change", [remove, rename, replace])
def test_no_checkpoint_is_saved_where_the_folder_was(spec, tmp_path, change):
    folder = tmp_path / "run" / "checkpoint"
    writer = Checkpoints(folder, ReplayBuffer(spec, HORIZON))
    writer.save(ARRAYS, {}, 1)
    change(folder.parent)
    with pytest.raises(RuntimeError, match="checkpoint must stay where it is"):
        writer.save(ARRAYS, {}, 2)
    assert not folder.exists()


def test_files_of_others_in_a_checkpoint_folder_stay(spec, tmp_path):
    folder, theirs = tmp_path / "checkpoint", tmp_path / "theirs.npz"
    theirs.touch()
    folder.mkdir()
    names = "state_mine.npz", "episodes_of_a_show.npz", "notes.txt"
    for name in names:
        (folder / name).touch()
    (folder / "state_98.npz").symlink_to(theirs)
    (folder / "state_97.npz").touch()  # as an earlier checkpoint would have left it
    Checkpoints(folder, ReplayBuffer(spec, HORIZON)).save(ARRAYS, {}, 1)
    left = {path.name for path in folder.iterdir()}
    assert left == {*names, "state_98.npz", "manifest.json", "state_1.npz"}
    assert theirs.exists()


@pytest.mark.parametrize("method", ["save", "load", "forget"])
def test_a_checkpoint_folder_that_is_a_link_is_refused(spec, tmp_path, method):
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in "state_99.npz", "manifest.json", f"{TEMPORARY}x":
        (theirs / name).touch()
    (tmp_path / "checkpoint").symlink_to(theirs)
    arguments = {"save": (ARRAYS, {}, 1)}.get(method, ())
    with pytest.raises(ValueError, match="is a link or a file"):
        getattr(Checkpoints(tmp_path / "checkpoint"), method)(*arguments)
    assert len(list(theirs.iterdir())) == 3


@pytest.mark.parametrize("name", ["manifest.json", "state_2.npz", "episodes_0.npz"])
def test_a_link_in_the_place_of_a_checkpoints_file_is_refused(spec, tmp_path, name):
    buffer = ReplayBuffer(spec, 4 * HORIZON)
    buffer.add(counting_episodes(2))
    Checkpoints(tmp_path / "run", buffer).save(ARRAYS, {}, 2)
    path = tmp_path / "run" / name
    path.rename(tmp_path / name)
    path.symlink_to(tmp_path / name)
    with pytest.raises(ValueError, match=r"is not a whole checkpoint: .*is a link"):
        Checkpoints(tmp_path / "run", ReplayBuffer(spec, 4 * HORIZON)).load()
    assert (tmp_path / name).exists()


def test_sweeping_removes_regular_files_only(tmp_path):
    (tmp_path / "theirs").touch()
    (tmp_path / f"{TEMPORARY}link").symlink_to(tmp_path / "theirs")
    (tmp_path / f"{TEMPORARY}folder").mkdir()
    (tmp_path / f"{TEMPORARY}file").touch()
    sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"theirs", f"{TEMPORARY}link", f"{TEMPORARY}folder"}


@pytest.mark.parametrize("name", ["checkpoint", "videos"])
def test_a_run_folder_with_a_link_out_of_it_is_refused(tmp_path, name):
    (tmp_path / name).symlink_to("/tmp")
    with pytest.raises(ValueError, match=rf"{name} is a link\.  Remove it"):
        require_usable(tmp_path)
    (tmp_path / name).unlink()
    require_usable(tmp_path)


def test_folders_that_cannot_be_opened_are_not_synchronised(tmp_path, monkeypatch):
    """Windows cannot open a folder."""

    def refuse(path, flags):
        raise PermissionError(path)

    monkeypatch.setattr(os, "open", refuse)
    sync_folder(tmp_path)
