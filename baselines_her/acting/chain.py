"""A policy as a chain of array operations, for files that act without this package."""

from typing import NamedTuple

import numpy as np


class Clip(NamedTuple):
    """x clipped to +- limit."""

    limit: float


class Normalise(NamedTuple):
    """(x - mean) / std."""

    mean: np.ndarray  # [D] float32
    std: np.ndarray  # [D] float32


class Dense(NamedTuple):
    """activation(x kernel + bias); "none" leaves it linear."""

    kernel: np.ndarray  # [D, D']
    bias: np.ndarray  # [D']
    activation: str  # none, relu, tanh, elu


class Scale(NamedTuple):
    """x times factor."""

    factor: np.ndarray  # [A] float32


class First(NamedTuple):
    """The first entries of x."""

    size: int


class Stretch(NamedTuple):
    """x clipped to [-1, 1] and stretched to [low, high]."""

    low: np.ndarray  # [A] float32
    high: np.ndarray  # [A] float32


Step = Clip | Normalise | Dense | Scale | First | Stretch


class Chain(NamedTuple):
    """What a greedy policy computes.

    The inputs are joined in their order, as float32; the desired goal is the last one.
    With `is_relative` the achieved goal is an input too, if it is not one already, and
    is subtracted from the desired goal first.
    """

    inputs: dict[str, int]  # name -> number of entries
    is_relative: bool
    steps: tuple[Step, ...]
    as_rows: bool = False  # one observation is computed as a row [1, D]: other bits

    @property
    def names(self) -> list[str]:
        """The names of all inputs."""
        more = {"achieved_goal": 0} if self.is_relative else {}
        return list(self.inputs | more)


def dense_steps(
    layers: list[tuple[np.ndarray, np.ndarray]], hidden: str, last: str
) -> list[Dense]:
    """The layers of a network with these activations."""
    kinds = [hidden] * (len(layers) - 1) + [last]
    return [Dense(*layer, kind) for layer, kind in zip(layers, kinds)]
