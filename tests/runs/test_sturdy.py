"""Output that nobody reads any more."""

import os
import sys

import pytest

from baselines_her.runs.sturdy import Sturdy, sturdy_output


@pytest.fixture
def pipe():
    """A text stream into a pipe, and the end that reads from it."""
    reader, writer = os.pipe()
    stream = os.fdopen(writer, "w")
    yield reader, stream
    stream.close()


def test_what_is_written_arrives(pipe):
    reader, stream = pipe
    sturdy = Sturdy(stream)
    assert sturdy.write("hello") == 5
    sturdy.flush()
    assert os.read(reader, 10) == b"hello"
    os.close(reader)
    assert sturdy.encoding == stream.encoding


@pytest.mark.parametrize("text", ["short", "long" * 100_000])
def test_a_broken_pipe_drops_what_follows(pipe, text):
    """A short text fails when it is flushed, a long one when it is written."""
    reader, stream = pipe
    os.close(reader)
    sturdy = Sturdy(stream)
    assert sturdy.write(text) == len(text)
    sturdy.flush()
    sturdy.write("more")
    sturdy.flush()
    stream.flush()  # as the interpreter does at its end


def test_both_streams_come_back_whatever_happens(monkeypatch):
    kept = sys.stdout, sys.stderr
    with pytest.raises(ZeroDivisionError), sturdy_output():
        assert isinstance(sys.stdout, Sturdy)
        assert isinstance(sys.stderr, Sturdy)
        1 / 0  # noqa: B018
    assert (sys.stdout, sys.stderr) == kept


def test_a_program_without_output_may_print(monkeypatch):
    """Started with `>&-`, Python has no sys.stdout."""
    monkeypatch.setattr("sys.stdout", None)
    with sturdy_output():
        assert not sys.stdout.isatty()
        print("nothing happens")
