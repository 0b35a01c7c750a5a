"""`python -m baselines_her.demos info|replay|convert`: look at demonstration files."""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..cli.command import Parser, run_command
from ..envs.check import check
from ..envs.make import EnvFactory, env_factory
from ..envs.render import film, make_rendered
from ..rollout import play_episode
from ..runs.foreign import printable
from ..runs.video import check_video_path, write_video
from ..seeding import DEMOS, stream
from ..types import Demos, EnvSpec, Episodes, Start
from .file import load_demos, write_demos
from .legacy import write_legacy
from .minari import check_id, read_minari, write_minari

MINARI = "minari:"
LONGEST_FACT = 200  # characters


def tell(line: str) -> None:
    """Prints a line that may hold text from a file."""
    print(printable(line))


def info(file: str, say: Callable[[str], None] = tell) -> None:
    """Prints what a demonstration file holds."""
    demos = read(file)
    n, horizon, action_dim = demos.action.shape
    achieved = demos.achieved.astype(np.float64)  # squares of float32 may overflow
    length = np.linalg.norm(np.diff(achieved, axis=1), axis=-1).sum(axis=1)
    say(f"{file}: {demos.facts.get('env_id', 'environment unknown')}")
    say(f"  episodes     {n}, each {horizon} steps")
    say(f"  success      {demos.success.mean():.2f} at the last step")
    say(
        f"  dimensions   observation {demos.obs.shape[-1]}, goal {demos.goal.shape[-1]}"
    )
    say(f"  goals' path  {length.min():.3f} to {length.max():.3f}, as achieved")
    for entry in range(action_dim):
        values = demos.action[..., entry].astype(np.float64)
        say(
            f"  action {entry}     {values.min():6.3f} to {values.max():6.3f}, mean "
            f"{values.mean():6.3f}, deviation {values.std():.3f}"
        )
    states = "none" if demos.state0 is None else f"{demos.state0.shape[1]} numbers each"
    say(f"  start states {states}")
    for name, fact in demos.facts.items():
        if name == "versions":
            fact = ", ".join(f"{k} {v}" for k, v in fact.items())
        if name != "env_id":
            say(printable(f"  {name:12} {fact}", LONGEST_FACT))


def replay(
    file: str,
    video: str | None = None,
    episodes: int | None = None,
    env: str | None = None,
    say: Callable[[str], None] = tell,
) -> float:
    """Replays the stored actions and returns the largest deviation.

    Args:
      file: demonstrations with start states.
      video: write the episodes to this .mp4 or .gif.
      episodes: replay only this many; default: all.
      env: the environment; needed if the file names one as `module:Id`.
      say: called with each line of the report.

    Raises:
      ValueError: the file holds no start states.
    """
    if video:
        check_video_path(video)
    if episodes is not None and episodes < 1:
        raise ValueError(f"episodes must be at least 1, found {episodes}.")
    demos = read(file)
    if demos.state0 is None:
        raise ValueError(
            f"replaying needs start states, and {file} holds none.  Generate the "
            "demonstrations again with python -m baselines_her.demos.generate."
        )
    factory, frames = _factory(demos, env), []
    spec = _spec(demos, factory)
    built = make_rendered(factory, "rgb_array") if video else factory()
    _require_fit(built, spec, file)
    deviations = []
    for k in range(len(demos.goal[:episodes])):
        state0, goal = demos.state0[k], demos.goal[k]
        start = Start(stream(0, DEMOS), state0, goal, demos.action[k])
        played: Episodes
        if video:
            played, more = film(built, spec, _Nobody(), start)
            frames += more
        else:
            played = play_episode(built, spec, _Nobody(), start)
        deviations.append(float(np.abs(played.obs[0] - demos.obs[k]).max()))
        same = bool(played.success[0, -1]) == bool(demos.success[k])
        outcome = "success" if played.success[0, -1] else "failure"
        say(
            f"episode {k + 1:>3}: {outcome}{'' if same else ', unlike the file'}, "
            f"observations differ by up to {deviations[-1]:.3g}"
        )
    say(f"largest deviation {max(deviations):.3g}")
    if video:
        write_video(video, frames)
        say(f"wrote {video}")
    return max(deviations)


def convert(
    source: str,
    target: str,
    legacy: bool = False,
    env: str | None = None,
    author: str | None = None,
    say: Callable[[str], None] = tell,
) -> None:
    """Converts demonstrations between baselines' format, ours and Minari.

    Args:
      source: a file, or `minari:<dataset id>`.
      target: a file, or `minari:<dataset id>`.
      legacy: write the format of OpenAI baselines.
      env: their environment, if the source does not name it.
      author: who made them, for Minari.
      say: called with each line of the report.
    """
    if target.startswith(MINARI):
        check_id(target.removeprefix(MINARI))
    demos = read(source)
    if env is not None:
        env_id = env_factory(env, None).env_id
        demos = demos._replace(facts={**demos.facts, "env_id": env_id})
    if target.startswith(MINARI):
        factory = _factory(demos, env)
        built = factory()
        _require_fit(built, _spec(demos, factory), source)
        write_minari(target.removeprefix(MINARI), demos, built, author)
    elif legacy:
        write_legacy(target, demos)
    else:
        write_demos(target, demos)
    say(f"wrote {len(demos.goal)} episodes to {target}")


def read(source: str) -> Demos:
    """Demonstrations from a file, or from `minari:<dataset id>`."""
    if source.startswith(MINARI):
        return read_minari(source.removeprefix(MINARI))
    return load_demos(source)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(prog="python -m baselines_her.demos", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    add = {f.__name__: commands.add_parser(f.__name__) for f in COMMANDS}
    add["info"].add_argument("file")
    add["replay"].add_argument("file")
    add["replay"].add_argument("--video", metavar="FILE", help=".mp4 or .gif")
    add["replay"].add_argument(
        "--episodes", type=int, help="number of episodes (default: all)"
    )
    add["convert"].add_argument("source", help="file or minari:<dataset id>")
    add["convert"].add_argument("target", help="file or minari:<dataset id>")
    add["convert"].add_argument(
        "--legacy", action="store_true", help="baselines' format"
    )
    add["convert"].add_argument("--author", help="who made them, for Minari")
    for name in "replay", "convert":
        add[name].add_argument("--env", help="environment, if the file names none")
    options: dict[str, Any] = vars(parser.parse_args(arguments))
    call = {f.__name__: f for f in COMMANDS}[options.pop("command")]
    return run_command(call, **options)


class _Nobody(NamedTuple):
    """An actor that never acts: the start holds all actions."""

    def start(self, rng):
        """Begins an episode in which it is never asked for an action."""


def _factory(demos: Demos, env: str | None) -> EnvFactory:
    named = demos.facts.get("env_id")
    if env is not None:
        return env_factory(env, None)
    if named is None:
        raise ValueError("the file does not name its environment: give --env=ID.")
    if ":" in named:
        raise ValueError(
            "a module that only a file names is not imported: if you trust it, give "
            f"--env={named}"
        )
    return env_factory(named, None)


def _spec(demos: Demos, factory: EnvFactory) -> EnvSpec:
    dims = demos.obs.shape[-1], demos.goal.shape[-1], demos.action.shape[-1]
    limits = (1.0,) * dims[2]
    return EnvSpec(factory.env_id, *dims, limits, demos.action.shape[1], None, None)


def _require_fit(env: Any, spec: EnvSpec, file: str) -> None:
    """Refuses actions and goals that the environment cannot take.

    Raises:
      ValueError: dimensions differ, or `env` is not a goal environment.
    """
    real = check(env, spec.env_id)
    wanted, found = (
        (s.obs_dim, s.goal_dim, s.action_dim, s.horizon) for s in (real, spec)
    )
    if found[:3] != wanted[:3] or found[3] > wanted[3]:
        raise ValueError(
            f"{file} must fit {spec.env_id} (observation, goal, action, steps at most: "
            f"{wanted}), found {found}.  Name its environment with --env."
        )


COMMANDS = (info, replay, convert)

if __name__ == "__main__":
    sys.exit(main())
