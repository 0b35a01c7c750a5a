"""A policy as a Python file that needs only NumPy, and its arrays beside it."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..acting.chain import Chain, Clip, Dense, First, Normalise, Scale, Stretch
from ..runs.files import write_atomically
from ..runs.foreign import printable

ACTIVATIONS = {
    "none": "{}",
    "relu": "np.maximum({}, 0.0)",
    "tanh": "np.tanh({})",
    "elu": "elu({})",
}
ELU = """

def elu(x):
    return np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0)))
"""


def write_numpy(chain: Chain, path: Path, title: str) -> list[Path]:
    """Writes `path` (.py) and the arrays (.npz); returns both paths.

    The file's `act` gives the same bits as the policy, on the same machine.  `title`
    may hold any text: what could end the docstring is left out.
    """
    arrays: dict[str, np.ndarray] = {}
    body = [_line(step, arrays) for step in chain.steps]
    needs_elu = any("elu(" in line for line in body)
    values = path.with_suffix(".npz")
    lines = [
        f'"""{_harmless(title)}.',
        "",
        "It needs only NumPy, and beside this file the .npz of the same name.",
        '"""',
        "",
        "from pathlib import Path",
        "",
        "import numpy as np",
        "",
        'P = dict(np.load(Path(__file__).with_suffix(".npz")))',
        *(ELU.splitlines() if needs_elu else []),
        "",
        "",
        f"def act({', '.join(chain.names)}):",
        f'    """The action [A] for {_shapes(chain)}; rows [N, ...] work too."""',
        *_joined(chain),
        *(f"    {line}" for line in body),
        f"    return {'x if observation.ndim > 1 else x[0]' if chain.as_rows else 'x'}",
        "",
    ]
    sink = io.BytesIO()
    np.savez(sink, **arrays)  # type: ignore[arg-type]
    write_atomically(values, sink.getvalue())
    write_atomically(path, "\n".join(lines).encode())
    return [path, values]


def _harmless(title: str) -> str:
    return printable(title).replace("\\", "").replace('"', "")


def _shapes(chain: Chain) -> str:
    sizes = {**chain.inputs, "achieved_goal": chain.inputs.get("desired_goal")}
    return ", ".join(f"{name} [{sizes[name]}]" for name in chain.names)


def _joined(chain: Chain) -> list[str]:
    """Lines that join the inputs, in the order and precision of the policy."""
    lines = [f"    {name} = np.asarray({name}, np.float32)" for name in chain.names]
    if chain.is_relative:
        lines.append("    desired_goal = desired_goal - achieved_goal")
    x = ", ".join(chain.inputs)
    x = x if len(chain.inputs) == 1 else f"np.concatenate([{x}], axis=-1)"
    return [*lines, f"    x = {f'np.atleast_2d({x})' if chain.as_rows else x}"]


def _line(step: Any, arrays: dict[str, np.ndarray]) -> str:
    """The line that computes a step; its arrays are added to `arrays`."""
    return LINES[type(step)](step, arrays, len(arrays))


def _clip(step: Clip, arrays: dict[str, np.ndarray], n: int) -> str:
    limit = float(step.limit)
    if not math.isfinite(limit):
        raise ValueError(f"a limit must be finite, found {limit}.")
    return f"x = np.minimum(np.maximum(x, {-limit!r}), {limit!r})"


def _normalise(step: Normalise, arrays: dict[str, np.ndarray], n: int) -> str:
    arrays |= {"mean": step.mean, "std": step.std}
    return 'x = (x - P["mean"]) / P["std"]'


def _dense(step: Dense, arrays: dict[str, np.ndarray], n: int) -> str:
    arrays |= {f"kernel{n}": step.kernel, f"bias{n}": step.bias}
    product = f'x @ P["kernel{n}"] + P["bias{n}"]'
    return "x = " + ACTIVATIONS[step.activation].format(product)


def _scale(step: Scale, arrays: dict[str, np.ndarray], n: int) -> str:
    arrays["scale"] = step.factor
    return 'x = x * P["scale"]'


def _first(step: First, arrays: dict[str, np.ndarray], n: int) -> str:
    return f"x = x[..., :{int(step.size)}]"


def _stretch(step: Stretch, arrays: dict[str, np.ndarray], n: int) -> str:
    arrays |= {"low": step.low, "high": step.high}
    clipped = "np.minimum(np.maximum(x, -1.0), 1.0)"
    return f'x = P["low"] + (P["high"] - P["low"]) * ({clipped} + 1.0) * 0.5'


LINES: dict[type, Callable[..., str]] = {
    Clip: _clip,
    Normalise: _normalise,
    Dense: _dense,
    Scale: _scale,
    First: _first,
    Stretch: _stretch,
}
