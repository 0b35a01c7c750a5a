"""One measurement of this package in a separate process; prints one JSON object.

Called by `bench/run.py`, which alternates it with `bench/peer.py`.
"""

import json
import resource
import sys
import time

import numpy as np

from baselines_her.config import from_flags
from baselines_her.envs.make import env_factory
from baselines_her.her_sampler import relabel
from baselines_her.replay.buffer import ReplayBuffer
from baselines_her.replay.priority import PrioritisedSampler
from baselines_her.replay.samplers import UniformSampler
from baselines_her.types import Batch, EnvSpec, Episodes, Index

SPEC = EnvSpec("FetchPickAndPlace-v4", 25, 3, 4, (1.0,) * 4, 50, -1.0, 0.0)
N_UPDATES = 40


def median_seconds(work, repeats=5, clock=time.perf_counter):
    """Median seconds of a call, after one call to warm up."""
    work()
    times = []
    for _ in range(repeats):
        started = clock()
        work()
        times.append(clock() - started)
    return float(np.median(times))


def update(batch_size, threads):
    """Milliseconds per update, and GFLOP/s of the matrix products in it."""
    from baselines_her.ddpg import DDPG
    from baselines_her.nets import use_threads

    use_threads(int(threads))
    rows = int(batch_size)
    config = from_flags(preset="laptop", batch_size=rows).resolve(SPEC)
    rng = np.random.default_rng(0)
    learner = DDPG(SPEC, config.ddpg, config.inputs, rng)

    def normal(*shape):
        return rng.normal(size=(N_UPDATES, rows, *shape)).astype(np.float32)

    obs, goal, ones = normal(25), normal(3), np.ones((N_UPDATES, rows), np.float32)
    action = np.tanh(normal(4))
    batch = Batch(
        obs=obs,
        goal=goal,
        action=action,
        reward=-ones,
        discount=ones,
        next_obs=normal(25),
        next_goal=goal,
        weight=ones,
        is_demo=0 * ones,
    )
    learner.observe(batch.obs[0], batch.goal[0])
    seconds = median_seconds(lambda: learner.update(batch), 9) / N_UPDATES
    return {"ms": 1e3 * seconds, "peak_gflops": product_peak(rows)}


def product_peak(rows, n=400):
    """GFLOP/s of [rows, 256] x [256, 256], the faster of XLA's and NumPy's."""
    from baselines_her.nets import tf

    kernel = np.eye(256, dtype=np.float32)
    x = np.random.default_rng(0).normal(size=(rows, 256)).astype(np.float32)

    @tf.function(jit_compile=True)
    def chain(y, w):
        for _ in tf.range(n):
            y = tf.matmul(y, w)
        return y

    out = np.empty_like(x)

    def by_numpy():
        for _ in range(n):
            np.matmul(x, kernel, out=out)

    flop = 2 * rows * 256 * 256 * n
    xla = median_seconds(lambda: chain(x, kernel).numpy(), 9)
    return {"xla": flop / xla / 1e9, "numpy": flop / median_seconds(by_numpy, 9) / 1e9}


def flop_per_update(rows):
    """Floating-point operations: two per multiply-add of ten network passes."""
    actor = 28 * 256 + 2 * 256 * 256 + 256 * 4
    critic = 32 * 256 + 2 * 256 * 256 + 256
    # forward: pi', Q', Q, pi, Q(pi); backward: Q (2), pi (2), Q(pi) to its inputs (1)
    return 2 * rows * ((1 + 1 + 2) * actor + (1 + 1 + 1 + 2 + 1) * critic)


def full_buffer(capacity):
    """A buffer with every slot filled by random episodes."""
    buffer, rng = ReplayBuffer(SPEC, capacity), np.random.default_rng(0)
    n = 1000

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    episodes = Episodes(
        normal(n, 51, 25), normal(n, 51, 3), normal(n, 3), normal(n, 50, 4), None
    )
    for _ in range(-(-capacity // (n * 50))):
        buffer.add(episodes)
    return buffer


def sampling(batch_size, capacity):
    """Milliseconds to draw, relabel and reward the rows of 40 batches."""
    buffer = full_buffer(int(capacity))
    sampler, rng = UniformSampler(buffer), np.random.default_rng(0)
    compute_reward = env_factory("FetchPickAndPlace", None)().unwrapped.compute_reward

    def draw():
        index = sampler.draw(N_UPDATES * int(batch_size), rng)
        relabel(buffer, index, lambda a, g: compute_reward(a, g, {}), rng)

    return {"ms": 1e3 * median_seconds(draw, 9)}


def priorities(batch_size, capacity):
    """Milliseconds of one core for the prioritised replay of 40 batches."""
    n, rows, rng = int(capacity), int(batch_size), np.random.default_rng(0)
    buffer = ReplayBuffer(SPEC, n)
    buffer.n_added = buffer.capacity
    sampler = PrioritisedSampler(buffer, rows)
    sampler.add(np.arange(buffer.capacity))
    for start in range(0, n, rows):
        step = np.arange(start, min(start + rows, n))
        sampler.update(Index(*np.divmod(step, 50)), rng.normal(size=len(step)))
    errors = rng.normal(size=N_UPDATES * rows).astype(np.float32)
    progress = np.linspace(0, 1, N_UPDATES)
    index = sampler.draw(N_UPDATES * rows, rng)
    work = {
        "draw": lambda: sampler.draw(N_UPDATES * rows, rng),
        "weights": lambda: sampler.weights(index, progress),
        "refresh": lambda: sampler.update(index, errors),
    }
    return {k: 1e3 * median_seconds(step, 25) for k, step in work.items()}


class Recorded:
    """Collectors whose episodes have been played already."""

    def __init__(self, episodes):
        self._episodes = episodes

    def submit(self, actor, starts):
        """Returns at once."""
        return self

    def result(self):
        """The same episodes every time."""
        return self._episodes


CYCLES = {"uniform": {"prioritization": "uniform"}, "tderror": {"per": True}}
CYCLES |= {f"per_chunk={n}": {"per": True, "per_chunk": n} for n in (10, 1)}


def prioritised_cycle(batch_size, n=30, preset="laptop"):
    """Milliseconds of a cycle without collecting, and the slowdown against uniform."""
    from baselines_her.algorithms.her import HER
    from baselines_her.algorithms.tasks import OwnTask
    from baselines_her.ddpg import DDPG

    compute_reward = env_factory("FetchPickAndPlace", None)().unwrapped.compute_reward

    def rewards(achieved, goal):
        return compute_reward(achieved, goal, {})

    filled, seconds, cycles = full_buffer(1_000_000), {}, {}
    fields = filled.obs, filled.achieved, filled.goal, filled.action
    success = np.zeros((2, 50), bool)
    some = Recorded(Episodes(*(field[:2] for field in fields), success))
    every = Episodes(*fields, None)
    for kind, flags in CYCLES.items():
        flags = {"preset": preset, "batch_size": batch_size, "num_env": 2, **flags}
        config = from_flags(**flags).resolve(SPEC)
        rng = np.random.default_rng(0)
        learner = DDPG(SPEC, config.ddpg, config.inputs, rng)
        algorithm = HER(config, SPEC, learner, OwnTask(SPEC, config, rewards), some)
        source = algorithm._sources[0]
        source.sampler.add(source.buffer.add(every))
        algorithm.iterate()
        cycles[kind], seconds[kind] = algorithm.iterate, []
    for _ in range(int(n)):
        for kind, cycle in cycles.items():
            started = time.perf_counter()
            cycle()
            seconds[kind].append(time.perf_counter() - started)
    plain = np.array(seconds["uniform"])
    return {
        kind: {
            "ms": 1e3 * float(np.median(found)),
            "slower": float(np.median(found / plain)) - 1.0,
        }
        for kind, found in seconds.items()
    }


def memory(capacity):
    """Resident bytes that filling a buffer adds, in MB."""
    before = resident_mb()
    buffer = full_buffer(int(capacity))
    fields = buffer.obs, buffer.achieved, buffer.goal, buffer.action
    return {
        "resident_mb": resident_mb() - before,
        "arrays_mb": sum(field.nbytes for field in fields) / 1e6,
    }


def resident_mb():
    """This process's resident memory now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def steps(kind, n_steps=4000):
    """Environment steps per second; kind is raw, original or fast."""
    import mujoco

    factory = env_factory("FetchPickAndPlace", None)._replace(fast=kind == "fast")
    env = factory()
    env.reset(seed=0)
    base, rng = env.unwrapped, np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (n_steps, 4)).astype(np.float32)
    started = time.perf_counter()
    for n, action in enumerate(actions):
        if n % 50 == 0:
            env.reset(seed=n)
        if kind == "raw":
            base._set_action(action)
            mujoco.mj_step(base.model, base.data, nstep=20)
        else:
            env.step(action)
    return {"steps_per_s": n_steps / (time.perf_counter() - started)}


def end_to_end(n_steps, *flags):
    """Env steps per second at 40 updates of 256 per 2 episodes, without start-up."""
    import tempfile

    import baselines_her

    rows = []
    started = []

    def on_epoch(row):
        rows.append(row)
        started.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        baselines_her.train(
            "FetchPickAndPlace",
            num_timesteps=int(n_steps),
            **{"num_env": 2, "batch_size": 256, "n_cycles": 10, "n_test_rollouts": 1},
            preset="laptop",
            **dict(flag.split("=") for flag in flags),
            on_epoch=on_epoch,
            log_path=f"{folder}/run",
            quiet=True,
        )
    seconds = started[-1] - started[0]
    n_cycles = 10 * (len(rows) - 1)
    share = {
        name: 1e3 * sum(row[f"time/{name}"] for row in rows[1:]) / n_cycles
        for name in ("collect", "sample", "update")
    }
    steps = rows[-1]["steps/env"] - rows[0]["steps/env"]
    return {"steps_per_s": steps / seconds, "ms_per_cycle": share}


def ppo(num_env, n_steps):
    """Env steps a second of PPO on HalfCheetah, start-up excluded.

    The recipe of `peer.ppo`: 2,048 rows an iteration, 10 passes of 32 minibatches of
    64, networks of 64 x 64 units.
    """
    import tempfile

    import baselines_her

    rows, ended = [], []

    def on_epoch(row):
        rows.append(row)
        ended.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        baselines_her.train(
            "HalfCheetah-v5",
            alg="ppo",
            preset="tianshou2021",
            recompute_advantages=False,
            num_env=int(num_env),
            nsteps=2048 // int(num_env),
            num_timesteps=int(n_steps),
            n_cycles=5,
            n_test_rollouts=1,
            on_epoch=on_epoch,
            log_path=f"{folder}/run",
            quiet=True,
        )
    parts = ("collect", "update")
    seconds = {part: sum(row[f"time/{part}"] for row in rows[1:]) for part in parts}
    steps = rows[-1]["steps/env"] - rows[0]["steps/env"]
    n_iterations = steps / 2048
    ms = {part: 1e3 * seconds[part] / n_iterations for part in parts}
    return {"steps_per_s": steps / sum(seconds.values()), "ms_per_iteration": ms}


def stepping(kind, num_env, n_steps):
    """HalfCheetah steps a second with random actions: Gymnasium's vectors, or ours."""
    import gymnasium as gym

    n, count = int(num_env), int(n_steps) // int(num_env)

    def make(render_mode=None):
        return gym.make("HalfCheetah-v5", disable_env_checker=True)

    actions = np.random.default_rng(0).uniform(-1, 1, (64, n, 6)).astype(np.float32)
    if kind.startswith("ours"):
        from baselines_her.envs.check_flat import check_flat
        from baselines_her.envs.make import EnvFactory
        from baselines_her.parallel.vector import Vector

        def seed_of(k, number):
            return np.random.SeedSequence(0, spawn_key=(k, number))

        spec = check_flat(make(), "HalfCheetah-v5")
        factory = EnvFactory("HalfCheetah-v5", make)
        vector = Vector(factory, spec, n, seed_of, seed_of, int(kind[4:]))
    else:
        vector = getattr(gym.vector, kind)([make for _ in range(n)])
        vector.reset(seed=0)
    for t in range(20):
        vector.step(actions[t % 64])
    started = time.perf_counter()
    for t in range(count):
        vector.step(actions[t % 64])
    seconds = time.perf_counter() - started
    vector.close()
    return {"steps_per_s": count * n / seconds}


def walking(num_env, processes, n_steps):
    """Control steps a second of ANYmal C with random actions."""
    from baselines_her.envs.check_flat import check_flat
    from baselines_her.envs.make import env_factory
    from baselines_her.parallel.vector import Vector

    def seed_of(k, number):
        return np.random.SeedSequence(0, spawn_key=(k, number))

    n, factory = int(num_env), env_factory("AnymalC", None)
    spec = check_flat(factory(), factory.env_id)
    vector = Vector(factory, spec, n, seed_of, seed_of, int(processes))
    draw = np.random.default_rng(0).normal
    actions = draw(0.0, 0.3, (64, n, 12)).astype(np.float32)
    for t in range(20):
        vector.step(actions[t % 64])
    started, count = time.perf_counter(), int(n_steps) // n
    for t in range(count):
        vector.step(actions[t % 64])
    seconds = time.perf_counter() - started
    vector.close()
    return {"steps_per_s": count * n / seconds}


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    print(json.dumps(globals()[name](*arguments)))
