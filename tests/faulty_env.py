"""A point that fails on one worker: FAULT says how, FAULT_AFTER at which step.

FAULT_STAMP names a file that is touched at that moment.
"""

import os
import signal
import sys
from os import _exit as leave
from pathlib import Path

import gymnasium as gym
from point_env import PointEnv

from baselines_her.parallel.launcher import launched_rank


def fail(kind):
    if "FAULT_STAMP" in os.environ:
        Path(os.environ["FAULT_STAMP"]).touch()
    if kind == "raise":
        raise KeyError("a fault of the environment")
    if kind == "exit(3)":
        sys.exit(3)
    if kind == "_exit(0)":
        leave(0)  # as compiled code would: nothing of ours can see it
    os.kill(os.getpid(), getattr(signal, kind))


class FaultyEnv(PointEnv):
    """Fails on worker 1."""

    n_steps = 0

    def step(self, action):
        FaultyEnv.n_steps += 1
        is_time = FaultyEnv.n_steps == int(os.environ.get("FAULT_AFTER", 1500))
        if is_time and launched_rank() == 1 and "FAULT" in os.environ:
            fail(os.environ["FAULT"])
        return super().step(action)


gym.register("Faulty-v0", entry_point=FaultyEnv, max_episode_steps=12)
