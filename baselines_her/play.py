"""Replaying a policy file: episodes, success rates, films.  No TensorFlow."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from .acting.policy import Policy
from .cli.command import Parser, run_command
from .demos.file import write_demos
from .demos.record import join, record
from .envs.make import EnvFactory, env_factory
from .envs.render import make_rendered
from .rollout import success_rates
from .runs.policy_file import load_policy
from .runs.video import check_video_path, write_video
from .seeding import EVALUATION, stream
from .types import Demos, EnvSpec, Episodes, Start, concatenate
from .versions import package_versions, physics_generation

EPISODES = 20


def evaluate(
    policy: Policy,
    env: str | Callable[..., gym.Env] | None = None,
    episodes: int = 100,
    seed: int = 0,
) -> tuple[float, float]:
    """Success rates of a policy over greedy episodes.

    Args:
      policy: from `load_policy` or `train(...).policy`.
      env: an id, or a function that builds the environment; default: the one that
        the policy was trained on.
      episodes: how many, at least 1.
      seed: of the episodes' starts and goals.

    Returns:
      Shares of episodes that succeed at the last step, and at any step.
    """
    return success_rates(rollouts(policy, env, episodes, seed))


def rollouts(
    policy: Policy,
    env: str | Callable[..., gym.Env] | None = None,
    episodes: int = 100,
    seed: int = 0,
) -> Episodes:
    """Greedy episodes of a policy; arguments as of `evaluate`."""
    factory, spec = _environment(policy, env)
    done = _episodes(factory(), spec, policy, episodes, seed)
    return concatenate([episode for episode, _, _ in done])


def play(
    path: str | Path,
    env: str | None = None,
    episodes: int = EPISODES,
    seed: int = 0,
    video: str | Path | None = None,
    render: bool = False,
    save_demos: str | Path | None = None,
    per_step: bool = False,
    say: Callable[[str], None] = print,
) -> tuple[float, float]:
    """Plays a policy file and tells of every episode; returns both success rates.

    Args:
      path: the policy's `.pkl`.
      env: overrides the file's environment; needed for `module:Id`.
      episodes: how many, at least 1.
      seed: of the episodes' starts and goals.
      video: write all episodes to this .mp4 or .gif.
      render: show a window.
      save_demos: write all episodes to this demonstration file (.npz).
      per_step: tell the share of successful steps, too.
      say: takes each line.

    Raises:
      ValueError: the file or its environment is not what it must be.
      RuntimeError: nothing on this machine can draw.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, found {episodes}.")
    if video and render:
        raise ValueError("video and render exclude each other: drop one of them.")
    if video:
        check_video_path(video)
    policy = load_policy(path)
    _warn_of_other_physics(policy, say)
    factory, spec = _environment(policy, env)
    say(f"{spec.env_id}: {path}, {episodes} episodes, seed {seed}")
    played, demos, frames = [], [], []
    mode = "human" if render else "rgb_array" if video else None
    built = make_rendered(factory, mode) if mode else factory()
    for n, (episode, demo, film) in enumerate(
        _episodes(built, spec, policy, episodes, seed, filmed=bool(video))
    ):
        played.append(episode)
        demos.append(demo)
        frames += film
        say(f"episode {n + 1:>3}: {_outcome(episode)}")
    built.close()
    rates = _tell_rates(concatenate(played), per_step, say)
    if video:
        write_video(video, frames)
        say(f"wrote {video}")
    if save_demos:
        write_demos(save_demos, join(demos, generator=f"policy {Path(path).name}"))
        say(f"wrote {episodes} episodes to {save_demos}")
    return rates


def main(arguments: list[str] | None = None) -> int:
    """`play.py POLICY [--episodes N] ...`; returns the exit code."""
    parser = Parser(prog="play.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("policy", help="policy file (.pkl)")
    parser.add_argument("--env", help="environment; needed for module:Id")
    parser.add_argument("--episodes", type=int, default=EPISODES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--video", metavar="FILE", help="write .mp4 or .gif")
    parser.add_argument("--save_demos", metavar="FILE", help="write them as demos")
    words = "tell the share of successful steps, too"
    parser.add_argument("--per_step", action="store_true", help=words)
    parser.add_argument("--render", action="store_true", help="show a window")
    options: dict[str, Any] = vars(parser.parse_args(arguments))
    return run_command(play, options.pop("policy"), **options)


def _episodes(
    env: gym.Env, spec: EnvSpec, policy: Policy, n: int, seed: int, filmed: bool = False
) -> Iterator[tuple[Episodes, Demos, list[np.ndarray]]]:
    """Plays n episodes: each, the same as a demonstration, and its frames."""
    for number in range(n):
        frames: list[Any] = []

        def take_frame(frames=frames):
            if filmed:
                frames.append(env.render())

        start = Start(stream(seed, EVALUATION, n=number))
        yield *record(env, spec, policy, start, take_frame), frames


def _environment(
    policy: Policy, env: str | Callable[..., gym.Env] | None
) -> tuple[EnvFactory, EnvSpec]:
    """The environment to play in.  A file's own word imports no module."""
    spec = EnvSpec(**policy.header["spec"])
    if env is None and ":" in spec.env_id:
        raise ValueError(
            f"the policy names {spec.env_id}, and a module is not imported on a file's "
            f"word.  If you trust it, repeat it: --env={spec.env_id}"
        )
    name = env if isinstance(env, str) else spec.env_id
    factory = env_factory(name, env if callable(env) else None)
    built = factory()
    space: Any = built.observation_space
    names = "observation", "desired_goal"
    found = *(space[name].shape[0] for name in names), built.action_space.shape[0]  # type: ignore
    wanted = spec.obs_dim, spec.goal_dim, spec.action_dim
    if found != wanted:
        raise ValueError(
            f"the policy of {spec.env_id} has {wanted} observations, goal entries and "
            f"actions, but {factory.env_id} has {found}.  Play it in its own "
            "environment."
        )
    limit = getattr(built.spec, "max_episode_steps", None) or spec.horizon
    return factory, spec._replace(env_id=factory.env_id, horizon=limit)


def _outcome(episode: Episodes) -> str:
    success = episode.success[0]
    if success[-1]:
        return f"success, first reached at step {int(success.argmax()) + 1}"
    return "failure" + (" (reached, then left)" if success.any() else "")


def _tell_rates(
    episodes: Episodes, per_step: bool, say: Callable[[str], None]
) -> tuple[float, float]:
    at_end, at_any = success_rates(episodes)
    more = f", {episodes.success.mean():.2f} over all steps" if per_step else ""
    say(f"success rate {at_end:.2f} at the last step, {at_any:.2f} at any step{more}")
    return at_end, at_any


def _warn_of_other_physics(policy: Policy, say: Callable[[str], None]) -> None:
    made = physics_generation(policy.header.get("versions", {}).get("mujoco", ""))
    here = physics_generation(package_versions()["mujoco"])
    if made and made != here:
        say(f"warning: trained with {made}, playing with {here}: the physics differs")


if __name__ == "__main__":
    sys.exit(main())
