"""A training from its settings: build the rooms, run the epochs, leave a run folder."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym

from .acting.policy import Policy
from .algorithms.her import OffPolicy
from .config import Config, without_short_forms
from .ddpg import DDPG, Cloning
from .demos.file import demos_for
from .envs.check import check, reward_function
from .envs.fetch import speed_up
from .envs.make import EnvFactory, env_factory
from .envs.objects import object_motion
from .envs.state import require_restorable
from .nets import use_threads
from .parallel.abort import ending_together, require_alike
from .parallel.collectors import Collectors, Filmer
from .parallel.communicator import connect
from .replay.sources import fingerprint
from .runs.checkpoint import Checkpoints
from .runs.console import Console, open_console
from .runs.folder import RunFolder, choose_folder, lock, write_config
from .runs.logger import Row
from .runs.loop import Epochs
from .runs.policy_file import read_policy
from .runs.saver import Saver, resumed_knobs
from .runs.stopping import Stop, stop_signals
from .runs.video import check_video_path
from .seeding import WEIGHTS, generator
from .types import Demos, EnvSpec, ObjectMotion
from .versions import package_versions

# settings that may differ between workers
PER_MACHINE = "collectors", "learner_threads", "log_path", "demo_file", "load_path"


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
    comm: Any = None,
    **knobs: Any,
) -> Result:
    """Trains a policy with hindsight experience replay.

    Args:
      env: environment id, version optional, or `module:Id-v0`.
      make_env: builds the user's own goal environment instead; it may take
        `render_mode`.
      on_epoch: called with each row of progress.csv; False ends the run early.  Of
        several workers the first one calls it, within `mpi_timeout` seconds.
      quiet: print nothing.
      command: how the run was started, kept in config.json.
      comm: an mpi4py communicator of the workers; default: all that mpiexec started,
        or this process alone.  An error of one of several workers ends the job.
      **knobs: any flag of the command line, e.g. `num_timesteps=5000, seed=1`.

    Returns:
      The run folder, the best policy's file, the final policy, the rows.

    Raises:
      ValueError: a setting or the environment is not what it must be.
      RuntimeError: training met something that it cannot go on with.
    """
    comm = connect(comm)
    with ending_together(comm, refuses=True):
        setup = _prepare(env, make_env, knobs, comm)
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(stop_signals())
        stack.enter_context(ending_together(comm))
        return _train(setup, comm, stop, on_epoch, quiet or comm.rank > 0, command)


def _train(
    setup: "Setup", comm: Any, stop: Stop, on_epoch: Any, quiet: bool, command: str
) -> Result:
    """Builds the rooms and runs the epochs."""
    config, spec = setup.config, setup.spec
    with contextlib.ExitStack() as stack:
        collectors = stack.enter_context(_open_collectors(setup))
        with ending_together(comm, refuses=True):
            learner = _build_learner(config, spec, comm)
        rewards = reward_function(setup.env)
        played = rewards, collectors, setup.demos, setup.motion
        algorithm = OffPolicy(config, spec, learner, *played, comm)
        with ending_together(comm, refuses=True):
            path, goes_on = _choose_folder(config, comm, stack)
        console = stack.enter_context(open_console(config, spec, quiet))
        _announce(console, setup, path)
        timeout = config.machine.collector_timeout
        filmer = stack.enter_context(Filmer(setup.factory, spec, timeout))
        epochs = Epochs(config, algorithm, collectors, filmer, console, comm)
        checkpoints = Checkpoints(path / "checkpoint", algorithm.replay, comm)
        saver = Saver(config, checkpoints, algorithm, epochs, stop, comm)
        with ending_together(comm, refuses=True):
            saver.restore(console) if goes_on else checkpoints.forget()
        writes = comm.rank == 0
        if writes:
            write_config(path, config, spec, command)
        folder = RunFolder(path, config, spec, epochs.rows, console.say, writes)
        stack.enter_context(folder)
        _run(epochs, folder, saver, comm, on_epoch, console)
        saver.save()
        folder.finish(learner.arrays(), config.run.save_path)
        saver.end_if_asked()
    console.say(folder.epilogue())
    policy = learner.policy(config.loop.test_with_polyak)
    return Result(folder.path, folder.best_path, policy, epochs.rows)


class Setup(NamedTuple):
    """What is known before the rooms are built."""

    factory: EnvFactory
    env: gym.Env  # this process's own
    spec: EnvSpec
    config: Config  # resolved
    demos: Demos | None
    motion: ObjectMotion | None  # for prioritization=energy
    warnings: list[str]


def _prepare(env: str | None, make_env: Any, knobs: dict[str, Any], comm: Any) -> Setup:
    """Looks everything up and checks it, before anything is built or written."""
    require_alike(comm, {"env": env, **_shared(knobs)})
    given = knobs
    told = resumed_knobs(knobs, env, make_env is not None) if comm.rank == 0 else None
    env, knobs = comm.broadcast(told)
    if make_env is not None:  # its name does not tell whether it has an object
        knobs = {"prioritization": "uniform", **without_short_forms(knobs)}
    _require_workers(knobs.get("num_cpu"), comm.size)
    factory = env_factory(env, make_env)
    config = Config.from_flags(**knobs, env=factory.env_id)
    config.require_effect(given)
    if config.loop.video_interval:
        check_video_path("film.mp4")
    if config.run.save_path and Path(config.run.save_path).expanduser().is_dir():
        raise ValueError(
            f"save_path must be a file, found a folder: --save_path="
            f"{config.run.save_path}."
        )
    factory = factory._replace(fast=config.machine.fast_env)
    training_env = factory()
    spec = check(training_env, config.run.env)
    demos, warnings = demos_for(config.demos, spec)
    if config.demos.demo_resets:
        require_restorable(training_env)
    energy = config.replay.prioritization == "energy"
    motion = object_motion(training_env) if energy else None
    comm.set_timeout(config.machine.mpi_timeout)
    config = config.resolve(spec, comm.cores, comm.size)
    same = _shared(config.to_flags()) | package_versions()
    require_alike(comm, {**same, "the demonstrations": fingerprint(demos)})
    use_threads(config.machine.learner_threads or 1)
    return Setup(factory, training_env, spec, config, demos, motion, warnings)


def _shared(settings: dict[str, Any]) -> dict[str, Any]:
    """Those that must be the same for all workers."""
    return {k: v for k, v in settings.items() if k not in PER_MACHINE}


def _require_workers(wanted: Any, found: int) -> None:
    if wanted is not None and int(wanted) != found:
        raise ValueError(
            f"num_cpu must be the number of workers, found {wanted} with {found}.  "
            "Under mpiexec drop it; `python -m baselines_her.run --num_cpu=N` calls "
            "mpiexec itself."
        )


def _choose_folder(
    config: Config, comm: Any, stack: contextlib.ExitStack
) -> tuple[Path, bool]:
    """The folder that the first worker chooses and locks; whether it holds the run."""
    chosen = None
    if comm.rank == 0:
        chosen = choose_folder(config)
        stack.enter_context(lock(chosen[0]))
    return comm.broadcast(chosen)


def _open_collectors(setup: Setup) -> Collectors:
    machine, skip_bad = setup.config.machine, setup.config.collect.skip_bad_episodes
    n, timeout = machine.collectors or 0, machine.collector_timeout
    return Collectors(setup.factory, setup.spec, setup.env, n, timeout, skip_bad)


def _run(
    epochs: Epochs,
    folder: RunFolder,
    saver: Saver,
    comm: Any,
    on_epoch: Any,
    console: Console,
) -> None:
    """Runs epoch after epoch, until the steps are taken or `on_epoch` says no."""
    try:
        while not epochs.is_finished:
            row = epochs.run_one(folder, saver.after_cycle)
            asks = on_epoch is not None and comm.rank == 0
            stops = asks and on_epoch(row) is False
            saver.end_if_asked()
            if comm.broadcast(stops):
                break
    except (KeyboardInterrupt, SystemExit):
        saved = saver.rescue()
        lost = "" if saved else "The last cycles since the checkpoint are lost.  "
        console.say(lost + folder.resume_hint())
        raise


def _build_learner(config: Config, spec: EnvSpec, comm: Any) -> DDPG:
    """A new learner, or one that starts from the policy in `load_path`."""
    rng, demos = generator(config.run.seed, WEIGHTS), config.demos
    weights = demos.prm_loss_weight, demos.aux_loss_weight, bool(demos.q_filter)
    cloning = Cloning(*weights) if demos.bc_loss else Cloning()
    learner = DDPG(spec, config.ddpg, config.inputs, rng, cloning, comm)
    if config.run.load_path:
        file = read_policy(config.run.load_path)
        found, wanted = _shape(file.spec, file.config), _shape(spec, config)
        if found != wanted:
            raise ValueError(
                f"load_path must hold a policy of {wanted} for {spec.env_id}, found "
                f"{found} for {file.spec.env_id}.  Match --env, --layers, "
                "--hidden and --layer_norm."
            )
        learner.load_arrays(file.arrays)
    learner.synchronise()
    return learner


def _shape(spec: EnvSpec, config: Config) -> str:
    return (
        f"{spec.obs_dim}+{spec.goal_dim} inputs, {spec.action_dim} actions, "
        f"{config.ddpg.layers}x{config.ddpg.hidden} units"
        f"{', layer_norm' * config.ddpg.layer_norm}"
    )


def _announce(console: Console, setup: Setup, path: Path) -> None:
    config, spec, demos = setup.config, setup.spec, setup.config.demos
    n = config.run.num_cpu or 1
    workers = f", {n} workers" if n > 1 else ""
    console.say(
        f"{spec.env_id}: {spec.horizon} steps an episode, preset {config.run.preset}, "
        f"seed {config.run.seed}{workers}, run folder {path}"
    )
    if demos.demo_file is not None:
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
    why_not = speed_up(setup.env) if config.machine.fast_env else None
    if config.collect.random_steps >= config.run.num_timesteps:
        console.say(
            f"warning: all {config.run.num_timesteps} steps act at random: random_steps"
            f"={config.collect.random_steps}.  Train for longer, or lower it"
        )
    for line in [*([why_not] if why_not else []), *setup.warnings]:
        console.say(line)
