"""Warnings about inputs that a policy cannot distinguish: clipped or too fine."""

import math
from collections.abc import Iterator

import numpy as np

from .trial import Trace

VISIBLE = 0.01  # smallest divisor of inputs (`norm_eps`): less movement is noise
LOSS = 0.1  # largest share of a movement that rounding may change


def input_warnings(traces: list[Trace], clip_obs: float) -> list[str]:
    """One sentence for each kind of input that loses information.

    Args:
      traces: random episodes.
      clip_obs: the limit at which the policy's inputs are clipped.
    """
    return [*_clipped(traces, clip_obs), *_too_fine(traces)]


def _clipped(traces: list[Trace], clip_obs: float) -> Iterator[str]:
    most = {
        "observation": max(np.abs(trace.obs).max() for trace in traces),
        "achieved_goal": max(np.abs(trace.achieved).max() for trace in traces),
        "desired_goal": max(np.abs(trace.goal).max() for trace in traces),
    }
    beyond = {name: value for name, value in most.items() if value > clip_obs}
    if beyond:
        found = " and ".join(f"{name} {v:.3g}" for name, v in beyond.items())
        enough = 10.0 ** math.ceil(math.log10(2 * max(beyond.values())))
        yield (
            f"inputs beyond clip_obs={clip_obs:g} all look alike to the policy, and "
            f"the check found {found}: give --clip_obs={enough:g}."
        )


def _too_fine(traces: list[Trace]) -> Iterator[str]:
    for name, field in ("observation", "obs"), ("achieved_goal", "achieved"):
        for n, values in enumerate(zip(*(getattr(t, field).T for t in traces))):
            lost = _lost_movement(values)
            if lost > LOSS and max(np.ptp(v) for v in values) >= VISIBLE:
                size = max(np.abs(v).max() for v in values)
                step = np.spacing(np.float32(size))
                yield (
                    f"inputs are stored as float32, whose resolution is {step:g} at "
                    f"{size:.3g}, so {lost:.0%} of the movement of {name}[{n}] is "
                    "lost: subtract a constant from it or rescale it in the "
                    "environment."
                )
                break


def _lost_movement(values: tuple[np.ndarray, ...]) -> float:
    """The share of all changes from state to state that rounding removes or adds."""
    changes = np.concatenate([np.diff(v) for v in values])
    rounded = [v.astype(np.float32).astype(np.float64) for v in values]
    kept = np.concatenate([np.diff(v) for v in rounded])
    total = np.abs(changes).sum()
    return min(1.0, np.abs(kept - changes).sum() / total) if total else 0.0
