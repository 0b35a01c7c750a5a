"""What changes over a run: cloning weight, learning rates, PER's exponent."""

import numpy as np

from ..settings.her import HERConfig
from ..types import EnvSpec, Scales

LEAST_LR = 0.1  # of the learning rates, where they fall


def scales(env_steps: int, config: HERConfig) -> Scales:
    """The factors that hold for the cycle that begins after `env_steps`."""
    return Scales(
        cloning=fade(env_steps, config.demos.bc_fade, 0.0),
        lr=fade(env_steps, config.ddpg.lr_fade, LEAST_LR),
    )


def fade(env_steps: int, n: int, end: float) -> float:
    """1, falling linearly to `end` at `n` env steps and staying there; n 0: never."""
    return max(end, 1.0 - (1.0 - end) * env_steps / n) if n else 1.0


def schedule(env_steps: int, spec: EnvSpec, config: HERConfig) -> tuple[float, float]:
    """Updates before the cycle that begins after `env_steps`, and in the whole run.

    Counted at the present number of workers, so that a run that goes on with more or
    fewer of them ends where it would have.
    """
    cycle_steps = config.collect.num_env * (config.run.num_cpu or 1) * spec.horizon
    n_batches = config.ddpg.n_batches
    first = env_steps / cycle_steps * n_batches
    left = -(-(config.run.num_timesteps - env_steps) // cycle_steps) * n_batches
    return first, first + left


def progress(first: float, n: int, total: float) -> np.ndarray:
    """How far in the run `n` updates are, from number `first` on: [n].

    The first of `total` updates is at 0 and the last at 1, exactly; a run that goes on
    beyond them stays at 1.
    """
    remaining = (total - 1 - first - np.arange(n)) / max(total - 1, 1)
    return 1.0 - remaining.clip(0.0, 1.0)
