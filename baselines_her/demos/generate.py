"""Demonstrations of a scripted expert: `python -m baselines_her.demos.generate`.

The expert plays; the episodes that succeed are kept and written to a file.
"""

import sys
from pathlib import Path
from typing import Any, NamedTuple

from ..cli.command import Parser, run_command
from ..envs.check import check
from ..envs.make import env_factory
from ..envs.render import make_rendered
from ..runs.console import progress
from ..runs.foreign import printable
from ..runs.video import check_video_path, write_video
from ..seeding import DEMOS, stream
from ..settings.fields import nearest
from ..types import Demos, EnvSpec, Start
from .experts import EXPERTS, Expert
from .file import write_demos
from .record import join, record

MOST_TRIALS = 20  # episodes played for each one that is wanted
FILMED = 5  # episodes


class Played(NamedTuple):
    """What an expert has played."""

    kept: list[Demos]  # one episode each
    n_played: int
    frames: list[Any]  # of the first episodes, if a film is wanted


def generate(
    env: str = "FetchPickAndPlace",
    episodes: int = 100,
    seed: int = 0,
    noise: float = 0.0,
    out: str | Path | None = None,
    video: str | Path | None = None,
    keep_failures: bool = False,
) -> Path:
    """Writes demonstrations of a scripted expert; returns the file's path.

    Args:
      env: a Fetch task, with or without version.
      episodes: how many to keep.
      seed: for the environment's resets and the noise.
      noise: standard deviation of Gaussian noise on the actions.
      out: the file; default: data_fetch_random_<episodes>.npz.
      video: write a film (.mp4 or .gif) of the first episodes.
      keep_failures: also keep episodes that do not succeed.

    Raises:
      ValueError: there is no expert for `env`, or a number is out of range.
      RuntimeError: no episode succeeded.
    """
    family = env.partition("-v")[0]
    if family not in EXPERTS:
        hint = nearest(family, EXPERTS)
        raise ValueError(f"experts exist for {', '.join(EXPERTS)}, not {family}{hint}")
    if episodes < 1 or not noise >= 0:
        raise ValueError("episodes must be at least 1 and noise at least 0.")
    if video:
        check_video_path(video)
    factory = env_factory(env, None)
    built = factory()
    spec = check(built, factory.env_id)
    if video:
        built = make_rendered(factory, "rgb_array")
    actor = Expert(EXPERTS[family], noise)
    played = _play(built, spec, actor, episodes, seed, keep_failures, bool(video))
    n_good = sum(bool(demo.success[0]) for demo in played.kept)
    share = f"{n_good} of {played.n_played}"
    print(f"expert: {share} episodes succeeded ({n_good / played.n_played:.2f})")
    if not played.kept:
        raise RuntimeError("no episode succeeded: lower --noise.")
    generator = f"scripted expert, noise {noise:g}, seed {seed}"
    path = Path(out or f"data_fetch_random_{episodes}.npz")
    write_demos(path, join(played.kept, generator=generator))
    print(f"wrote {len(played.kept)} episodes of {spec.env_id} to {printable(path)}")
    if video:
        write_video(video, played.frames)
        print(f"wrote {printable(video)}")
    return path


def _play(
    env: Any,
    spec: EnvSpec,
    actor: Expert,
    wanted: int,
    seed: int,
    keep_failures: bool,
    is_filmed: bool,
) -> Played:
    """Plays until enough episodes are kept or too many have been tried."""
    kept: list[Demos] = []
    frames: list[Any] = []

    def on_state():
        if is_filmed and len(kept) < FILMED:
            frames.append(env.render())

    with progress("episodes", wanted) as advance:
        for n in range(MOST_TRIALS * wanted):
            start = Start(stream(seed, DEMOS, n=n))
            _, demo = record(env, spec, actor, start, on_state)
            if keep_failures or demo.success[0]:
                kept.append(demo)
                advance()
            if len(kept) == wanted:
                break
    return Played(kept, n + 1, frames)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    words = "Writes demonstrations of a scripted expert."
    parser = Parser(prog="generate", description=words, allow_abbrev=False)
    parser.add_argument("--env", default="FetchPickAndPlace", help=", ".join(EXPERTS))
    parser.add_argument("--episodes", type=int, default=100, help="episodes to keep")
    parser.add_argument("--seed", type=int, default=0, help="of the starts and goals")
    parser.add_argument(
        "--noise", type=float, default=0.0, help="deviation of noise on the actions"
    )
    parser.add_argument("--out", type=Path, help="default: data_fetch_random_<N>.npz")
    parser.add_argument("--video", help=f"film the first {FILMED}: .mp4 or .gif")
    parser.add_argument(
        "--keep_failures", action="store_true", help="keep failures too"
    )
    return run_command(generate, **vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
