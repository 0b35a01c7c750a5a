"""Standard output and standard error whose loss does not end the program.

The reader may go away during a run: `| head` ends, a connection drops, a disk fills up.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class Sturdy:
    """A text stream that drops everything from the first failed write on."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes, or drops the text."""
        try:
            return self._stream.write(text)
        except OSError:
            self._drop_the_rest()
            return len(text)

    def flush(self) -> None:
        """Flushes, or drops what was buffered."""
        try:
            self._stream.flush()
        except OSError:
            self._drop_the_rest()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _drop_the_rest(self) -> None:
        """Points the stream to the null device, so that its buffer can be flushed."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        self._stream = open(os.devnull, "w")


@contextlib.contextmanager
def sturdy_output() -> Iterator[None]:
    """Within it, a broken stdout or stderr is silent instead of an error."""
    kept = sys.stdout, sys.stderr
    wrapped = [Sturdy(stream or open(os.devnull, "w")) for stream in kept]
    sys.stdout, sys.stderr = wrapped
    try:
        yield
    finally:
        for stream in wrapped:
            stream.flush()
        sys.stdout, sys.stderr = kept
