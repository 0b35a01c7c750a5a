"""Writes demonstrations of a scripted expert.

python data_generation/fetch_data_generation.py --env=FetchPickAndPlace
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from baselines_her.cli.command import Parser, run_command
from baselines_her.demos.experts import EXPERTS, Expert
from baselines_her.demos.file import write_demos
from baselines_her.demos.record import join, record
from baselines_her.envs.check import check
from baselines_her.envs.make import env_factory
from baselines_her.envs.render import make_rendered
from baselines_her.runs.console import progress
from baselines_her.runs.video import check_video_path, write_video
from baselines_her.seeding import DEMOS, stream
from baselines_her.settings.fields import nearest
from baselines_her.types import Demos, Start

MOST_TRIALS = 20  # for each wanted episode
FILMED = 5  # episodes


def generate(options: argparse.Namespace) -> None:
    """Plays, keeps what succeeds, writes the file."""
    family = options.env.partition("-v")[0]
    if family not in EXPERTS:
        hint = nearest(family, EXPERTS)
        raise ValueError(f"experts exist for {', '.join(EXPERTS)}, not {family}{hint}")
    if options.episodes < 1 or options.noise < 0:
        raise ValueError("episodes must be at least 1 and noise at least 0.")
    factory = env_factory(options.env, None)
    env = factory()
    spec = check(env, factory.env_id)
    frames: list[Any] = []
    if options.video:
        check_video_path(options.video)
        env = make_rendered(factory, "rgb_array")
    kept: list[Demos] = []
    n_played = 0

    def on_state():
        if options.video and len(kept) < FILMED:
            frames.append(env.render())

    actor = Expert(EXPERTS[family], options.noise)
    with progress("episodes", options.episodes) as advance:
        for n in range(MOST_TRIALS * options.episodes):
            start = Start(stream(options.seed, DEMOS, n=n))
            _, demo = record(env, spec, actor, start, on_state)
            n_played += 1
            if options.keep_failures or demo.success[0]:
                kept.append(demo)
                advance()
            if len(kept) == options.episodes:
                break
    n_good = sum(bool(demo.success[0]) for demo in kept)
    print(
        f"expert: {n_good} of {n_played} episodes succeeded ({n_good / n_played:.2f})"
    )
    if not kept:
        raise RuntimeError("no episode succeeded: lower --noise.")
    generator = f"scripted expert, noise {options.noise:g}, seed {options.seed}"
    write_demos(options.out, join(kept, generator=generator))
    print(f"wrote {len(kept)} episodes of {spec.env_id} to {options.out}")
    if options.video:
        write_video(options.video, frames)
        print(f"wrote {options.video}")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--env", default="FetchPickAndPlace", help=", ".join(EXPERTS))
    parser.add_argument("--episodes", type=int, default=100, help="episodes to keep")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--noise", type=float, default=0.0, help="deviation of noise on the actions"
    )
    parser.add_argument("--out", type=Path, help="default: data_fetch_random_<N>.npz")
    parser.add_argument("--video", help=f"film the first {FILMED}: .mp4 or .gif")
    parser.add_argument("--keep_failures", action="store_true")
    options = parser.parse_args(arguments)
    options.out = options.out or Path(f"data_fetch_random_{options.episodes}.npz")
    return run_command(generate, options)


if __name__ == "__main__":
    sys.exit(main())
