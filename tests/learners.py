"""Learners, and the cycle around them, on the point.

Processes that play episodes import it with the tests' policies: no TensorFlow here.
"""

import numpy as np
from point_env import PointEnv, make_point

from baselines_her.config import from_flags
from baselines_her.envs.check import reward_function
from baselines_her.envs.make import EnvFactory
from baselines_her.parallel.collectors import Collectors
from baselines_her.parallel.communicator import Solo

CYCLE = {"hidden": 32, "batch_size": 32, "n_batches": 5, "num_env": 5, "n_cycles": 3}
CYCLE |= {"preset": "laptop"}


def make_learner(spec, config, seed=0, **options):
    from baselines_her.ddpg import DDPG  # players import this module, and no TensorFlow

    rng = np.random.default_rng(seed)
    return DDPG(spec, config.ddpg, config.inputs, rng, **options)


def collectors(point_spec, n, env_class=PointEnv, timeout=60.0):
    """`n` processes that play on the point."""

    def build(render_mode=None):
        return make_point(env_class)

    return Collectors(EnvFactory("point", build), point_spec, build(), n, timeout)


class Recording:
    """Stands for the collectors and keeps the policies it is handed."""

    def __init__(self, inner):
        self.inner, self.actors = inner, []

    def submit(self, actor, seeds):
        self.actors.append(actor)
        return self.inner.submit(actor, seeds)


def loop_on(collectors, spec, kind, comm=Solo(), **flags):
    """An algorithm of that kind, with the settings `CYCLE`."""
    from baselines_her.algorithms.tasks import OwnTask

    config = from_flags(env="p", **CYCLE, **flags).resolve(spec)
    learner = make_learner(spec, config)
    tasks = OwnTask(spec, config, reward_function(make_point()))
    return kind(config, spec, learner, tasks, collectors, comm=comm)
