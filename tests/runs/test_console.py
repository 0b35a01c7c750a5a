"""What a person sees."""

import io

import pytest

from baselines_her.quiet import quiet_stderr
from baselines_her.runs.console import Live, Plain, clock_text
from baselines_her.runs.logger import COLUMNS

ROW = dict.fromkeys(COLUMNS, 0.5) | {"epoch": 3, "steps/env": 2_000}


def test_plain_lines_tell_success_and_the_time_left(capsys):
    ticks = iter([0.0, 10.0])
    Plain(5_000, clock=lambda: next(ticks)).epoch(ROW)
    line = capsys.readouterr().out
    assert "epoch   3  steps     2,000  success 0.50 (any 0.50)" in line
    assert line.endswith("10 s, 15 s left\n")  # 3,000 steps at 200 a second


def test_the_live_table_shows_the_last_epochs():
    from rich.console import Console

    live = Live(5_000, "FetchReach-v4")
    live.cycle(1_000)
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
