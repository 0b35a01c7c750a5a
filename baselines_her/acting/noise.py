"""Exploration noise, added to the policy's actions; one stream for each episode.

A process is a function `(sigma [A], rng) -> next_noise()`.  It starts again with every
episode and draws only from that episode's generator.
"""

import functools
import math
from collections.abc import Callable

import numpy as np

NextNoise = Callable[[], np.ndarray]
Noise = Callable[[np.ndarray, np.random.Generator], NextNoise]


def gaussian(sigma: np.ndarray, rng: np.random.Generator) -> NextNoise:
    """sigma N(0, 1), independent from step to step."""
    return lambda: sigma * rng.standard_normal(len(sigma))


def ornstein_uhlenbeck(
    sigma: np.ndarray, rng: np.random.Generator, theta: float = 0.15, dt: float = 1e-2
) -> NextNoise:
    """x <- x + theta (0 - x) dt + sigma sqrt(dt) N(0, 1), from x = 0.

    Lillicrap et al. 2016 (arXiv:1509.02971), section 3; theta and dt of baselines.

    Args:
      sigma: [A], deviation of the noise that drives x, per unit of time.
      rng: the episode's generator.
      theta: strength of the pull back to 0, per unit of time.
      dt: units of time per step.
    """
    x = np.zeros(len(sigma))

    def step():
        nonlocal x
        kick = sigma * math.sqrt(dt) * rng.standard_normal(len(sigma))
        x = x + theta * (0.0 - x) * dt + kick
        return x

    return step


def silent(sigma: np.ndarray, rng: np.random.Generator) -> NextNoise:
    """No noise; draws nothing from `rng`."""
    return lambda: np.zeros(len(sigma))


def noise_process(kind: str, ou_theta: float = 0.15, ou_dt: float = 1e-2) -> Noise:
    """The noise process that `--noise` selects."""
    processes: dict[str, Noise] = {
        "gaussian": gaussian,
        "ou": functools.partial(ornstein_uhlenbeck, theta=ou_theta, dt=ou_dt),
        "none": silent,
    }
    return processes[kind]
