"""A training from its settings: build the rooms, run the epochs, leave a run folder."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym

from .config import Config
from .ddpg import DDPG, Cloning, use_threads
from .envs.check import check, reward_function
from .envs.fetch import speed_up
from .envs.make import env_factory
from .epochs import Epochs
from .off_policy import OffPolicy
from .parallel.collectors import Collectors, Filmer
from .policy import Policy
from .runs.console import Console, open_console
from .runs.demo_file import demos_for
from .runs.folder import RunFolder, open_folder
from .runs.logger import Row
from .runs.policy_file import read_policy
from .runs.video import check_video_path
from .streams import WEIGHTS, generator
from .types import EnvSpec
from .versions import available_cores


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
    if config.loop.video_interval:
        check_video_path("film.mp4")
    factory = factory._replace(fast=config.machine.fast_env)
    training_env = factory()
    spec = check(training_env, config.run.env)
    demos, warnings = demos_for(config.demos, spec)
    config = config.resolve(spec, cores=available_cores())
    use_threads(config.machine.learner_threads or 1)
    with contextlib.ExitStack() as stack:
        n, timeout = config.machine.collectors or 0, config.machine.collector_timeout
        collectors = Collectors(factory, spec, training_env, n, timeout)
        stack.enter_context(collectors)
        learner = _build_learner(config, spec)
        reward_fn = reward_function(training_env)
        algorithm = OffPolicy(config, spec, learner, reward_fn, collectors, demos)
        folder = stack.enter_context(open_folder(config, spec, command))
        console = stack.enter_context(open_console(config, spec, quiet))
        _announce(console, config, spec, folder, training_env)
        for warning in warnings:
            console.say(warning)
        filmer = stack.enter_context(Filmer(factory, spec, timeout))
        epochs = Epochs(config, algorithm, collectors, filmer, folder, console)
        while algorithm.n_env_steps < config.run.num_timesteps:
            row = epochs.run_one()
            if on_epoch is not None and on_epoch(row) is False:
                break
        folder.finish(learner.arrays(), config.run.save_path)
    console.say(folder.epilogue())
    policy = learner.policy(config.loop.test_with_polyak)
    return Result(folder.path, folder.best_path, policy, epochs.rows)


def _build_learner(config: Config, spec: EnvSpec) -> DDPG:
    """A new learner, or one that starts from the policy in `load_path`."""
    rng, demos = generator(config.run.seed, WEIGHTS), config.demos
    weights = demos.prm_loss_weight, demos.aux_loss_weight, bool(demos.q_filter)
    cloning = Cloning(*weights) if demos.bc_loss else Cloning()
    learner = DDPG(spec, config.ddpg, config.inputs, rng, cloning)
    if config.run.load_path:
        file = read_policy(config.run.load_path)
        found, wanted = _shape(file.spec, file.config), _shape(spec, config)
        if found != wanted:
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
    console: Console, config: Config, spec: EnvSpec, folder: RunFolder, env: gym.Env
) -> None:
    console.say(
        f"{spec.env_id}: {spec.horizon} steps an episode, preset {config.run.preset}, "
        f"seed {config.run.seed}, run folder {folder.path}"
    )
    if config.demos.demo_file is not None:
        demos = config.demos
        cloning = f"cloned {'with' if demos.q_filter else 'without'} Q-filter"
        console.say(
            f"{demos.num_demo} demonstrations of {demos.demo_file}, "
            f"{cloning if demos.bc_loss else 'not cloned'}, "
            f"{demos.demo_batch_size} of {config.ddpg.batch_size} rows of a batch"
        )
    if config.ddpg.clip_return and spec.reward_low is None:
        console.say(
            "Rewards are neither {-1, 0} nor {0, 1}: TD targets are not clipped to "
            "possible returns."
        )
    if config.machine.fast_env and (why_not := speed_up(env)):
        console.say(why_not)
