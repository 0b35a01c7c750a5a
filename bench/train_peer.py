"""Trains Stable-Baselines3 for some minutes; leaves a run folder.

    python bench/train_peer.py ddpg --env=FetchPush-v4 --minutes=12 --seed=0 --out=...
    python bench/train_peer.py ppo --env=HalfCheetah-v5 --minutes=10 --out=...

Tasks with goals are learned with hindsight, and success is reported; other tasks are
learned without, and returns are reported.

Runs in the peers' virtual environment and knows nothing of this package, but `--env`
may name one of its tasks as `module:id`.  The folder gets `config.json` and
`progress.csv`, which `experiment/plot.py` draws beside ours, and at the end
`evaluation.json`, in the format of `experiment/benchmark.py`, of 100 episodes.  An
interrupted training keeps its evaluations so far; running it again starts from the
beginning.

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

`peer_recipes.py` holds the settings and names their sources.

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
from typing import NamedTuple

import gymnasium as gym
import gymnasium_robotics
import numpy as np
import peer_recipes
import torch

EPISODES, LAST_EPISODES = 20, 100
PACKAGES = (
    *("stable-baselines3", "sb3-contrib", "torch", "numpy"),
    *("mujoco", "gymnasium", "gymnasium-robotics"),
)
SCORES = "test/success_rate", "test/return"
IN_THE_AIR = 0.03  # metres: a goal this far above the lowest one is in the air


class Episode(NamedTuple):
    """A greedy episode, step by step."""

    observations: list  # before each action
    actions: list
    rewards: list
    successes: list  # empty in tasks without goals
    metrics: dict  # of the environment, at the end; empty if it has none


def episode(model, env):
    """Plays a greedy episode."""
    normalise = model.get_vec_normalize_env()
    obs, _ = env.reset()
    played, done = Episode([], [], [], [], {}), False
    while not done:
        seen = normalise.normalize_obs(obs) if normalise else obs
        action, _ = model.predict(seen, deterministic=True)
        played.observations.append(obs)
        played.actions.append(action)
        obs, reward, terminated, truncated, info = env.step(action)
        played.rewards.append(float(reward))
        if peer_recipes.has_goals(env):
            played.successes.append(bool(info["is_success"]))
        done = terminated or truncated
    played.metrics.update(info.get("metrics", {}))
    return played


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
    if not peer_recipes.has_goals(env):
        returns = [sum(e.rewards) for e in episodes]
        return {
            "test/return": float(np.mean(returns)),
            "test/return_median": float(np.median(returns)),
            "test/return_min": float(np.min(returns)),
            "test/length": float(np.mean([len(e.rewards) for e in episodes])),
        }
    obs = [o for e in episodes for o in e.observations]
    actions = [a for e in episodes for a in e.actions]
    return {
        "test/success_rate": float(np.mean([e.successes[-1] for e in episodes])),
        "test/success_any": float(np.mean([any(e.successes) for e in episodes])),
        "test/mean_Q": mean_q(model, obs, actions),
    }


def evaluation(model, env):
    """What evaluation.json says about the final policy."""
    episodes = [episode(model, env) for _ in range(LAST_EPISODES)]
    judge = by_success if peer_recipes.has_goals(env) else by_return
    return {"episodes": LAST_EPISODES, **judge(episodes)}


def by_return(episodes):
    """Returns, and how long the episodes were."""
    returns = [sum(e.rewards) for e in episodes]
    return {
        "latest": float(np.mean(returns)),
        "latest_median": float(np.median(returns)),
        "latest_min": float(np.min(returns)),
        "latest_max": float(np.max(returns)),
        "latest_length": float(np.mean([len(e.rewards) for e in episodes])),
        **{
            f"latest_{name}": float(np.mean([e.metrics[name] for e in episodes]))
            for name in episodes[0].metrics
        },
    }


def by_success(episodes):
    """Success, also by the goal's height."""
    success = np.array([e.successes[-1] for e in episodes])
    height = np.array([e.observations[0]["desired_goal"][-1] for e in episodes])
    is_high = height - height.min() > IN_THE_AIR
    found = {
        "latest": float(success.mean()),
        "latest_any": float(np.mean([any(e.successes) for e in episodes])),
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
        score = next(name for name in SCORES if name in row)
        told = f"{score} {row[score]:.2f}"
        print(f"{trained / 60:5.1f} min {row['steps/env']:8,} steps {told}", flush=True)


def write(path, text):
    """Writes a file atomically, so that no reader sees half of it."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    os.replace(temporary, path)


def describe(options, recipe, env):
    """The content of config.json; the entries of "config" distinguish runs."""
    env_id = options.env.rpartition(":")[2]
    shown = {"alg": f"sb3-{options.algorithm}", "env": env_id}
    settings = peer_recipes.described(recipe, env)
    return {
        "config": {**shown, "seed": options.seed, **settings},
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
    env, folder = peer_recipes.make(options.env), options.out
    env.reset(seed=10_000 + options.seed)
    known = peer_recipes.recipes(env)
    if options.algorithm not in known:
        raise SystemExit(f"{options.env} is learned by {' or '.join(known)}.")
    recipe = known[options.algorithm]
    model = peer_recipes.build(recipe, peer_recipes.make(options.env), options.seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "progress.csv").unlink(missing_ok=True)
    content = json.dumps(describe(options, recipe, env), indent=2)
    write(folder / "config.json", content + "\n")
    progress = Progress(model, env, 60 * options.minutes, folder)
    model.learn(10**9, callback=progress, log_interval=None)
    found = evaluation(model, env)
    write(folder / "evaluation.json", json.dumps(found, indent=2))
    print(found)


def parse(arguments=None):
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("algorithm", choices=("ddpg", "sac", "ppo", "tqc"))
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
