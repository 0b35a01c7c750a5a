"""Ending a run on Ctrl-C or SIGTERM: first a checkpoint, then out, within seconds."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

SECONDS = 8  # a cycle that takes longer is not waited for


class Stop:
    """Whether somebody has asked the run to end.

    Attributes:
      signal: the one that came, or None.
      is_agreed: all workers know of it and end at the same place.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.is_agreed = False

    def agree(self, signals: list[int | None]) -> None:
        """Takes what the workers were asked; one is enough to end all of them.

        Raises:
          KeyboardInterrupt: Ctrl-C was pressed.
          SystemExit: SIGTERM came; its code is 143.
        """
        asked = [number for number in signals if number is not None]
        if asked:
            self.signal, self.is_agreed = asked[0], True
            self.end()

    def end(self) -> None:
        """Ends the run where it stands."""
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + (self.signal or 0))


@contextlib.contextmanager
def stop_signals() -> Iterator[Stop]:
    """Within it, the first signal only asks; the second ends the run at once.

    Signals belong to the main thread: elsewhere nobody asks.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    alarm: dict[int, Any] = {}

    def at_once(*_):
        stop.is_agreed = False
        stop.end()

    def ask(number, _):
        stop.signal = number
        for name in kept:
            signal.signal(name, at_once)
        alarm[signal.SIGALRM] = signal.signal(signal.SIGALRM, at_once)
        signal.alarm(SECONDS)

    kept = {
        name: signal.signal(name, ask)
        for name in (signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(name) not in (signal.SIG_IGN, None)
    }
    try:
        yield stop
    finally:
        if alarm:  # it was armed here
            signal.alarm(0)
        for name, handler in [*kept.items(), *alarm.items()]:
            signal.signal(name, handler)
