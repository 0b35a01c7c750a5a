"""Text from files and file names cannot steer a terminal."""

import pytest

from baselines_her.cli.command import refuse
from baselines_her.runs.foreign import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\rb\nc\td\x7f", r"a\rb\nc\td\x7f"),
        ("\x9b31m", r"\x9b31m"),  # one character that begins a sequence, too
        ("\u202ecod.exe\u2066", r"\u202ecod.exe\u2066"),  # reversed letters
        ("\u200b\ufeff\u2028", r"\u200b\ufeff\u2028"),
        ("\udc80", r"\udc80"),  # a byte of a file name that is no UTF-8
        ("\U000e0041", r"\U000e0041"),
        ("plain C:\\runs é 推 🤖", "plain C:\\runs é 推 🤖"),
        (7.5, "7.5"),
    ],
)
def test_characters_that_cannot_be_seen_are_written_out(text, shown):
    assert printable(text) == shown


def test_long_texts_are_cut():
    assert printable("abcdef", longest=6) == "abcdef"
    assert printable("abcdefg", longest=6) == "abc..."
    assert printable("\x1b" * 10**7, longest=8) == "\\x1b\\..."


def test_no_error_sentence_steers_the_terminal(capsys):
    with pytest.raises(SystemExit, match="2"):
        refuse("no such file \x1b]0;owned\x07\u202e")
    assert capsys.readouterr().err == (
        "error: no such file \\x1b]0;owned\\x07\\u202e\n"
    )


def test_a_workers_traceback_keeps_its_lines(capsys):
    with pytest.raises(SystemExit):
        refuse("a player failed:\n  line 1\n\x1b")
    assert capsys.readouterr().err == "error: a player failed:\n  line 1\n\\x1b\n"
