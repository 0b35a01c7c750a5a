"""Ends a run on Ctrl-C, SIGTERM or SIGHUP, after a checkpoint."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

REPEAT = 1.0  # seconds
SECONDS = 8  # the run does not wait for an iteration that takes longer
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # those that this system has


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, when all workers know about it."""


class Terminated(SystemExit):
    """SIGTERM or SIGHUP, when all workers know about it."""


AGREED = Interrupted, Terminated


class Stop:
    """Whether a signal has asked the run to end.

    Attributes:
      signal: the signal received, or None.
      is_agreed: all workers know about it and end at the same point.
      is_whole: nothing is half done, so a checkpoint may be taken.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.is_agreed = False
        self.is_whole = True
        self._was_patient = False

    def agree(self, signals: list[int | None]) -> None:
        """Ends the run if any worker has received a signal.

        Raises:
          Interrupted: Ctrl-C was pressed.
          Terminated: another signal came; the exit code is 128 plus its number.
        """
        asked = [number for number in signals if number is not None]
        if asked:
            self.signal, self.is_agreed = asked[0], True
            if self.signal == signal.SIGINT:
                raise Interrupted
            raise Terminated(128 + asked[0])

    @contextlib.contextmanager
    def critical(self) -> Iterator[None]:
        """A section that changes what a checkpoint holds and must not be half done.

        Signals respect it: one that would end the run at once waits for `agree`, which
        is called right after the section.  Only the second one within the section ends
        the run anyway.  After an error in the section, no checkpoint is taken any more.
        """
        self.is_whole = False
        yield
        self.is_whole = True

    def end_at_once(self) -> None:
        """Ends the run at once, except at the first call in a critical section.

        Raises:
          KeyboardInterrupt: Ctrl-C was pressed.
          SystemExit: another signal came.
        """
        if not self.is_whole and not self._was_patient:
            self._was_patient = True
            signal.alarm(SECONDS)
            return
        self.is_agreed = False
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + (self.signal or 0))


@contextlib.contextmanager
def stop_signals(clock: Callable[[], float] = time.monotonic) -> Iterator[Stop]:
    """In the block, a first signal only asks; a second one ends the run at once.

    A signal within `REPEAT` seconds counts as the same one, because a launcher passes
    on to every worker what a service manager has already sent to all of them.

    Only the main thread receives signals; in other threads this does nothing.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    alarm: dict[int, Any] = {}
    asked = [0.0]

    def at_once(number, _):
        if clock() - asked[0] >= REPEAT:
            asked[0] = clock()
            stop.end_at_once()

    def ask(number, _):
        stop.signal, asked[0] = number, clock()
        for name in kept:
            signal.signal(name, at_once)
        alarm[signal.SIGALRM] = signal.signal(signal.SIGALRM, at_once)
        signal.alarm(SECONDS)

    numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    kept = {
        number: signal.signal(number, ask)
        for number in numbers
        if signal.getsignal(number) not in (signal.SIG_IGN, None)
    }
    try:
        yield stop
    finally:
        if alarm:  # it was set here
            signal.alarm(0)
        for number, handler in [*kept.items(), *alarm.items()]:
            signal.signal(number, handler)
