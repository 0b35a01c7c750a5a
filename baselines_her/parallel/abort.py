"""Ends the whole job when one worker ends early."""

import contextlib
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

from ..runs.stopping import AGREED
from ..types import Communicator
from .launcher import report_end


@contextlib.contextmanager
def ending_together(comm: Communicator, refuses: bool = False) -> Iterator[None]:
    """Aborts all workers if this one leaves the block by an exception.

    Otherwise the other workers would wait for it for ever.  A single worker just raises
    the exception, and so do workers that have agreed to end.

    Args:
      comm: the communicator.
      refuses: errors are reported to the user as one sentence, without a traceback.
    """
    try:
        yield
    except AGREED:
        raise
    except BaseException as error:
        if comm.size == 1 or _is_quiet_exit(error):
            raise
        if comm.rank > 0:
            # if all of them have the same error, only rank 0 prints it; at the start of
            # a run on a busy machine it may come to that seconds later
            time.sleep(3.0 if refuses else 1.0)
        text, code = _last_words(error, comm.rank, refuses)
        print(text, file=sys.stderr, flush=True)
        report_end(comm.rank, code)
        time.sleep(0.3)  # after an abort the launcher passes on only what it has read
        comm.abort(code)
        raise


def require_alike(comm: Communicator, settings: dict[str, Any]) -> None:
    """Refuses workers whose settings differ from those of the first one.

    Raises:
      ValueError: names the worker and the setting that differs.
    """
    first, *others = comm.gather(settings)
    for rank, found in enumerate(others, 1):
        for name in sorted({*first, *found}):
            one, other = first.get(name), found.get(name)
            if one != other:
                raise ValueError(
                    f"all workers must run the same training, but rank {rank} has "
                    f"{name} {other} and rank 0 has {one}."
                )


def _is_quiet_exit(error: BaseException) -> bool:
    return isinstance(error, SystemExit) and not error.code


def _last_words(error: BaseException, rank: int, refuses: bool) -> tuple[str, int]:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 130
    if isinstance(error, SystemExit) and refuses:
        return "", error.code if isinstance(
            error.code, int
        ) else 1  # it has printed its error already
    if refuses and isinstance(error, (ValueError, OSError, RuntimeError)):
        return f"error: {error}", 2
    code = error.code if isinstance(error, SystemExit) else 1
    report = f"rank {rank} failed:\n{traceback.format_exc()}"
    return report, code if isinstance(code, int) else 1
