"""Reading pickles of nested lists, dictionaries and NumPy arrays as data.

The demonstration files of OpenAI baselines are object arrays, that is, pickles.  There
is no unpickler here: a machine of our own walks through the opcodes.  For it the four
names in NumPy's pickles are marks and not functions, so nothing is imported or called.
It never uses more memory than the size of the file explains.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..runs.safe_pickle import UnsafePickle, opcodes

NAMES = ("ndarray", "dtype", "_reconstruct", "scalar")
MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
DTYPES = ("b1", "i4", "i8", "u1", "f2", "f4", "f8", "O8", "O")
MARK = object()
MAX_STACK = 10_000  # NumPy's own pickles add a thousand objects at a time


class _Name(str):
    """A global on the stack."""


class _Pending:
    """A dtype or an array that waits for its state; then its value."""

    def __init__(self, kind: str, code: str = ""):
        self.kind, self.code = kind, code
        self.value: Any = None


def read_pickled_array(data: bytes, max_opcodes: int) -> np.ndarray | list:
    """The array that was pickled in `data`; object arrays become flat lists.

    Args:
      data: a pickle of protocol 2 to 5.
      max_opcodes: longer programs are refused.

    Raises:
      UnsafePickle: it holds anything but lists, dictionaries and arrays, an unexpected
        opcode, or a wrong length.
    """
    machine = _Machine()
    try:
        for n, (name, argument) in enumerate(opcodes(data)):
            if n > max_opcodes:
                raise UnsafePickle(f"it has more than {max_opcodes} opcodes")
            if name == "STOP":
                break
            machine.run(name, argument)
            if len(machine.stack) > MAX_STACK:
                raise UnsafePickle(f"its stack is deeper than {MAX_STACK}")
    except UnsafePickle:
        raise
    except Exception as error:  # damaged programs raise many kinds
        raise UnsafePickle(f"it is cut short or damaged ({error!s:.80})") from None
    if len(machine.stack) != 1:
        raise UnsafePickle("it does not leave exactly one value")
    return _plain(machine.stack.pop())


class _Machine:
    """A stack and a memo; `_STEPS` has one line for every opcode that it knows."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, name: str, argument: Any) -> None:
        """Executes one opcode."""
        if name in ("PROTO", "FRAME"):
            return
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name](argument))
        elif name in _STEPS:
            _STEPS[name](self, argument)
        else:
            raise UnsafePickle(f"the opcode {name} is not allowed")

    def pop_to_mark(self) -> list[Any]:
        """What was pushed since the last mark."""
        start = len(self.stack) - 1
        while self.stack[start] is not MARK:
            start -= 1
            if start < 0:
                raise UnsafePickle("a mark is missing")
        items = self.stack[start + 1 :]
        del self.stack[start:]
        return items

    def tuple_of(self, n: int) -> None:
        """Joins the last n values."""
        items = tuple(self.stack[-n:])
        if len(items) < n:
            raise UnsafePickle("its stack is too short")
        del self.stack[-n:]
        self.stack.append(items)

    def extend(self, items: list[Any]) -> None:
        """Appends to the list below."""
        if type(self.stack[-1]) is not list:
            raise UnsafePickle("only lists may grow")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Adds pairs to the dictionary below."""
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise UnsafePickle("only dictionaries take pairs")
        for key, value in zip(items[::2], items[1::2]):
            if type(key) is not str:
                raise UnsafePickle("keys must be text")
            target[key] = value

    def push_name(self, module: str, name: str) -> None:
        """Pushes a global, which must be one of the four, as a mark."""
        if module not in MODULES or name not in NAMES:
            words = f"{module}.{name}"[:80]
            raise UnsafePickle(f"it names {words}, which is not run")
        self.stack.append(_Name(name))

    def reduce(self) -> None:
        """A call, which makes a pending array or dtype, or a scalar's value."""
        arguments, name = self.stack.pop(), self.stack.pop()
        if type(name) is not _Name or type(arguments) is not tuple:
            raise UnsafePickle("only NumPy's own calls are allowed")
        if name == "_reconstruct" and arguments[0] == "ndarray":
            self.stack.append(_Pending("array"))
        elif name == "dtype" and arguments[0] in DTYPES:
            self.stack.append(_Pending("dtype", arguments[0]))
        elif name == "scalar" and len(arguments) == 2:
            data = arguments[1]
            self.stack.append(_numbers((), _dtype(arguments[0]), data)[()])
        else:
            raise UnsafePickle(f"a call of {name} that NumPy's pickles do not make")

    def build(self) -> None:
        """Gives a pending array or dtype its state."""
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is not _Pending or type(state) is not tuple:
            raise UnsafePickle("only arrays and dtypes take a state")
        if target.kind == "dtype":
            if len(state) < 2 or state[1] not in ("<", "|", "="):
                raise UnsafePickle("a dtype of another byte order")
            if any(part is not None for part in state[2:5]):
                raise UnsafePickle("a dtype with fields")
            return
        _, shape, dtype, is_fortran, data = state
        code = _dtype(dtype)
        _require_shape(shape)
        if is_fortran:
            raise UnsafePickle("an array in Fortran order")
        if code.startswith("O"):
            if type(data) is not list or len(data) != math.prod(shape):
                raise UnsafePickle("an object array without its objects")
            target.value = data
        else:
            target.value = _numbers(shape, code, data)


def _dtype(pending: Any) -> str:
    if type(pending) is not _Pending or pending.kind != "dtype":
        raise UnsafePickle("a dtype is missing")
    return pending.code


def _require_shape(shape: Any) -> None:
    """Refuses shapes that must not be multiplied: text, lists, huge numbers."""
    if type(shape) is not tuple or len(shape) > 8:
        raise UnsafePickle("an array of an impossible shape")
    if not all(type(n) is int and 0 <= n < 2**31 for n in shape):
        raise UnsafePickle("an array of an impossible shape")


def _numbers(shape: tuple[int, ...], code: str, data: Any) -> np.ndarray:
    if code.startswith("O") or type(data) is not bytes:
        raise UnsafePickle("numbers must come as bytes")
    if math.prod(shape) * np.dtype(code).itemsize != len(data):
        raise UnsafePickle(f"an array of shape {shape} with {len(data)} bytes")
    return np.frombuffer(data, code).reshape(shape)


def _plain(value: Any) -> Any:
    """The value without pending wrappers, of the outermost array only."""
    if type(value) is not _Pending or value.kind != "array" or value.value is None:
        raise UnsafePickle("it is not an array")
    return value.value


def resolve(value: Any) -> Any:
    """An entry of a list or dictionary as number, text or array."""
    return value.value if type(value) is _Pending else value


_CONSTANTS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        (
            *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"),
            *("SHORT_BINUNICODE", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
        ),
        lambda argument: argument,
    ),
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_LIST": lambda _: [],
    "EMPTY_DICT": lambda _: {},
    "EMPTY_TUPLE": lambda _: (),
    "MARK": lambda _: MARK,
}


def _global(machine: _Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.push_name(module, name)


def _stack_global(machine: _Machine, _: Any) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.push_name(module, name)


def _put(machine: _Machine, argument: Any) -> None:
    key = len(machine.memo) if argument is None else argument
    machine.memo[key] = machine.stack[-1]


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    **dict.fromkeys(("MEMOIZE", "BINPUT", "LONG_BINPUT"), _put),
    **dict.fromkeys(
        ("BINGET", "LONG_BINGET"), lambda m, key: m.stack.append(m.memo[key])
    ),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.pop_to_mark())),
    "TUPLE1": lambda m, _: m.tuple_of(1),
    "TUPLE2": lambda m, _: m.tuple_of(2),
    "TUPLE3": lambda m, _: m.tuple_of(3),
    "APPEND": lambda m, _: m.extend([m.stack.pop()]),
    "APPENDS": lambda m, _: m.extend(m.pop_to_mark()),
    "SETITEM": lambda m, _: m.set_items([m.stack.pop(-2), m.stack.pop()]),
    "SETITEMS": lambda m, _: m.set_items(m.pop_to_mark()),
    "REDUCE": lambda m, _: m.reduce(),
    "BUILD": lambda m, _: m.build(),
}
