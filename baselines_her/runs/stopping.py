"""Ending a run on Ctrl-C or SIGTERM: first a checkpoint, then out, within seconds."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

REPEAT = 1.0  # seconds
SECONDS = 8  # a cycle that takes longer is not waited for


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, which all workers know of."""


class Terminated(SystemExit):
    """SIGTERM, which all workers know of."""


AGREED = Interrupted, Terminated


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
          Interrupted: Ctrl-C was pressed.
          Terminated: SIGTERM came; its code is 143.
        """
        asked = [number for number in signals if number is not None]
        if asked:
            self.signal, self.is_agreed = asked[0], True
            if self.signal == signal.SIGINT:
                raise Interrupted
            raise Terminated(128 + asked[0])


@contextlib.contextmanager
def stop_signals(clock: Callable[[], float] = time.monotonic) -> Iterator[Stop]:
    """Within it, the first signal only asks; a second one ends the run at once.

    Within `REPEAT` seconds it is the same one: a launcher passes on to every worker
    what a service manager has sent to all of them already.

    Signals belong to the main thread: elsewhere nobody asks.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    alarm: dict[int, Any] = {}
    asked = [0.0]

    def at_once(number, _):
        if clock() - asked[0] < REPEAT:
            return
        stop.is_agreed = False
        if stop.signal == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + (stop.signal or 0))

    def ask(number, _):
        stop.signal, asked[0] = number, clock()
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
