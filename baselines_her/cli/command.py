"""What all commands share: errors in one sentence, and exit codes."""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

from ..parallel.launcher import launched_rank
from ..runs.foreign import printable
from ..runs.sturdy import sturdy_output


class Parser(argparse.ArgumentParser):
    """Errors are one sentence on stderr and exit code 2, with no usage text."""

    def error(self, message: str) -> NoReturn:
        """Prints the error and ends the program."""
        refuse(message)


def refuse(message: str) -> NoReturn:
    """Prints one sentence on stderr and exits with code 2.

    Workers other than the first wait a second before that.  If all meet the same error,
    the first one has ended the job by then, and only its sentence is printed.
    """
    if launched_rank():
        time.sleep(1.0)
    print("error:", printable(message, keep="\n"), file=sys.stderr)
    raise SystemExit(2)


def is_for_want_of_memory(error: BaseException) -> bool:
    """Whether an import or an allocation failed because there was no memory left."""
    signs = "failed to map segment", "cannot allocate memory", "out of memory"
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in text for sign in signs)


def run_command(call: Callable[..., Any], /, *arguments: Any, **options: Any) -> int:
    """Runs the function of a command; returns the exit code: 0, or 130 after Ctrl-C.

    An error that the user can correct (a value, a file, the machine) is printed as one
    sentence, and the exit code is 2.  If the reader of the output goes away (`| head`),
    the command still runs to its end.
    """
    with sturdy_output():
        try:
            call(*arguments, **options)
        except (MemoryError, ImportError) as error:
            if not is_for_want_of_memory(error):
                raise
            refuse(
                "there is too little memory to load or run this (training takes about "
                "2 GB).  Close other programs, or raise the limit (ulimit -v)."
            )
        except (ValueError, RuntimeError, OSError) as error:
            refuse(str(error))
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return 130
    return 0
