"""Names of the arrays of networks and statistics in policy files and checkpoints.

`actor/0/kernel [rows, columns]`, `actor/0/bias [columns]`, ..., `obs_norm/sum [O]`, ...
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from .normalizer import Moments

ACTOR, CRITIC = "actor", "critic"
TARGET_ACTOR, TARGET_CRITIC = "target_actor", "target_critic"
NETWORKS = ACTOR, CRITIC, TARGET_ACTOR, TARGET_CRITIC
OBS_NORM, GOAL_NORM = "obs_norm", "goal_norm"

Layers = list[tuple[np.ndarray, np.ndarray]]  # kernel and bias of each layer


def layer_names(network: str, n: int) -> tuple[str, str]:
    """The names of a network's n-th kernel and bias."""
    prefix = f"{network}/{n}" if network else f"{n}"
    return f"{prefix}/kernel", f"{prefix}/bias"


def layer_shapes(network: str, sizes: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of a network's arrays; `sizes` are widths from input to output."""
    shapes: dict[str, tuple[int, ...]] = {}
    for n, (rows, columns) in enumerate(itertools.pairwise(sizes)):
        kernel, bias = layer_names(network, n)
        shapes |= {kernel: (rows, columns), bias: (columns,)}
    return shapes


def layer_arrays(network: str, layers: Layers) -> dict[str, np.ndarray]:
    """A network's layers by name."""
    named: dict[str, np.ndarray] = {}
    for n, pair in enumerate(layers):
        named |= dict(zip(layer_names(network, n), pair))
    return named


def layers_from(arrays: Mapping[str, np.ndarray], network: str, n: int) -> Layers:
    """The first `n` layers of a network."""
    names = (layer_names(network, k) for k in range(n))
    return [(arrays[kernel], arrays[bias]) for kernel, bias in names]


def moment_shapes(norm: str, dim: int) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the totals of an input with `dim` entries."""
    return {f"{norm}/sum": (dim,), f"{norm}/sumsq": (dim,), f"{norm}/n_rows": ()}


def moment_arrays(norm: str, total: Moments) -> dict[str, np.ndarray]:
    """The totals of an input by name."""
    return {f"{norm}/{k}": np.asarray(part) for k, part in total._asdict().items()}


def moments_from(arrays: Mapping[str, np.ndarray], norm: str) -> Moments:
    """The totals of an input."""
    return Moments(*(arrays[f"{norm}/{part}"] for part in Moments._fields))
