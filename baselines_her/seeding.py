"""Derives all random numbers of a run from one seed.

A stream is named by three numbers: what it is for, the worker's rank, and a count
(the episode's number, or the cycle's).  So an episode or a cycle can be computed
anywhere, at any time, with the same result.
"""

import numpy as np

WEIGHTS, TRAINING, EVALUATION, REPLAY, RELABEL, DEMOS, DEMO_STARTS = range(7)
NOISE, MINIBATCHES = 7, 8


def stream(
    seed: int, purpose: int, rank: int = 0, n: int = 0, *more: int
) -> np.random.SeedSequence:
    """The seed sequence of draw `n` of `purpose` on worker `rank`.

    The numbers are the spawn key.  In the entropy list they would collide: NumPy pads a
    short list with zeros.

    Args:
      seed: the run's seed.
      purpose: one of the constants above.
      rank: the worker's rank.
      n: the draw's number; for PPO the environment's.
      more: for PPO the number of the episode in that environment.
    """
    return np.random.SeedSequence(seed, spawn_key=(purpose, rank, n, *more))


def generator(
    seed: int, purpose: int, rank: int = 0, n: int = 0
) -> np.random.Generator:
    """A generator seeded by `stream(seed, purpose, rank, n)`."""
    return np.random.default_rng(stream(seed, purpose, rank, n))
