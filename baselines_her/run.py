"""`python -m baselines_her.run`: train, play, or train and then play."""

import shlex
import sys
from typing import Any

from .cli import parse_flags, run_command


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code.

    With `--load_path`, `--play` and no `--num_timesteps` it only plays; `--play`
    otherwise trains first.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    flags = parse_flags(arguments)
    only_plays = "load_path" in flags and not {"num_timesteps", "resume"} & {*flags}
    if flags.get("play") and only_plays:
        return run_command(_play, flags["load_path"], flags)
    return run_command(_train, flags, arguments)


def _train(flags: dict[str, Any], arguments: list[str]) -> None:
    from .config import Config

    Config.from_flags(**flags)  # refuses bad values before anything heavy is loaded
    from .envs.make import resolve_id

    env = flags.pop("env", None if "resume" in flags else "FetchReach")
    env = env and resolve_id(env)
    from .training import train

    command = shlex.join(["python", "-m", "baselines_her.run", *arguments])
    result = train(env, command=command, **flags)
    if flags.get("play"):
        _play(str(result.best_policy), {"env": env, **flags})


def _play(path: str, flags: dict[str, Any]) -> None:
    from .play import play

    play(path, env=flags.get("env"), seed=flags.get("seed", 0))


if __name__ == "__main__":
    sys.exit(main())
