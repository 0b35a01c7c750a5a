"""Errors for environments that break a rule, with the place where they broke it.

Every message here is complete: one sentence for the user, with a traceback only if the
environment's own code raised an error.
"""

import contextlib
import math
import os
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn

import numpy as np

SIGNAL_CODES = 128  # a signal handler that ends the run exits with 128 + signal


class Fault(RuntimeError):
    """An environment broke a rule while an episode was played."""


class BadState(Fault):
    """An environment or an actor produced a number that is not finite."""


class Refusal(ValueError):
    """An environment cannot be used for the requested purpose."""


TOLD = Fault, Refusal  # messages that need no traceback


def refuse(rule: str, found: str, remedy: str) -> NoReturn:
    """Raises a `Refusal`."""
    raise Refusal(f"{rule}; found {found}.  Remedy: {remedy}.")


class Place(NamedTuple):
    """Which episode is being played."""

    env_id: str
    episode: str  # e.g. "episode 7"

    def at(self, t: int) -> str:
        """The place including the step."""
        return f"{self.env_id}, {self.episode}, step {t}"

    def call(
        self, t: int, method: Callable[..., Any], *arguments: Any, **options: Any
    ) -> Any:
        """Calls the environment's `reset` or `step`.

        Raises:
          Fault: it raised an error, or tried to end the process.
        """
        try:
            return method(*arguments, **options)
        except BadState as error:
            raise self.bad_number(str(error), t) from None
        except TOLD:
            raise
        except Exception:
            raise Fault(
                f"an environment must not raise an error, but {self.at(t)}, did.  "
                f"Correct the code that the traceback ends in:\n"
                f"{traceback.format_exc().rstrip()}"
            ) from None
        except SystemExit as error:
            if isinstance(error.code, int) and error.code >= SIGNAL_CODES:
                raise
            raise Fault(
                f"an environment must not end the process, found SystemExit: "
                f"{error.code} in {self.at(t)}.  Raise an error instead."
            ) from None

    def require_finite(self, name: str, value: Any, t: int) -> None:
        """Refuses a NaN: MuJoCo would reset silently, compute_reward report success."""
        if not math.isfinite(np.sum(value)):
            raise self.bad_number(f"{name}, {value}", t)

    def bad_number(self, what: str, t: int) -> BadState:
        """The error that names environment, episode, step and field."""
        return BadState(
            f"numbers must be finite, found in {self.at(t)}: {what}.  Correct the "
            "environment, or give --skip_bad_episodes."
        )


@contextlib.contextmanager
def exits_refused() -> Iterator[None]:
    """Within the block, `os._exit` in this thread raises SystemExit instead.

    Otherwise an environment that is played in the run's own process could end an
    unfinished run with exit code 0.  Other threads and forked processes may still exit.
    """
    leave, owner, over = os._exit, _who(), threading.Event()

    def refuse_exit(status: int) -> NoReturn:
        if over.is_set() or _who() != owner:
            leave(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = refuse_exit
    try:
        yield
    finally:
        over.set()
        if os._exit is refuse_exit:  # and not the one of another thread that plays
            os._exit = leave


def _who() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()
