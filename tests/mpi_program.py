"""Runs as every worker of an mpiexec and writes what it found, as JSON, to argv[1]."""

import json
import sys
from pathlib import Path

import numpy as np
import trainings

import baselines_her
from baselines_her.config import from_flags
from baselines_her.ddpg import DDPG
from baselines_her.parallel.communicator import Solo, connect
from baselines_her.ppo import PPO
from baselines_her.types import Batch, EnvSpec, FlatSpec, Rollout

SPEC = EnvSpec("Two-v0", 6, 3, 2, (1.0, 1.0), 50, -1.0, 0.0)
N_UPDATES, BATCH_SIZE = 10, 256


def random_batch():
    rng = np.random.default_rng(1)
    rows = N_UPDATES, BATCH_SIZE

    def normal(*shape):
        return rng.standard_normal((*rows, *shape)).astype(np.float32)

    reward = -(rng.random(rows) < 0.8).astype(np.float32)
    goal, ones = normal(3), np.ones(rows, np.float32)
    action = np.clip(normal(2), -1, 1)
    parts = normal(6), goal, action, reward, ones, normal(6), goal
    return Batch(*parts, weight=ones, is_demo=0 * ones)


def learner(comm, seed):
    config = from_flags(preset="laptop", gamma=0.98).resolve(SPEC)
    rng = np.random.default_rng(seed)
    return DDPG(SPEC, config.ddpg, config.inputs, rng, comm=comm)


def largest_difference(one, other):
    """Of all weights."""
    names = [name for name in one if "norm" not in name]
    return max(float(np.abs(one[name] - other[name]).max()) for name in names)


def exchanges(comm):
    own = np.arange(3, dtype=np.float32) + comm.rank
    return {
        "sum": comm.sum(own).tolist(),
        "mean": comm.mean(own.reshape(3, 1)).tolist(),
        "kept": own.tolist(),
        "scalar": float(comm.sum(np.array(2.0))),
        "broadcast": comm.broadcast(f"of {comm.rank}"),
        "gather": comm.gather(comm.rank),
        "is_mixed": comm.is_mixed,
    }


def updates(comm, together, batch):
    """Ten updates of all workers, each on its rows, beside one worker on all rows."""
    alone = learner(Solo(), seed=0)
    start = alone.arrays()
    own = slice(comm.rank, None, comm.size)
    for one, rows in (alone, batch), (together, Batch(*(x[:, own] for x in batch))):
        one.observe(rows.obs[0], rows.goal[0])
        one.update(rows)
        one.update_targets()
    comm.require_equal(together.state(), "weights")
    return {
        "moved": largest_difference(start, together.arrays()),
        "difference": largest_difference(alone.arrays(), together.arrays()),
        "statistics": [one.obs_norm.stats.mean.tolist() for one in (alone, together)],
    }


def not_finite(comm, together, batch):
    """A worker's batch is bad: no worker may apply it."""
    half = Batch(*(x[:, : BATCH_SIZE // comm.size].copy() for x in batch))
    half.reward[3] = np.nan if comm.rank == 1 else -1.0
    try:
        together.update(half)
    except RuntimeError as error:
        told = str(error)
    comm.require_equal(together.state(), "weights")
    return told


FLAT = FlatSpec("Flat-v0", 3, 2, (-1.0, -2.0), (1.0, 2.0), 50)
NUM_ENV, NSTEPS, MINIBATCH, PASSES = 4, 8, 16, 3


def ppo_learner(comm, seed, share=1):
    """A learner of PPO with this share of the environments and rows."""
    flags = {"alg": "ppo", "env": "Flat-v0", "preset": "tuned", "hidden_sizes": "8"}
    flags |= {"num_env": NUM_ENV // share, "nsteps": NSTEPS}
    flags |= {"batch_size": MINIBATCH // share, "noptepochs": PASSES}
    # each worker normalises the advantages of its own rows, so not here
    flags |= {"normalize_advantage": False, "lr": 1e-2}
    config = from_flags(**flags).resolve(FLAT)
    return PPO(FLAT, config, np.random.default_rng(seed), comm)


def ppo_updates(comm):
    """An iteration of all workers, each with its environments, beside one with all."""
    rng, shape = np.random.default_rng(2), (NUM_ENV, NSTEPS)
    rollout = Rollout(
        obs=rng.standard_normal((*shape, 3)).astype(np.float32),
        action=rng.standard_normal((*shape, 2)).astype(np.float32),
        reward=rng.standard_normal(shape),
        next_obs=rng.standard_normal((*shape, 3)).astype(np.float32),
        terminated=rng.random(shape) < 0.1,
        ended=rng.random(shape) < 0.1,
    )
    n = NUM_ENV // comm.size
    own = Rollout(*(x[comm.rank * n : (comm.rank + 1) * n] for x in rollout))
    rows, size = n * NSTEPS, MINIBATCH // comm.size
    orders = [
        np.stack([rng.permutation(rows) for _ in range(PASSES)]).astype(np.int32)
        for _ in range(comm.size)
    ]
    # a minibatch of the one that learns alone holds those of all workers
    parts = [
        order.reshape(PASSES, -1, size) + k * rows for k, order in enumerate(orders)
    ]
    all_rows = np.concatenate(parts, axis=2).reshape(PASSES, -1)
    alone, together = ppo_learner(Solo(), 0), ppo_learner(comm, comm.rank, comm.size)
    together.synchronise()
    start = alone.arrays()
    for learner, data, order in (
        (alone, rollout, all_rows),
        (together, own, orders[comm.rank]),
    ):
        learner.observe(data.obs)
        learner.observe_returns(data.reward)
        learner.update(data, order)
    comm.require_equal(together.state(), "weights")
    return {
        "moved": largest_difference(start, together.arrays()),
        "difference": largest_difference(alone.arrays(), together.arrays()),
        "statistics": [one.obs_norm.stats.mean.tolist() for one in (alone, together)],
        "reward_scale": [alone.reward_scale, together.reward_scale],
    }


def differing(comm):
    try:
        comm.require_equal({"x": np.array([float(comm.rank)])}, "the numbers")
    except RuntimeError as error:
        return str(error)


class Names(baselines_her.Callback):
    """Writes down which calls came, and ends the run after its first epoch."""

    def __init__(self):
        self.names = []

    def on_start(self, run):
        self.names.append("start")

    def on_epoch(self, run, row):
        self.names.append("epoch")
        run.stop()

    def on_end(self, run):
        self.names.append("end")


def training(folder):
    """A training that a callback ends: who was called, and how many epochs it had."""
    callback = Names()
    result = trainings.train(
        Path(folder) / "run", callbacks=[callback], **trainings.SHORT
    )
    return {"called": callback.names, "epochs": len(result.rows)}


def main():
    ended = training(sys.argv[1])  # first: it sets the number of TensorFlow's threads
    comm = connect()
    together, batch = learner(comm, seed=comm.rank), random_batch()
    together.synchronise()
    found = {
        "exchanges": exchanges(comm),
        "differing": differing(comm),
        "updates": updates(comm, together, batch),
        "not_finite": not_finite(comm, together, batch),
        "ppo": ppo_updates(comm),
        "training": ended,
    }
    path = Path(sys.argv[1]) / f"{comm.rank}.json"
    path.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
