"""Files are read if they are regular, short enough and whole."""

import hashlib
import io
import os
import zipfile

import numpy as np
import pytest

from baselines_her.runs.arrays import (
    DAMAGE,
    open_archive,
    open_regular,
    read_file,
    reason_of,
    sha256_of,
)


def test_a_regular_file_is_read_whole(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("a")
    assert read_file(tmp_path / "a", limit=3) == b"abc"
    assert read_file(tmp_path / "link", limit=3) == b"abc"
    with pytest.raises(ValueError, match="longer than 2 bytes, namely 3"):
        read_file(tmp_path / "a", limit=2)


def place(name, path):
    """Puts what is no regular file at `path`."""
    if name == "folder":
        path.mkdir()
    elif name == "pipe":
        os.mkfifo(path)
    elif name == "endless device":
        path.symlink_to("/dev/zero")
    elif name == "sparse":
        with path.open("wb") as file:
            file.truncate(3 * 10**9)
    elif name == "below a file":
        path.parent.joinpath("plain").write_bytes(b"")
        path.symlink_to("plain/x")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "it is a folder"),
        ("pipe", "not a regular file"),
        ("endless device", "not a regular file"),
        ("sparse", "longer than 1000 bytes, namely 3000000000"),
        ("nothing", "there is no such file"),
        ("below a file", "there is no such file"),
    ],
)
def test_what_is_no_regular_file_is_refused_before_it_is_opened(
    tmp_path, monkeypatch, name, message
):
    place(name, tmp_path / "x")

    def opened(*_):
        raise AssertionError("it was opened")

    monkeypatch.setattr(os, "open", opened)
    with pytest.raises(ValueError, match=message):
        read_file(tmp_path / "x", limit=1000)


def test_a_file_that_is_replaced_by_a_pipe_is_refused(tmp_path, monkeypatch):
    """Between the look at it and the opening: the opened one is looked at again."""
    (tmp_path / "a").write_bytes(b"abc")
    status = os.stat(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda path: status)
        with pytest.raises(ValueError, match="not a regular file"):
            read_file(tmp_path / "pipe", limit=1000)


def test_files_without_a_size_are_empty():
    """/proc/kmsg waits for news for ever; its size is 0, so nothing is read."""
    assert read_file("/proc/self/status", limit=1000) == b""


def test_a_digest_is_that_of_the_parts_in_a_row():
    array = np.arange(6.0).reshape(2, 3)
    expected = hashlib.sha256(b"ab" + array.tobytes()).hexdigest()
    assert sha256_of([b"a", b"b", array]) == expected


def test_an_archive_is_opened_from_bytes_and_from_a_file(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with open_regular(tmp_path / "a.npz", 10_000) as file:
        assert list(open_archive(file).members) == ["x"]
    assert list(open_archive((tmp_path / "a.npz").read_bytes()).members) == ["x"]


def test_a_long_list_of_members_is_not_read():
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        for n in range(300):
            file.writestr("x" * 4000 + str(n), b"")
    with pytest.raises(ValueError, match="its list of arrays is too long"):
        open_archive(sink.getvalue())


def test_a_reason_is_short_and_printable():
    assert reason_of(KeyError("obs")) == "it lacks 'obs'"
    assert reason_of(ValueError("a\x1b[0m")) == "a\\x1b[0m"
    assert reason_of(RecursionError()) == "RecursionError"
    assert len(reason_of(ValueError("x" * 10**6))) == 400


def test_a_number_without_end_is_damage():
    with pytest.raises(DAMAGE):
        int(float("1e999"))
