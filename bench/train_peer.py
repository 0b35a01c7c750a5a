"""Trains Stable-Baselines3 with hindsight for some minutes; leaves a run folder.

    python bench/train_peer.py ddpg --env=FetchPush-v4 --minutes=12 --seed=0 --out=...

Runs in the peers' virtual environment and knows nothing of this package.  The folder
gets `config.json` and `progress.csv`, which `experiment/plot.py` draws beside ours, and
at the end `evaluation.json`, in the format of `experiment/benchmark.py`, of 100
episodes.  An interrupted training keeps its evaluations so far; running it again starts
from the beginning.

**Time.**  `--minutes` and `time/total` (in seconds) are wall-clock time of training.
Loading and building are not counted, nor are the 20 greedy episodes that are played in
a separate environment once a minute (in short trainings ten times in total).  Their
seconds are in `time/evaluation`.  (Our `time/total` includes them.)

With two threads (the default) the machine must have nothing else to do, because threads
that share the cores with other work wait for each other.  On two cores with two to four
other busy processes, a step with its update (DDPG) took 120 to 390 ms with two threads
and 24 to 44 ms with one.  Two threads on a quiet machine need about 10 ms
(docs/performance.md).
`--threads=1` is for two trainings side by side, like those for the results of `tuned`.

**Settings** are the published ones.  Learning rate, discount, batch, networks, buffer
and goals for SAC come from SB3's documentation, guide "Examples", section "Hindsight
Experience Replay".  DDPG uses the same with Gaussian noise of 0.2, from RL Zoo's
`her.yml` (entries commented out) and the documentation of SB3's predecessor.  tau =
0.05 is from RL Zoo's `tqc.yml`, FetchPush-v1 and FetchPickAndPlace-v1; its batches of
2048 and networks of 3 x 512 are meant for TQC and a million steps, more than a CPU can
do in these minutes.  The first 1000 steps are random, as in `her.yml`, FetchPush-v1 and
FetchPickAndPlace-v1.  All other settings are SB3's defaults, such as one update for
every environment step.

`test/mean_Q` is the value of the smaller one of SAC's two critics and includes its
entropy bonus.  Neither algorithm clips returns, so it can be above 0.
"""

import argparse
import csv
import io
import json
import os
import platform
import shlex
import sys
import time
from importlib.metadata import version
from pathlib import Path

import gymnasium as gym
import gymnasium_robotics
import numpy as np
import torch
from stable_baselines3 import DDPG, SAC, HerReplayBuffer
from stable_baselines3.common.noise import NormalActionNoise

ALGORITHMS = {"ddpg": DDPG, "sac": SAC}
SETTINGS = {
    "learning_rate": 1e-3,
    "gamma": 0.95,
    "tau": 0.05,
    "batch_size": 256,
    "buffer_size": 1_000_000,
    "learning_starts": 1000,
    "train_freq": 1,
    "gradient_steps": 1,
}
NET_ARCH = [256, 256, 256]
GOALS = {"n_sampled_goal": 4, "goal_selection_strategy": "future"}
NOISE = {"ddpg": 0.2, "sac": 0.0}  # SAC explores by its own distribution
EPISODES, LAST_EPISODES = 20, 100
PACKAGES = (
    *("stable-baselines3", "torch", "numpy"),
    *("mujoco", "gymnasium", "gymnasium-robotics"),
)
IN_THE_AIR = 0.03  # metres: a goal this far above the lowest one is in the air


def goal_environment(env_id):
    """The environment of that name."""
    try:
        env = gym.make(env_id)
    except (gym.error.Error, ImportError) as error:
        raise SystemExit(f"--env must name an environment here: {error}") from None
    if "desired_goal" not in getattr(env.observation_space, "spaces", {}):
        raise SystemExit(f"--env must have goals, found {env_id}.")
    return env


def build(algorithm, env, seed):
    """The untrained model."""
    options = {**SETTINGS, "policy_kwargs": {"net_arch": NET_ARCH}}
    if NOISE[algorithm]:
        n = env.action_space.shape[0]
        options["action_noise"] = NormalActionNoise(
            np.zeros(n), np.full(n, NOISE[algorithm])
        )
    return ALGORITHMS[algorithm](
        "MultiInputPolicy",
        env,
        replay_buffer_class=HerReplayBuffer,
        replay_buffer_kwargs=GOALS,
        seed=seed,
        device="cpu",
        **options,
    )


def episode(model, env):
    """Observations, actions and successes of a greedy episode, each a list of steps."""
    obs, _ = env.reset()
    observations, actions, successes, done = [], [], [], False
    while not done:
        action, _ = model.predict(obs, deterministic=True)
        observations.append(obs)
        actions.append(action)
        obs, _, terminated, truncated, info = env.step(action)
        successes.append(bool(info["is_success"]))
        done = terminated or truncated
    return observations, actions, successes


def mean_q(model, observations, actions):
    """Mean over steps of the critics' minimum, at the actions taken."""
    stacked = {k: np.stack([obs[k] for obs in observations]) for k in observations[0]}
    obs, _ = model.policy.obs_to_tensor(stacked)
    scaled = model.policy.scale_action(np.stack(actions))
    with torch.no_grad():
        q = model.critic(obs, torch.as_tensor(scaled, dtype=torch.float32))
    return float(torch.cat(q, dim=1).min(dim=1).values.mean())


def tested(model, env, n):
    """The columns `test/...` of n greedy episodes."""
    episodes = [episode(model, env) for _ in range(n)]
    steps = [[step for e in episodes for step in e[part]] for part in (0, 1)]
    return {
        "test/success_rate": float(np.mean([e[2][-1] for e in episodes])),
        "test/success_any": float(np.mean([any(e[2]) for e in episodes])),
        "test/mean_Q": mean_q(model, *steps),
    }


def evaluation(model, env):
    """Success of the final policy, and by the goal's height."""
    episodes = [episode(model, env) for _ in range(LAST_EPISODES)]
    success = np.array([e[2][-1] for e in episodes])
    height = np.array([e[0][0]["desired_goal"][2] for e in episodes])
    is_high = height - height.min() > IN_THE_AIR
    found = {
        "episodes": LAST_EPISODES,
        "latest": float(success.mean()),
        "latest_any": float(np.mean([any(e[2]) for e in episodes])),
    }
    if is_high.any():  # the lowest goal itself never counts as high
        found["latest_air"] = float(success[is_high].mean())
        found["latest_table"] = float(success[~is_high].mean())
    return found


class Progress:
    """The callback that evaluates when it is due and ends the training."""

    def __init__(self, model, env, seconds, folder, clock=time.perf_counter):
        """Starts the clock.

        Args:
          model: the model in training.
          env: only for evaluation.
          seconds: how long to train.
          folder: gets progress.csv.
          clock: returns seconds of wall-clock time.
        """
        self._model, self._env, self._folder = model, env, folder
        self._seconds, self._interval = seconds, min(60.0, seconds / 10)
        self._due, self._evaluating, self._rows = self._interval, 0.0, []
        self._clock, self._started = clock, clock()

    def __call__(self, *_variables):
        """Called after every environment step; returns whether to continue."""
        now = self._clock()
        trained = now - self._started - self._evaluating
        if trained < self._due:
            return True
        self._evaluate(trained)
        self._due = min(self._due + self._interval, self._seconds)
        self._evaluating += self._clock() - now
        return trained < self._seconds

    def _evaluate(self, trained):
        row = {
            "epoch": len(self._rows),
            "steps/env": self._model.num_timesteps,
            "steps/updates": self._model._n_updates,
            **tested(self._model, self._env, EPISODES),
            "time/total": trained,
            "time/evaluation": self._evaluating,
        }
        self._rows.append(row)
        text = io.StringIO()
        writer = csv.DictWriter(text, row)
        writer.writeheader()
        writer.writerows(self._rows)
        write(self._folder / "progress.csv", text.getvalue())
        success = f"success {row['test/success_rate']:.2f}"
        print(
            f"{trained / 60:5.1f} min {row['steps/env']:8,} steps {success}", flush=True
        )


def write(path, text):
    """Writes a file atomically, so that no reader sees half of it."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    os.replace(temporary, path)


def describe(options):
    """The content of config.json; the entries of "config" distinguish runs."""
    shown = {"alg": f"sb3-{options.algorithm}", "env": options.env}
    settings = {"net_arch": NET_ARCH, **GOALS, "noise_std": NOISE[options.algorithm]}
    return {
        "config": {**shown, "seed": options.seed, **SETTINGS, **settings},
        "minutes": options.minutes,
        "threads": options.threads,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
        "command": f"python bench/train_peer.py {shlex.join(sys.argv[1:])}",
    }


def train(options):
    """Trains, evaluates, and writes the folder."""
    torch.set_num_threads(options.threads)
    gym.register_envs(gymnasium_robotics)
    env, folder = goal_environment(options.env), options.out
    env.reset(seed=10_000 + options.seed)
    model = build(options.algorithm, goal_environment(options.env), options.seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "progress.csv").unlink(missing_ok=True)
    write(folder / "config.json", json.dumps(describe(options), indent=2) + "\n")
    progress = Progress(model, env, 60 * options.minutes, folder)
    model.learn(10**9, callback=progress, log_interval=None)
    found = evaluation(model, env)
    write(folder / "evaluation.json", json.dumps(found, indent=2))
    print(found)


def parse(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("algorithm", choices=ALGORITHMS)
    parser.add_argument("--env", default="FetchPush-v4")
    parser.add_argument("--minutes", type=float, default=12.0, help="of training")
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    options = parser.parse_args(arguments)
    if not 0 < options.minutes < float("inf"):
        parser.error(f"--minutes must be above 0, found {options.minutes}.")
    if options.threads < 1:
        parser.error(f"--threads must be at least 1, found {options.threads}.")
    if (options.out / "evaluation.json").exists():
        raise SystemExit(f"{options.out} holds a finished run; give another --out.")
    return options


if __name__ == "__main__":
    wanted = parse()
    try:
        train(wanted)
    except OSError as error:
        raise SystemExit(f"{wanted.out} cannot be written: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit(
            f"Stopped; {wanted.out} keeps the evaluations so far, and the same command "
            "starts again from the beginning."
        ) from None
