"""One for all: whatever ends a worker ends the job."""

import contextlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def ending_together(
    comm: Any,
    is_agreed: Callable[[], bool] = lambda: False,
    refuses: bool = False,
) -> Iterator[None]:
    """Aborts all workers if this one leaves the block by an exception.

    The others would wait for it for ever.  A worker that works alone just raises.

    Args:
      comm: the communicator.
      is_agreed: whether all workers raise the same one now, and may go their ways.
      refuses: an error is one sentence for the user, not a fault of the program; an
        exit has said its own.
    """
    try:
        yield
    except BaseException as error:
        if comm.size == 1 or is_agreed():
            raise
        if comm.rank > 0:
            time.sleep(1.0)  # what all of them say, the first one says
        text, code = f"rank {comm.rank} failed:\n{traceback.format_exc()}", 1
        if refuses and isinstance(error, (ValueError, OSError, RuntimeError)):
            text, code = f"error: {error}", 2
        elif isinstance(error, SystemExit) and isinstance(error.code, int):
            text, code = "" if refuses else text, error.code or 1
        print(text, end="\n" if text else "", file=sys.stderr, flush=True)
        time.sleep(0.3)  # the launcher passes on what it has read, and then no more
        comm.abort(code)
