"""One goal vector for two tasks: reaching the object, and the environment's own.

    [goal of the gripper 3 | goal of the environment G | 1 for the environment's task]

The part that a task does not use holds the mean of the inputs so far, so that networks
see 0 there once it is normalised.
"""

import numpy as np

PLACE = 3  # numbers of a position
ADDED = PLACE + 1  # entries of the goal vector besides the environment's goal


def join(place: np.ndarray, goal: np.ndarray, is_task: np.ndarray | bool) -> np.ndarray:
    """The goal vector [..., 3 + G + 1] that holds goals of both tasks."""
    bit = np.broadcast_to(np.asarray(is_task, np.float32), goal.shape[:-1])
    return np.concatenate([place, goal, bit[..., None]], axis=-1, dtype=np.float32)


def masked(joined: np.ndarray, is_task: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Goal vectors [B, D] whose unused part is the mean [D] of the inputs."""
    unused = np.empty(joined.shape, bool)
    unused[:, :PLACE] = is_task[:, None]
    unused[:, PLACE:-1] = ~is_task[:, None]
    unused[:, -1] = False
    return np.where(unused, mean, joined)
