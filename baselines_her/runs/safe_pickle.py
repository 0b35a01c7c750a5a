"""Reads our own pickles without running them.

A policy file is a pickle of one flat dictionary of builtins, so that anybody can open
it with two lines of Python.  We never do, because unpickling executes the file.  Here
the opcodes are read as data, and only the sequence that our writer makes is accepted.
"""

import pickle
import pickletools
from collections.abc import Iterator
from typing import Any

MAX_BYTES = 256 * 2**20
KEYS = ("SHORT_BINUNICODE",)
VALUES = ("SHORT_BINUNICODE", "BINUNICODE", "BINBYTES", "SHORT_BINBYTES", "BININT1")
IGNORED = ("MEMOIZE", "FRAME")  # bookkeeping of protocol 4 that does not affect values


class UnsafePickle(ValueError):
    """The file is not one that our writer could have made."""


def dump_flat(values: dict[str, str | bytes | int]) -> bytes:
    """A protocol-4 pickle of a flat dictionary of strings, bytes and small integers."""
    return pickle.dumps(values, protocol=4)


def load_flat(data: bytes) -> dict[str, Any]:
    """The dictionary that `dump_flat` wrote; nothing is executed or imported.

    Every length is checked against the size of `data`, which also bounds the memory.

    Raises:
      UnsafePickle: an opcode, their order or a length is unexpected.
    """
    if len(data) > MAX_BYTES:
        raise UnsafePickle(f"at most {MAX_BYTES} bytes are read, found {len(data)}")
    steps = (step for step in opcodes(data) if step[0] not in IGNORED)
    _expect(steps, "PROTO")
    _expect(steps, "EMPTY_DICT")
    _expect(steps, "MARK")
    values: dict[str, Any] = {}
    for name, argument in steps:
        if name == "SETITEMS":
            break
        if name not in KEYS or argument in values:
            raise UnsafePickle(f"a new key must come next, found {name}")
        values[argument] = _expect(steps, *VALUES)
    _expect(steps, "STOP")
    return values


def opcodes(data: bytes) -> Iterator[tuple[str, Any]]:
    """(name, argument) of every opcode up to the one STOP at the end of `data`.

    Raises:
      UnsafePickle: the pickle is damaged, has no end, or has bytes after its end.
    """
    try:
        for opcode, argument, position in pickletools.genops(data):
            # Checked before the yield, because no caller continues after a STOP.
            if opcode.name == "STOP" and position != len(data) - 1:
                raise UnsafePickle("bytes follow the end of the pickle")
            yield opcode.name, argument
    except UnsafePickle:
        raise
    except Exception as error:  # genops raises many types of errors for damaged data
        raise UnsafePickle(f"it is cut short or damaged ({error!s:.80})") from None


def _expect(steps: Iterator[tuple[str, Any]], *names: str) -> Any:
    found, argument = next(steps, ("the end", None))
    if found not in names:
        raise UnsafePickle(f"only {' or '.join(names)} may come next, found {found}")
    return argument
