"""`python -m baselines_her.run`: train, play, or train and then play."""

import os
import shlex
import sys
from typing import Any

from .cli.command import run_command
from .cli.flags import Command, parse_command
from .config import from_flags, require_effects
from .parallel.abort import ending_together
from .parallel.communicator import connect
from .parallel.launcher import relaunch, report_end
from .runs.console import stages
from .runs.files import require_writable
from .runs.saver import resumed_flags
from .types import Communicator


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code.

    With `--load_path` and `--play` but without `--num_timesteps` it only plays.
    Otherwise `--play` plays after the training.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    return run_command(_run, arguments)


def _run(arguments: list[str]) -> None:
    comm = connect()
    with ending_together(comm, refuses=True):
        if comm.rank > 0:
            sys.stdout = open(os.devnull, "w")  # only the first worker prints
        _run_with(comm, arguments)
        report_end(comm.rank)


def _run_with(comm: Communicator, arguments: list[str]) -> None:
    command = _checked(parse_command(arguments), comm.rank)
    flags = command.flags
    only_plays = "load_path" in flags and not {"num_timesteps", "resume"} & {*flags}
    if flags.get("play") and only_plays:
        if comm.rank == 0:
            _play(flags["load_path"], flags)
    elif flags.get("num_cpu", 1) > comm.size == 1:
        sys.exit(relaunch("baselines_her.run", arguments, flags["num_cpu"]))
    else:
        _train(command, arguments, comm)


def _checked(command: Command, rank: int) -> Command:
    """The command, if its values are good; nothing heavy has been loaded yet."""
    given = command.flags
    from_flags(**given)
    env, flags = given.get("env"), {k: v for k, v in given.items() if k != "env"}
    if rank == 0:  # only the first worker needs to see the run's folder
        env, flags = resumed_flags(flags, env, has_maker=False)
    chosen = {**flags, "env": env} if env else flags
    require_effects(from_flags(**chosen), given)
    if "save_path" in given:
        require_writable(given["save_path"], "save_path")
    return command


def _train(command: Command, arguments: list[str], comm: Communicator) -> None:
    flags, quiet = command
    from .envs.make import resolve_id

    env = flags.pop("env", None if "resume" in flags else "FetchReach")
    with stages(quiet or comm.rank > 0) as show:
        show("Loading the environments")
        env = env and resolve_id(env)
        show("Loading TensorFlow (a few seconds)")
        from .training import train

    words = shlex.join(["python", "-m", "baselines_her.run", *arguments])
    result = train(env, command=words, comm=comm, quiet=quiet, **flags)
    if flags.get("play") and comm.rank == 0:
        _play(str(result.best_policy), {"env": env, **flags})


def _play(path: str, flags: dict[str, Any]) -> None:
    from .play import play

    names = {"env", "env_kwargs", "seed", "episodes", "per_step", "metrics"} & {*flags}
    play(path, **{name: flags[name] for name in names})


if __name__ == "__main__":
    sys.exit(main())
