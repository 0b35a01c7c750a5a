"""Where training episodes begin: at the environment's start, or within a demonstration.

Nair et al. 2018 (arXiv:1709.10089), section IV.D.  The demonstration's start state is
restored and its actions are repeated up to a step, because MuJoCo's state alone is not
exact in the middle of an episode (see `envs.state`).  The episode still has T steps
and is stored completely.
"""

from ..seeding import DEMO_STARTS, TRAINING, generator, stream
from ..types import Demos, Start


def training_start(
    seed: int, rank: int, n: int, demos: Demos | None, share: float
) -> Start:
    """The start of training episode `n`.

    Args:
      seed: the run's seed.
      rank: the worker's rank.
      n: the episode's number.
      demos: with `state0`, if `share` is above 0.
      share: probability of a start within a demonstration, at a step from 1 to T-1.
    """
    own = stream(seed, TRAINING, rank, n)
    if demos is None or demos.state0 is None or share == 0.0:
        return Start(own)
    rng = generator(seed, DEMO_STARTS, rank, n)
    if rng.random() >= share:
        return Start(own)
    k, step = rng.integers(len(demos.goal)), rng.integers(1, demos.action.shape[1])
    return Start(own, demos.state0[k], demos.goal[k], demos.action[k, :step])
