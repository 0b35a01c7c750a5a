"""The epoch loop: build, cycle, evaluate, log, save."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from .config import Config
from .ddpg import DDPG
from .envs.check import check
from .envs.make import env_factory
from .envs.render import film, make_rendered
from .off_policy import OffPolicy
from .policy import Policy
from .rollout import collect, success_rates
from .runs.console import Console, open_console
from .runs.folder import RunFolder, open_folder
from .runs.logger import Row
from .runs.policy_file import read_policy
from .runs.video import check_video_path, write_video
from .streams import EVALUATION, WEIGHTS, generator, stream
from .types import EnvSpec, Episodes


class Result(NamedTuple):
    """What a training leaves."""

    log_path: Path  # the run folder
    best_policy: Path  # the policy file with the highest success rate
    policy: Policy  # the final one, ready to act
    rows: list[Row]  # the rows of progress.csv


def train(
    env: str | None = None,
    *,
    make_env: Callable[..., gym.Env] | None = None,
    on_epoch: Callable[[Row], bool | None] | None = None,
    quiet: bool = False,
    command: str = "",
    **knobs: Any,
) -> Result:
    """Trains a policy with hindsight experience replay.

    Args:
      env: environment id, version optional, or `module:Id-v0`.
      make_env: builds the user's own goal environment instead; it may take
        `render_mode`.
      on_epoch: called with each row of progress.csv; False ends the run early.
      quiet: print nothing.
      command: how the run was started, kept in config.json.
      **knobs: any flag of the command line, e.g. `num_timesteps=5000, seed=1`.

    Returns:
      The run folder, the best policy's file, the final policy, the rows.

    Raises:
      ValueError: a setting or the environment is not what it must be.
      RuntimeError: training met something that it cannot go on with.
    """
    factory = env_factory(env, make_env)
    config = Config.from_flags(**knobs, env=factory.env_id)
    training_env = factory()
    spec = check(training_env, config.run.env)
    config = config.resolve(spec)
    if config.loop.video_interval:
        check_video_path("film.mp4")
    learner = _build_learner(config, spec)
    console = open_console(
        config.run.num_timesteps, f"{spec.env_id}, {config.run.preset}", quiet
    )
    folder = open_folder(config, spec, command)
    run = _Run(config, spec, learner, training_env, factory, folder, console)
    with console, folder:
        _announce(console, config, spec, folder)
        while run.algorithm.n_env_steps < config.run.num_timesteps:
            row = run.epoch()
            if on_epoch is not None and on_epoch(row) is False:
                break
        folder.finish(learner.arrays(), config.run.save_path)
        console.say(folder.epilogue())
    return Result(
        folder.path,
        folder.best_path,
        learner.policy(config.loop.test_with_polyak),
        run.rows,
    )


def _build_learner(config: Config, spec: EnvSpec) -> DDPG:
    """A new learner, or one that starts from the policy in `load_path`."""
    rng = generator(config.run.seed, WEIGHTS)
    learner = DDPG(spec, config.ddpg, config.inputs, rng)
    if config.run.load_path:
        file = read_policy(config.run.load_path)
        if (found := _shape(file.spec, file.config)) != (
            wanted := _shape(spec, config)
        ):
            raise ValueError(
                f"load_path must hold a policy of {wanted} for {spec.env_id}, found "
                f"{found} for {file.spec.env_id}.  Match --env, --layers and --hidden."
            )
        learner.load_arrays(file.arrays)
    return learner


def _shape(spec: EnvSpec, config: Config) -> str:
    return (
        f"{spec.obs_dim}+{spec.goal_dim} inputs, {spec.action_dim} actions, "
        f"{config.ddpg.layers}x{config.ddpg.hidden} units"
    )


def _announce(
    console: Console, config: Config, spec: EnvSpec, folder: RunFolder
) -> None:
    console.say(
        f"{spec.env_id}: {spec.horizon} steps an episode, preset {config.run.preset}, "
        f"seed {config.run.seed}, run folder {folder.path}"
    )
    if config.ddpg.clip_return and spec.reward_low is None:
        console.say(
            "Rewards are neither {-1, 0} nor {0, 1}: TD targets are not clipped to "
            "possible returns."
        )


class _Run:
    """One training: its loop's state, and what an epoch does."""

    def __init__(self, config, spec, learner, training_env, factory, folder, console):
        self._config, self._spec, self._factory = config, spec, factory
        self._learner, self._folder, self._console = learner, folder, console
        self._test_env, self._film_env = factory(), None
        self.rows: list[Row] = []
        self._started = time.perf_counter()
        compute_reward = training_env.get_wrapper_attr("compute_reward")
        self.algorithm = OffPolicy(
            config,
            spec,
            learner,
            reward_fn=lambda achieved, goal: compute_reward(achieved, goal, {}),
            collect=lambda actor, seeds: collect(training_env, spec, actor, seeds),
        )

    def epoch(self) -> Row:
        """Cycles, evaluates, logs and saves."""
        cycles = self._cycles()
        policy = self._learner.policy(self._config.loop.test_with_polyak)
        tests = self._evaluate(policy)
        row = self._row(cycles, tests)
        self.rows.append(row)
        self._folder.write(row, self._learner.arrays())
        self._console.epoch(row)
        interval = self._config.loop.video_interval
        if interval and row["epoch"] % interval == 0:
            self._film(policy, int(row["epoch"]))
        return row

    def _cycles(self) -> list[Row]:
        rows = []
        for _ in range(self._config.loop.n_cycles):
            rows.append(self.algorithm.cycle())
            self._console.cycle(self.algorithm.n_env_steps)
            if self.algorithm.n_env_steps >= self._config.run.num_timesteps:
                break
        return rows

    def _evaluate(self, policy: Policy) -> Episodes:
        first = len(self.rows) * self._config.loop.n_test_rollouts
        numbers = range(first, first + self._config.loop.n_test_rollouts)
        return collect(
            self._test_env, self._spec, policy, map(self._test_seed, numbers)
        )

    def _test_seed(self, n: int) -> np.random.SeedSequence:
        return stream(self._config.run.seed, EVALUATION, n=n)

    def _row(self, cycles: list[Row], tests: Episodes) -> Row:
        algorithm, learner = self.algorithm, self._learner
        success_rate, success_any = success_rates(tests)
        row = {
            "epoch": len(self.rows),
            "steps/env": algorithm.n_env_steps,
            "steps/episodes": algorithm.n_episodes,
            "steps/updates": algorithm.n_updates,
            "test/success_rate": success_rate,
            "test/success_any": success_any,
            "test/mean_Q": learner.mean_q(tests),
        }
        for name in cycles[0]:
            total = np.sum if name.startswith("time/") else np.mean
            row[name] = float(total([cycle[name] for cycle in cycles]))
        for letter, norm in ("o", learner.obs_norm), ("g", learner.goal_norm):
            row[f"stats/{letter}_mean"] = float(norm.stats.mean.mean())
            row[f"stats/{letter}_std"] = float(norm.stats.std.mean())
        row["time/total"] = time.perf_counter() - self._started
        return row

    def _film(self, policy: Policy, epoch: int) -> None:
        """Films the epoch's first evaluation episode."""
        if self._film_env is None:
            self._film_env = make_rendered(self._factory, "rgb_array")
        first = self._test_seed(epoch * self._config.loop.n_test_rollouts)
        _, frames = film(self._film_env, self._spec, policy, first)
        write_video(self._folder.path / "videos" / f"epoch_{epoch}.mp4", frames)
