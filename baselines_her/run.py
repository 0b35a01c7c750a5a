"""`python -m baselines_her.run`: train, play, or train and then play."""

import os
import shlex
import sys
from typing import Any

from .cli.command import run_command
from .cli.flags import parse_flags
from .parallel.abort import ending_together
from .parallel.communicator import connect
from .parallel.launcher import relaunch, report_end


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code.

    With `--load_path`, `--play` and no `--num_timesteps` it only plays; `--play`
    otherwise trains first.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    return run_command(_run, arguments)


def _run(arguments: list[str]) -> None:
    comm = connect()
    with ending_together(comm, refuses=True):
        if comm.rank > 0:
            sys.stdout = open(os.devnull, "w")  # one worker speaks
        _run_with(comm, arguments)
        report_end(comm.rank)


def _run_with(comm: Any, arguments: list[str]) -> None:
    flags = _checked(parse_flags(arguments))
    only_plays = "load_path" in flags and not {"num_timesteps", "resume"} & {*flags}
    if flags.get("play") and only_plays:
        if comm.rank == 0:
            _play(flags["load_path"], flags)
    elif flags.get("num_cpu", 1) > comm.size == 1:
        sys.exit(relaunch("baselines_her.run", arguments, flags["num_cpu"]))
    else:
        _train(flags, arguments, comm)


def _checked(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags; bad values are refused before anything heavy is loaded."""
    from .config import Config

    Config.from_flags(**flags).require_effect(flags)
    return flags


def _train(flags: dict[str, Any], arguments: list[str], comm: Any) -> None:
    from .envs.make import resolve_id

    env = flags.pop("env", None if "resume" in flags else "FetchReach")
    env = env and resolve_id(env)
    from .training import train

    command = shlex.join(["python", "-m", "baselines_her.run", *arguments])
    result = train(env, command=command, comm=comm, **flags)
    if flags.get("play") and comm.rank == 0:
        _play(str(result.best_policy), {"env": env, **flags})


def _play(path: str, flags: dict[str, Any]) -> None:
    from .play import play

    names = {"env", "seed", "episodes", "per_step"} & {*flags}
    play(path, **{name: flags[name] for name in names})


if __name__ == "__main__":
    sys.exit(main())
