"""How the peers are trained: algorithm, settings and their source, per kind of task.

**Tasks with goals** use the published settings for hindsight.  Learning rate, discount,
batch, networks, buffer and goals for SAC come from SB3's documentation, guide
"Examples", section "Hindsight Experience Replay".  DDPG uses the same with Gaussian
noise of 0.2, from RL Zoo's `her.yml` (entries commented out) and the documentation of
SB3's predecessor.  tau = 0.05 is from RL Zoo's `tqc.yml`, FetchPush-v1 and
FetchPickAndPlace-v1; its batches of 2048 and networks of 3 x 512 are meant for TQC and
a million steps, more than a CPU can do in these minutes.  The first 1000 steps are
random, as in `her.yml`, FetchPush-v1 and FetchPickAndPlace-v1.

**Tasks with returns** use RL Zoo's settings for HalfCheetah-v3: `ppo.yml` (with
observations and rewards normalised), `sac.yml` and `tqc.yml` (10,000 random steps).

All other settings are the defaults of SB3 and sb3-contrib, such as one update for every
environment step off policy.
"""

from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from sb3_contrib import TQC
from stable_baselines3 import DDPG, PPO, SAC, HerReplayBuffer
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

HINDSIGHT = {
    "learning_rate": 1e-3,
    "gamma": 0.95,
    "tau": 0.05,
    "batch_size": 256,
    "buffer_size": 1_000_000,
    "learning_starts": 1000,
    "train_freq": 1,
    "gradient_steps": 1,
}
GOALS = {"n_sampled_goal": 4, "goal_selection_strategy": "future"}
ZOO_PPO = {
    "n_steps": 512,
    "batch_size": 64,
    "n_epochs": 20,
    "gamma": 0.98,
    "gae_lambda": 0.92,
    "learning_rate": 2.0633e-05,
    "clip_range": 0.1,
    "ent_coef": 0.000401762,
    "vf_coef": 0.58096,
    "max_grad_norm": 0.8,
}


class Recipe(NamedTuple):
    """One algorithm of the peer for one kind of task."""

    algorithm: type
    settings: dict[str, Any]
    net_arch: list[int] | None = None  # None: the algorithm's default
    policy: dict[str, Any] = {}  # further arguments of the policy
    noise_std: float = 0.0
    normalised: bool = False  # observations and rewards


WITH_GOALS = {
    "ddpg": Recipe(DDPG, HINDSIGHT, [256, 256, 256], noise_std=0.2),
    "sac": Recipe(SAC, HINDSIGHT, [256, 256, 256]),  # explores by its distribution
}
WITH_RETURNS = {
    "ppo": Recipe(
        PPO,
        ZOO_PPO,
        [256, 256],
        {"log_std_init": -2, "ortho_init": False, "activation_fn": torch.nn.ReLU},
        normalised=True,
    ),
    "sac": Recipe(SAC, {"learning_starts": 10_000}),
    "tqc": Recipe(TQC, {"learning_starts": 10_000}),
}


def has_goals(env):
    """Whether this is a task with goals."""
    return "desired_goal" in getattr(env.observation_space, "spaces", {})


def recipes(env):
    """The recipes for an environment, by name."""
    return WITH_GOALS if has_goals(env) else WITH_RETURNS


def build(recipe, env, seed):
    """The untrained model."""
    options = dict(recipe.settings)
    policy = dict(recipe.policy)
    if recipe.net_arch:
        policy["net_arch"] = recipe.net_arch
    if recipe.noise_std:
        n = env.action_space.shape[0]
        spread = np.full(n, recipe.noise_std)
        options["action_noise"] = NormalActionNoise(np.zeros(n), spread)
    if has_goals(env):
        options |= {"replay_buffer_class": HerReplayBuffer}
        options |= {"replay_buffer_kwargs": GOALS}
    kind = "MultiInputPolicy" if has_goals(env) else "MlpPolicy"
    if recipe.normalised:
        gamma = recipe.settings["gamma"]
        env = VecNormalize(DummyVecEnv([lambda: env]), gamma=gamma)
    return recipe.algorithm(
        kind, env, policy_kwargs=policy, seed=seed, device="cpu", **options
    )


def described(recipe, env):
    """The settings that distinguish runs, as JSON."""
    more = GOALS if has_goals(env) else {}
    parts = {"net_arch": recipe.net_arch, **more, "noise_std": recipe.noise_std}
    policy = {k: getattr(v, "__name__", v) for k, v in recipe.policy.items()}
    return {**recipe.settings, **parts, **policy, "normalised": recipe.normalised}


def make(env_id):
    """The environment of that name."""
    try:
        return gym.make(env_id)
    except (gym.error.Error, ImportError) as error:
        raise SystemExit(f"--env must name an environment here: {error}") from None
