"""What changes over a run: cloning weight, learning rates, PER's exponent."""

import numpy as np

from ..settings.hac import HACConfig
from ..settings.her import HERConfig
from ..types import EnvSpec, Scales

LEAST_LR = 0.1  # the factor at which a falling learning rate ends


def scales(env_steps: int, config: HERConfig) -> Scales:
    """The factors for the cycle that begins after `env_steps`."""
    return Scales(
        cloning=fade(env_steps, config.demos.bc_fade, 0.0),
        lr=fade(env_steps, config.ddpg.lr_fade, LEAST_LR),
    )


def fade(env_steps: int, n: int, end: float) -> float:
    """1, falling linearly to `end` at `n` env steps, then constant; n=0: always 1."""
    return max(end, 1.0 - (1.0 - end) * env_steps / n) if n else 1.0


def schedule(
    env_steps: int, spec: EnvSpec, config: HERConfig | HACConfig
) -> tuple[float, float]:
    """Updates before the cycle that begins after `env_steps`, and in the whole run.

    Both are counted with the current number of workers.  So a run that continues with
    more or fewer workers still ends at the same point of its schedule.
    """
    cycle_steps = config.collect.num_env * (config.run.num_cpu or 1) * spec.horizon
    n_batches = config.ddpg.n_batches
    first = env_steps / cycle_steps * n_batches
    left = -(-(config.run.num_timesteps - env_steps) // cycle_steps) * n_batches
    return first, first + left


def progress(first: float, n: int, total: float) -> np.ndarray:
    """How far in the run `n` updates are, from number `first` on: [n].

    The first of `total` updates is exactly at 0 and the last exactly at 1; a run that
    continues beyond them stays at 1.
    """
    remaining = (total - 1 - first - np.arange(n)) / max(total - 1, 1)
    return 1.0 - remaining.clip(0.0, 1.0)
