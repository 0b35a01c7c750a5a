"""Trains with any algorithm: looks up, checks, builds, loops, leaves a run folder."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gymnasium as gym

from .algorithms import DEFAULT, Prepared, entry
from .config import Config, from_flags, require_effects, to_flags
from .envs.fetch import slowness
from .envs.make import EnvFactory, env_factory
from .envs.options import check_options
from .nets import use_threads
from .parallel.abort import ending_together, require_alike
from .parallel.collectors import Collectors, Filmer
from .parallel.communicator import connect
from .runs.callbacks import (
    Callback,
    Callbacks,
    Function,
    OnEpoch,
    Run,
    require_callbacks,
)
from .runs.checkpoint import Checkpoints
from .runs.console import Console, open_console, stages
from .runs.files import require_writable
from .runs.folder import RunFolder, choose_folder, lock, write_config
from .runs.hints import play_hint, resume_hint
from .runs.loop import Loop
from .runs.saver import Saver, resumed_flags
from .runs.stopping import Stop, stop_signals
from .runs.sturdy import sturdy_output
from .runs.video import check_video_path
from .types import Actor, Communicator, Row
from .versions import package_versions

if TYPE_CHECKING:
    from .settings.flags import TrainFlags

    if sys.version_info >= (3, 11):
        from typing import Unpack
    else:
        from typing_extensions import Unpack

# settings that may differ between workers
PER_MACHINE = "collectors", "learner_threads", "log_path", "demo_file", "load_path"


class Result(NamedTuple):
    """What a training returns."""

    log_path: Path  # the run folder
    best_policy: Path  # the policy file with the highest score
    policy: Actor  # the final policy, ready to act
    rows: list[Row]  # the rows of progress.csv


def train(
    env: str | None = None,
    *,
    make_env: Callable[..., gym.Env] | None = None,
    on_epoch: OnEpoch | None = None,
    callbacks: Sequence[Callback] = (),
    quiet: bool = False,
    command: str = "",
    comm: Any = None,
    **flags: "Unpack[TrainFlags]",
) -> Result:
    """Trains a policy.

    Args:
      env: environment id, version optional, or `module:Id-v0`.
      make_env: a function that builds your own environment; may take `render_mode`.
      on_epoch: called with each row of progress.csv; if it returns False, the run ends
        early.  Only the first worker calls it; it must return within `mpi_timeout`
        seconds.
      callbacks: follow the run and may end it early; see `Callback`.
      quiet: print nothing.
      command: how the run was started, kept in config.json.
      comm: an mpi4py communicator of the workers; default: all that mpiexec started,
        or this process alone.  An error in one worker ends all of them.
      **flags: any flag of the command line, e.g. `num_timesteps=5000, seed=1`; all of
        them are listed in `settings/flags.py`.

    Returns:
      The run folder, the best policy's file, the final policy, the rows.

    Raises:
      ValueError: a setting, a file or the environment breaks a rule, which the
        message names.
      RuntimeError: training cannot continue; the message says why.
    """
    if on_epoch is not None:
        callbacks = [*callbacks, Function(on_epoch)]
    require_callbacks(callbacks)
    comm = connect(comm)
    quiet = quiet or comm.rank > 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(sturdy_output())
        with ending_together(comm, refuses=True), stages(quiet) as show:
            show("Checking the settings and the environment")
            setup = _prepare(env, make_env, {**flags}, comm)
        stop = stack.enter_context(stop_signals())
        stack.enter_context(ending_together(comm))
        return _train(setup, comm, stop, callbacks, quiet, command)


class Setup(NamedTuple):
    """What is known before the parts are built."""

    factory: EnvFactory
    env: gym.Env  # this process's own environment
    prepared: Prepared
    env_to_repeat: str | None  # a module:Id that a later command must name again
    has_maker: bool  # the environment comes from the user's own function


def _train(
    setup: Setup,
    comm: Communicator,
    stop: Stop,
    callbacks: Sequence[Callback],
    quiet: bool,
    command: str,
) -> Result:
    """Builds the parts and runs the epochs."""
    prepared, factory = setup.prepared, setup.factory
    config, spec = prepared.config, prepared.spec
    algorithm_entry = entry(config.run.alg)
    with contextlib.ExitStack() as stack:
        timeout, n = config.machine.collector_timeout, config.machine.collectors
        room = factory, spec, setup.env, n or 0, timeout, prepared.skip_bad
        collectors = stack.enter_context(Collectors(*room))
        with ending_together(comm, refuses=True), stages(quiet) as show:
            show("Building the networks")
            algorithm = algorithm_entry.build(
                prepared, setup.env, collectors, comm, stop.critical
            )
            stack.callback(algorithm.close)
            path, continues = _choose_folder(config, comm, stack)
        console = stack.enter_context(open_console(config, spec.env_id, quiet))
        _announce(console, setup, path)
        filmer = stack.enter_context(Filmer(factory, spec, timeout))
        loop = Loop(config, algorithm_entry, algorithm, filmer, console, comm)
        checkpoints = Checkpoints(path / "checkpoint", algorithm.ring, comm)
        columns = {column.name for column in algorithm_entry.columns_in(spec)}
        saver = Saver(config, checkpoints, algorithm, loop, stop, columns, comm)
        with ending_together(comm, refuses=True):
            saver.restore(console) if continues else checkpoints.forget()
        writes = comm.rank == 0
        if writes:
            write_config(path, config, spec, command)
        folder = RunFolder(path, config, spec, loop.rows, console.say, writes)
        stack.enter_context(folder)
        origin = setup.env_to_repeat, setup.has_maker
        hint = resume_hint(path, *origin, config.run.num_cpu or 1)
        followed = Run(path, config, algorithm, loop.rows)
        called = Callbacks(callbacks if writes else (), followed)
        stack.enter_context(called.following())
        _run(loop, folder, saver, comm, called, lambda lost: console.say(lost + hint))
        saver.save()
        folder.finish(algorithm.arrays(), config.run.save_path)
        saver.end_if_asked()
    hint = play_hint(folder.best_path, setup.env_to_repeat, setup.has_maker)
    console.say(f"{folder.epilogue()}  {hint}")
    return Result(folder.path, folder.best_path, algorithm.policy(), loop.rows)


def _prepare(
    env: str | None,
    make_env: Callable[..., gym.Env] | None,
    given: dict[str, Any],
    comm: Communicator,
) -> Setup:
    """Looks up and checks everything before anything is built or written."""
    require_alike(comm, {"env": env, **_shared(given)})
    found = resumed_flags(given, env, make_env is not None) if comm.rank == 0 else None
    env, flags = comm.broadcast(found)
    _require_workers(flags.get("num_cpu"), comm.size)
    factory = _factory(env, make_env, flags.get("env_kwargs"), "resume" in given)
    if make_env is not None:
        algorithm = entry(flags.get("alg", DEFAULT))
        flags = algorithm.for_unknown_env(algorithm.expand(flags))
    config = from_flags(**flags, env=factory.env_id)
    require_effects(config, given)
    if config.loop.video_interval:
        check_video_path("film.mp4")
    if config.run.save_path and comm.rank == 0:
        require_writable(config.run.save_path, "save_path")
    options = config.run.reset_options
    factory = factory._replace(fast=config.machine.fast_env, options=options)
    own_env = factory()
    check_options(own_env, options)
    comm.set_timeout(config.machine.mpi_timeout)
    prepared = entry(config.run.alg).prepare(own_env, config, comm, factory)
    same = _shared(to_flags(prepared.config)) | package_versions() | prepared.alike
    require_alike(comm, same)
    use_threads(prepared.config.machine.learner_threads or 1)
    has_maker = make_env is not None
    is_foreign = ":" in factory.env_id and not has_maker
    to_repeat = factory.env_id if is_foreign else None
    return Setup(factory, own_env, prepared, to_repeat, has_maker)


def _factory(
    env: str | None,
    make_env: Callable[..., gym.Env] | None,
    env_kwargs: str | None,
    resumes: bool,
) -> EnvFactory:
    try:
        return env_factory(env or _name(make_env), make_env, env_kwargs)
    except ValueError as error:
        if make_env is not None or not resumes:
            raise
        raise ValueError(
            f"the run's environment must be registered here, but {env} is not.  If a "
            "function built it, continue in Python: baselines_her.train(make_env="
            f"..., resume=...).  ({error})"
        ) from None


def _name(make_env: Callable[..., gym.Env] | None) -> str | None:
    """A name for a function's environments; `<lambda>` cannot name a folder."""
    if make_env is None:
        return None
    name = str(getattr(make_env, "__name__", ""))
    return name if name.isidentifier() else "custom"


def _shared(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that must be equal on all workers."""
    return {k: v for k, v in settings.items() if k not in PER_MACHINE}


def _require_workers(wanted: Any, found: int) -> None:
    if wanted is not None and int(wanted) != found:
        raise ValueError(
            f"num_cpu must be the number of workers, found {wanted} with {found} "
            "workers.  Under mpiexec, drop it.  Otherwise use `python -m "
            "baselines_her.run --num_cpu=N`, which calls mpiexec."
        )


def _choose_folder(
    config: Config, comm: Communicator, stack: contextlib.ExitStack
) -> tuple[Path, bool]:
    """The folder that the first worker locks, and whether it holds the run already."""
    chosen = None
    if comm.rank == 0:
        chosen = choose_folder(config)
        stack.enter_context(lock(chosen[0]))
    return comm.broadcast(chosen)


def _run(
    loop: Loop,
    folder: RunFolder,
    saver: Saver,
    comm: Communicator,
    callbacks: Callbacks,
    say_how_to_continue: Callable[[str], None],
) -> None:
    """Runs epochs until all steps are taken or a callback stops the run.

    If anything ends the run early, a checkpoint is written first where possible.
    """

    def after_iteration(row: Row) -> None:
        callbacks.on_iteration(row)
        saver.after_iteration()

    try:
        while not loop.is_finished:
            row = loop.run_epoch(folder, after_iteration)
            stops = callbacks.on_epoch(row)
            saver.end_if_asked()
            if comm.broadcast(stops):
                break
    except BaseException:
        saved = saver.rescue()
        lost = "" if saved else "What came after the last checkpoint is lost.  "
        say_how_to_continue(lost)
        raise


def _announce(console: Console, setup: Setup, path: Path) -> None:
    config = setup.prepared.config
    n = config.run.num_cpu or 1
    workers = f", {n} workers" if n > 1 else ""
    console.say(
        f"{setup.prepared.spec.env_id}: {config.run.alg}, preset {config.run.preset}, "
        f"seed {config.run.seed}{workers}, run folder {path}"
    )
    slow = slowness(setup.env) if config.machine.fast_env else None
    for line in [*([slow] if slow else []), *setup.prepared.notes]:
        console.say(line)
