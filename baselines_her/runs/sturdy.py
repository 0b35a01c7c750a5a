"""Standard output and standard error that can be lost without ending the program.

They can be lost during a run: `| head` ends, a connection drops, a disk fills up.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class Sturdy:
    """A text stream that drops everything after the first failed write."""

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
        """Redirects the stream to the null device, so that flushing it cannot fail."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
        self._stream = open(os.devnull, "w")


@contextlib.contextmanager
def sturdy_output() -> Iterator[None]:
    """Within the block, a broken stdout or stderr is ignored."""
    kept = sys.stdout, sys.stderr
    wrapped = [Sturdy(stream or open(os.devnull, "w")) for stream in kept]
    sys.stdout, sys.stderr = wrapped
    try:
        yield
    finally:
        for stream in wrapped:
            stream.flush()
        sys.stdout, sys.stderr = kept
