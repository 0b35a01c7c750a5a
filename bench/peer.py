"""One measurement of Stable-Baselines3 in a separate process; prints one JSON object.

Runs in the peers' virtual environment and knows nothing of this package.
"""

import json
import sys
import time

import gymnasium as gym
import gymnasium_robotics
import numpy as np
import torch
from stable_baselines3 import DDPG, HerReplayBuffer

gym.register_envs(gymnasium_robotics)
N_UPDATES = 40


def median_seconds(work, repeats=5):
    """Median seconds of a call, after one call to warm up."""
    work()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def model(batch_size, capacity=100_000, **options):
    """DDPG with hindsight and the same networks."""
    return DDPG(
        "MultiInputPolicy",
        gym.make("FetchPickAndPlace-v4"),
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs={"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        policy_kwargs={"net_arch": [256, 256, 256]},
        batch_size=int(batch_size),
        buffer_size=int(capacity),
        learning_starts=1000,
        device="cpu",
        **options,
    )


def filled(batch_size, capacity=100_000):
    """A model whose buffer holds some episodes."""
    made = model(batch_size, capacity, gradient_steps=1, train_freq=(100, "episode"))
    made.learn(2000)
    return made


def update(batch_size, threads):
    """Milliseconds per update."""
    torch.set_num_threads(int(threads))
    made = filled(batch_size)
    seconds = median_seconds(lambda: made.train(N_UPDATES, int(batch_size)))
    return {"ms": 1e3 * seconds / N_UPDATES}


def sampling(batch_size, capacity):
    """Milliseconds for 40 batches."""
    made = filled(batch_size, capacity)

    def draw():
        for _ in range(N_UPDATES):
            made.replay_buffer.sample(int(batch_size))

    return {"ms": 1e3 * median_seconds(draw)}


def memory(capacity):
    """Bytes of the arrays that hold the transitions, in MB."""
    buffer = model(256, capacity).replay_buffer
    arrays = [buffer.actions, buffer.rewards, buffer.dones, buffer.timeouts]
    arrays += [*buffer.observations.values(), *buffer.next_observations.values()]
    arrays += [buffer.ep_start, buffer.ep_length]
    return {"arrays_mb": sum(array.nbytes for array in arrays) / 1e6}


def end_to_end(n_steps):
    """Env steps per second at 40 updates of 256 per 2 episodes, without start-up."""
    made = model(256, 1_000_000, gradient_steps=N_UPDATES, train_freq=(2, "episode"))
    made.learn(1000)
    started = time.perf_counter()
    made.learn(int(n_steps), reset_num_timesteps=False)
    return {"steps_per_s": int(n_steps) / (time.perf_counter() - started)}


def ppo(num_env, n_steps):
    """Env steps a second of PPO on HalfCheetah, start-up excluded; see `ours.ppo`."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.vec_env import VecNormalize

    n = int(num_env)
    made = PPO(
        "MlpPolicy",
        VecNormalize(make_vec_env("HalfCheetah-v5", n_envs=n)),
        n_steps=2048 // n,
        batch_size=64,
        n_epochs=10,
        device="cpu",
    )
    made.learn(4096)
    started = time.perf_counter()
    made.learn(int(n_steps), reset_num_timesteps=False)
    return {"steps_per_s": int(n_steps) / (time.perf_counter() - started)}


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    print(json.dumps(globals()[name](*arguments)))
