"""The output during a run: a live table or plain lines."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..algorithms import Column, entry
from ..config import Config
from ..types import Row

LIVE_ROWS = 12  # epochs kept in the live table


class Console(Protocol):
    """Shows a run's progress."""

    def __enter__(self) -> "Console":
        """Begins."""

    def __exit__(self, *error: Any) -> None:
        """Ends; what was shown stays on the screen."""

    def say(self, text: str) -> None:
        """Shows one line."""

    def resumes(self, env_steps: int) -> None:
        """The run continues after this many env steps."""

    def iteration(self, env_steps: int) -> None:
        """An iteration has ended after this many env steps of the run."""

    def epoch(self, row: Row) -> None:
        """An epoch has ended."""


class Silent:
    """Shows nothing."""

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def say(self, text: str) -> None:
        """Shows nothing."""

    def resumes(self, env_steps: int) -> None:
        """Shows nothing."""

    def iteration(self, env_steps: int) -> None:
        """Shows nothing."""

    def epoch(self, row: Row) -> None:
        """Shows nothing."""


class Plain(Silent):
    """One line per epoch, for logs and pipes."""

    def __init__(
        self,
        num_timesteps: int,
        columns: tuple[Column, ...],
        clock: Callable[[], float] = time.monotonic,
    ):
        self._total, self._clock, self._start = num_timesteps, clock, clock()
        self._columns = [c for c in columns if c.title and c.name.count("/")]
        self._first = 0

    def resumes(self, env_steps: int) -> None:
        """The run continues after this many env steps."""
        self._first = env_steps

    def say(self, text: str) -> None:
        """Prints one line."""
        print(text, flush=True)

    def epoch(self, row: Row) -> None:
        """Prints the epoch's main numbers and the time left."""
        steps = row["steps/env"]
        spent = self._clock() - self._start
        done = max(1.0, steps - self._first)
        left = spent * max(0.0, self._total - steps) / done
        shown = [
            f"{column.title} {text_of(column, row):>6}"
            for column in self._columns
            if column.form != "clock"
        ]
        self.say(
            f"epoch {row['epoch']:>3.0f}  {'  '.join(shown)}  {clock_text(spent)}, "
            f"{clock_text(left)} left"
        )


class Live:
    """A table of the last epochs and a progress bar, redrawn in place."""

    def __init__(self, num_timesteps: int, title: str, columns: tuple[Column, ...]):
        from rich.live import Live as RichLive
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._columns = [column for column in columns if column.title]
        self._title, self._rows = title, []  # type: tuple[str, list[Row]]
        self._has_begun = False
        self._progress = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("env steps"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._task = self._progress.add_task("training", total=num_timesteps)
        self._live = RichLive(self._drawing(), refresh_per_second=4)

    def __enter__(self) -> "Live":
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._live.update(self._drawing(), refresh=True)
        self._live.__exit__(*error)

    def say(self, text: str) -> None:
        """Prints one line above the table, unwrapped so that it can be copied."""
        self._live.console.print(text, soft_wrap=True, markup=False, highlight=False)

    def resumes(self, env_steps: int) -> None:
        """Starts the progress bar and its time estimate there."""
        self._progress.reset(self._task, completed=env_steps)

    def iteration(self, env_steps: int) -> None:
        """Moves the progress bar."""
        self._progress.update(self._task, completed=env_steps)
        if not self._has_begun:
            self._has_begun = True
            self._live.update(self._drawing())

    def epoch(self, row: Row) -> None:
        """Adds a row to the table."""
        self._rows = [*self._rows, row][-LIVE_ROWS:]
        self._live.update(self._drawing())

    def _drawing(self):
        from rich.console import Group
        from rich.table import Table

        if not self._has_begun:
            return Group("Compiling during the first cycle ...", self._progress)
        if not self._rows:
            return self._progress
        table = Table(title=self._title, title_justify="left")
        shown = fitting(self._columns, self._rows, self._live.console.width)
        for column in shown:
            table.add_column(column.title, justify="right", no_wrap=True)
        for row in self._rows:
            table.add_row(*(text_of(column, row) for column in shown))
        return Group(table, self._progress)


def fitting(columns: list[Column], rows: list[Row], width: int) -> list[Column]:
    """The columns that fit into a table of this width.

    The last columns are dropped first, except the very last one, the time.
    """
    *first, last = columns
    while first:
        shown = [*first, last]
        widths = [
            max(len(c.title), *(len(text_of(c, row)) for row in rows)) for c in shown
        ]
        if sum(widths) + 3 * len(widths) + 1 <= width:
            return shown
        first.pop()
    return [last]


def text_of(column: Column, row: Row) -> str:
    """A row's number in this column, as the table shows it."""
    value = row[column.name]
    return clock_text(value) if column.form == "clock" else column.form.format(value)


def open_console(config: Config, env_id: str, quiet: bool) -> Console:
    """The right console: silent, a live table on a terminal, or plain lines."""
    total, all_columns = config.run.num_timesteps, entry(config.run.alg).columns
    columns = tuple(c for c in all_columns if c.is_logged(config))
    if quiet:
        return Silent()
    if sys.stdout.isatty():
        return Live(total, f"{env_id}, {config.run.preset}", columns)
    return Plain(total, columns)


def clock_text(seconds: float) -> str:
    """4 -> "4 s", 75 -> "1:15", 3700 -> "1:01:40"."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextlib.contextmanager
def stages(quiet: bool) -> Iterator[Callable[[str], None]]:
    """On a terminal, shows one line with the current stage, which vanishes at the end.

    Yields a function that shows the next stage.  Without a terminal or with `quiet` it
    shows nothing.
    """
    if quiet or not sys.stdout.isatty():
        yield lambda text: None
        return
    from rich.console import Console as RichConsole
    from rich.live import Live as RichLive
    from rich.spinner import Spinner

    spinner = Spinner("dots")
    with RichLive(
        spinner,
        console=RichConsole(),
        transient=True,
        redirect_stderr=False,  # otherwise it would show what `quiet_stderr` hides
    ):
        yield lambda text: spinner.update(text=f"{text} ...")


@contextlib.contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar if there is a terminal; yields a function that advances it.

    Args:
      what: names the things that are counted.
      total: their number at the end.
    """
    if not sys.stdout.isatty():
        yield lambda: None
        return
    from rich.progress import Progress

    with Progress(transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
