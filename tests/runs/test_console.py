"""What a person sees."""

import io
import sys
import time

import pytest

from baselines_her.algorithms import Column
from baselines_her.algorithms.her_entry import COLUMNS
from baselines_her.quiet import quiet_stderr
from baselines_her.runs.console import Live, Plain, clock_text, fitting, stages
from baselines_her.runs.sturdy import sturdy_output

ROW = dict.fromkeys([column.name for column in COLUMNS], 0.5) | {
    "epoch": 3,
    "steps/env": 2_000,
}


class Gone(io.StringIO):
    """A stream that nobody reads any more."""

    def write(self, text):
        raise BrokenPipeError


class Terminal(io.StringIO):
    """A terminal that may go away."""

    is_gone = False

    def write(self, text):
        if self.is_gone:
            raise OSError(5, "Input/output error")
        return super().write(text)

    def isatty(self):
        return True


def test_plain_lines_tell_success_and_the_time_left(capsys):
    ticks = iter([0.0, 10.0])
    Plain(5_000, COLUMNS, clock=lambda: next(ticks)).epoch(ROW)
    line = capsys.readouterr().out
    assert "epoch   3  env steps  2,000  success   0.50  any step   0.50" in line
    assert line.endswith("10 s, 15 s left\n")  # 3,000 steps at 200 a second


def test_the_live_table_shows_the_last_epochs():
    from rich.console import Console

    live = Live(5_000, "FetchReach-v4", COLUMNS)
    live._live.console.width = 120
    live.iteration(1_000)
    for epoch in range(20):
        live.epoch({**ROW, "epoch": epoch})
    text = io.StringIO()
    Console(file=text, width=120).print(live._drawing())
    assert "FetchReach-v4" in text.getvalue()
    assert "1000/5000" in text.getvalue()
    shown = [
        line.split()[1] for line in text.getvalue().splitlines() if "2,000" in line
    ]
    assert shown == [str(epoch) for epoch in range(8, 20)]


def test_the_first_cycle_is_said_to_compile():
    from rich.console import Console

    live, shown = Live(5_000, "FetchReach-v4", COLUMNS), []
    for _ in range(2):
        text = io.StringIO()
        Console(file=text, width=80).print(live._drawing())
        shown.append("Compiling" in text.getvalue())
        live.iteration(50)
    assert shown == [True, False]


@pytest.mark.parametrize(
    ("seconds", "text"), [(4, "4 s"), (75, "1:15"), (3700, "1:01:40"), (59.6, "1:00")]
)
def test_times_read_like_a_clock(seconds, text):
    assert clock_text(seconds) == text


def test_silence_is_broken_when_the_block_fails(capfd):
    import os

    with quiet_stderr():
        os.write(2, b"chatter")
    assert capfd.readouterr().err == ""
    with pytest.raises(ZeroDivisionError), quiet_stderr():
        os.write(2, b"reason")
        1 / 0  # noqa: B018
    assert capfd.readouterr().err == "reason"


def test_a_narrow_table_drops_columns_and_keeps_the_time():
    columns = [Column("a", "12345"), Column("b", "12345"), Column("t", "time", "clock")]
    rows = [{"a": 1.0, "b": 2.0, "t": 75.0}]
    # each column takes 3 more than its text, the table 1 more: 8 + 8 + 7 + 1 = 24
    for width, names in (24, "abt"), (23, "at"), (15, "t"), (1, "t"):
        assert "".join(c.name for c in fitting(columns, rows, width)) == names


def test_a_terminal_that_goes_away_ends_nothing(monkeypatch):
    monkeypatch.setattr("sys.stdout", Gone())
    with sturdy_output(), Plain(5_000, COLUMNS) as console:
        console.say("nobody reads this")
        console.epoch(ROW)
        print("nor this")


def test_a_live_table_whose_terminal_goes_away_ends_nothing(monkeypatch, capfd):
    """Its thread writes too, and would print a traceback."""
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with sturdy_output(), Live(5_000, "FetchReach-v4", COLUMNS) as live:
        live.say("somebody reads this")
        terminal.is_gone = True
        live.iteration(1_000)
        live.epoch(ROW)
        live.say("nobody reads this")
        time.sleep(0.6)  # it draws four times a second
    assert "somebody" in terminal.getvalue()
    assert "nobody" not in terminal.getvalue()
    assert capfd.readouterr().err == ""


def test_start_up_says_what_it_waits_for_on_a_terminal_and_then_vanishes(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with stages(quiet=False) as show:
        show("Loading TensorFlow")
        time.sleep(0.3)
        with quiet_stderr():
            print("a library's notice", file=sys.stderr)
    text = terminal.getvalue()
    assert "notice" not in text
    assert "Loading TensorFlow ..." in text
    erase_line = "\x1b[2K"
    assert text.rstrip().endswith(erase_line)


@pytest.mark.parametrize(("quiet", "stream"), [(True, "Terminal"), (False, "StringIO")])
def test_start_up_is_silent_when_asked_to_be_and_in_a_pipe(monkeypatch, quiet, stream):
    output = Terminal() if stream == "Terminal" else io.StringIO()
    monkeypatch.setattr("sys.stdout", output)
    with stages(quiet) as show:
        show("Loading TensorFlow")
    assert output.getvalue() == ""
