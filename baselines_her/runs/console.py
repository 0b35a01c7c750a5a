"""What a person sees while a run goes on: a live table, or plain lines."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..config import Config
from ..types import EnvSpec
from .logger import Row

LIVE_ROWS = 12  # epochs kept in the live table


class Console(Protocol):
    """Shows a run's progress."""

    def __enter__(self) -> "Console":
        """Begins."""

    def __exit__(self, *error: Any) -> None:
        """Ends, leaving what was shown."""

    def say(self, text: str) -> None:
        """Shows one line."""

    def resumes(self, env_steps: int) -> None:
        """The run goes on after this many env steps."""

    def cycle(self, env_steps: int) -> None:
        """A cycle has ended after this many env steps of the run."""

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

    def cycle(self, env_steps: int) -> None:
        """Shows nothing."""

    def epoch(self, row: Row) -> None:
        """Shows nothing."""


class Plain(Silent):
    """One line an epoch, for logs and pipes."""

    def __init__(self, num_timesteps: int, clock: Callable[[], float] = time.monotonic):
        self._total, self._clock, self._start = num_timesteps, clock, clock()
        self._first = 0

    def resumes(self, env_steps: int) -> None:
        """The run goes on after this many env steps."""
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
        self.say(
            f"epoch {row['epoch']:>3.0f}  steps {steps:>9,.0f}  "
            f"success {row['test/success_rate']:.2f} "
            f"(any {row['test/success_any']:.2f})  mean_Q {row['test/mean_Q']:7.2f}  "
            f"critic {row['loss/critic']:.4f}  {clock_text(spent)}, "
            f"{clock_text(left)} left"
        )


class Live:
    """A table of the last epochs and a progress bar, redrawn in place."""

    SHOWN = {
        "epoch": ("epoch", "{:.0f}"),
        "steps/env": ("env steps", "{:,.0f}"),
        "test/success_rate": ("success", "{:.2f}"),
        "test/success_any": ("any step", "{:.2f}"),
        "train/success_rate": ("training", "{:.2f}"),
        "test/mean_Q": ("mean Q", "{:.2f}"),
        "loss/critic": ("critic loss", "{:.4f}"),
        "loss/policy": ("policy loss", "{:.3f}"),
        "time/total": ("time", "{}"),
    }

    def __init__(self, num_timesteps: int, title: str):
        from rich.live import Live as RichLive
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._title, self._rows = title, []  # type: tuple[str, list[Row]]
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
        """Starts the progress bar, and its estimate, there."""
        self._progress.reset(self._task, completed=env_steps)

    def cycle(self, env_steps: int) -> None:
        """Moves the progress bar."""
        self._progress.update(self._task, completed=env_steps)

    def epoch(self, row: Row) -> None:
        """Adds a row to the table."""
        self._rows = [*self._rows, row][-LIVE_ROWS:]
        self._live.update(self._drawing())

    def _drawing(self):
        from rich.console import Group
        from rich.table import Table

        table = Table(title=self._title, title_justify="left")
        for label, _ in self.SHOWN.values():
            table.add_column(label, justify="right")
        for row in self._rows:
            values = dict(row) | {"time/total": clock_text(row["time/total"])}
            table.add_row(*(f.format(values[k]) for k, (_, f) in self.SHOWN.items()))
        return Group(table, self._progress) if self._rows else self._progress


def open_console(config: Config, spec: EnvSpec, quiet: bool) -> Console:
    """The console that fits: nothing, a live table on a terminal, or plain lines."""
    if quiet:
        return Silent()
    if sys.stdout.isatty():
        return Live(config.run.num_timesteps, f"{spec.env_id}, {config.run.preset}")
    return Plain(config.run.num_timesteps)


def clock_text(seconds: float) -> str:
    """4 -> "4 s", 75 -> "1:15", 3700 -> "1:01:40"."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextlib.contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal, nothing elsewhere; yields a call that advances it.

    Args:
      what: the things that are counted.
      total: how many there will be.
    """
    if not sys.stdout.isatty():
        yield lambda: None
        return
    from rich.progress import Progress

    with Progress(transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
