"""Plays a policy file: episodes, success rates, films.  Loads no TensorFlow."""

import contextlib
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from .algorithms import DEFAULT, entry
from .cli.command import Parser, run_command
from .demos.file import write_demos
from .demos.record import join, record
from .envs.driving import HELP as KEYS
from .envs.driving import driver
from .envs.make import EnvFactory, env_factory, keywords_of
from .envs.render import Camera, frame_stride, make_rendered
from .parallel.group import group_of
from .parallel.side_by_side import play_side_by_side
from .rollout import evaluation_of, mean_metrics, play_episode
from .runs.foreign import printable
from .runs.intervals import wilson
from .runs.policy_file import load_policy
from .runs.video import check_video_path, write_video
from .seeding import EVALUATION, stream
from .types import (
    EnvSpec,
    Episodes,
    Evaluation,
    FlatEpisodes,
    Start,
    concatenate,
)
from .versions import package_versions, physics_generation

EPISODES = 20
SIDE_BY_SIDE = 25  # episodes at most


def evaluate(
    policy: Any,
    env: str | Callable[..., gym.Env] | None = None,
    episodes: int = 100,
    seed: int = 0,
    env_kwargs: str | None = None,
) -> Evaluation:
    """Plays greedy episodes of a policy and returns their outcome.

    Args:
      policy: from `load_policy` or `train(...).policy`.
      env: an id, or a function that builds the environment; default: the one that
        the policy was trained on.
      episodes: how many, at least 1.
      seed: decides the episodes' starts and goals.
      env_kwargs: keywords for building the environment, as a JSON object.

    Returns:
      Returns and lengths of the episodes; for tasks with goals also the success rates
      `success_last` and `success_any`: `last, any = evaluate(policy)`.
    """
    return evaluation_of(rollouts(policy, env, episodes, seed, env_kwargs))


def rollouts(
    policy: Any,
    env: str | Callable[..., gym.Env] | None = None,
    episodes: int = 100,
    seed: int = 0,
    env_kwargs: str | None = None,
) -> Any:
    """Greedy episodes of a policy; the arguments are those of `evaluate`."""
    _, spec, built = _environment(policy, env, env_kwargs)
    with contextlib.closing(built):
        done = _unwatched(built, spec, policy, episodes, seed)
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
    metrics: bool = False,
    env_kwargs: str | None = None,
    drive: bool = False,
    stochastic: bool = False,
    say: Callable[[str], None] = print,
) -> Evaluation:
    """Plays a policy file and reports every episode; returns the outcome.

    Args:
      path: the policy's `.pkl`, or the name of a policy in this package (FetchPush).
      env: an id; default: the one in the file; must be given for `module:Id`.
      episodes: how many, at least 1.
      seed: decides the episodes' starts and goals.
      video: write all episodes to this .mp4 or .gif.
      render: show a window.
      save_demos: write all episodes to this demonstration file (.npz).
      per_step: also report the share of successful steps.
      metrics: also report what the environment measures of each episode, as means.
      env_kwargs: keywords for building the environment, as a JSON object.
      drive: show a window and command the robot by keyboard.
      stochastic: draw actions, as training does; for policies that can.
      say: called with each line of the report.

    Raises:
      ValueError: the file or its environment breaks a rule, which the message names.
      RuntimeError: this machine cannot draw.
    """
    render = render or drive
    _require_options(episodes, video, render)
    policy = load_policy(path, **({"stochastic": True} if stochastic else {}))
    _warn_of_other_physics(policy, say)
    factory, spec, built = _environment(policy, env, env_kwargs)
    noun = "episode" if episodes == 1 else "episodes"
    say(f"{spec.env_id}: {path}, {episodes} {noun}, seed {seed}")
    _warn_of_other_environment(policy, spec.env_id, env_kwargs, say)
    if save_demos or per_step:
        _require_goals(spec, built)
    if video or render:
        built.close()
        built = make_rendered(factory, "human" if render else "rgb_array")
    watch = driver(built) if drive else _nothing
    if drive:
        say(KEYS)
    recorded = record if save_demos else _without_demo
    played, demos, frames = [], [], []
    own = built, spec, policy, episodes, seed
    is_watched = video or render or save_demos
    with contextlib.closing(built):
        done = (
            _episodes(*own, bool(video), recorded, watch)
            if is_watched
            else _unwatched(*own)
        )
        for n, (episode, demo, film) in enumerate(done):
            played.append(episode)
            demos.append(demo)
            frames += film
            say(f"episode {n + 1:>3}: {_outcome(episode)}")
    everything = concatenate(played)
    for line in _report(everything, per_step, metrics):
        say(line)
    if video:
        write_video(video, frames)
        say(f"wrote {video}")
    if save_demos:
        write_demos(save_demos, join(demos, generator=f"policy {Path(path).name}"))
        say(f"wrote {episodes} episodes to {save_demos}")
    return evaluation_of(everything)


def main(arguments: list[str] | None = None) -> int:
    """`play.py POLICY [--episodes N] ...`; returns the exit code."""
    words = "Play a policy file; print every episode's outcome and the success rate."
    parser = Parser(prog="play.py", description=words, allow_abbrev=False)
    add = parser.add_argument
    number: dict[str, Any] = {"type": int, "metavar": "N"}
    add("policy", help="policy file (.pkl), or a name: FetchPush")
    words = "environment (default: the policy's; must be given for module:Id)"
    add("--env", metavar="ENV", help=words)
    words = f"number of episodes (default: {EPISODES})"
    add("--episodes", default=EPISODES, help=words, **number)
    words = "seed of the episodes' starts and goals (default: 0)"
    add("--seed", default=0, help=words, **number)
    words = "also write a film of all episodes (.mp4 or .gif)"
    add("--video", metavar="FILE", help=words)
    words = "also write the episodes as demonstrations (.npz)"
    add("--save_demos", metavar="FILE", help=words)
    words = "also report the share of successful steps"
    add("--per_step", action="store_true", help=words)
    words = "also report what the environment measures of each episode, as means"
    add("--metrics", action="store_true", help=words)
    words = "keywords for building the environment, as a JSON object"
    add("--env_kwargs", metavar="JSON", help=words)
    words = "draw actions, as training does; for policies that can"
    add("--stochastic", action="store_true", help=words)
    add("--render", action="store_true", help="show the episodes in a window")
    words = "a robot's command: forward and sideways in m/s, turn in rad/s"
    add("--command", metavar="X,Y,TURN", help=words)
    words = "show a window and command the robot by keyboard"
    add("--drive", action="store_true", help=words)
    options: dict[str, Any] = vars(parser.parse_args(arguments))
    return run_command(_commanded, options.pop("policy"), **options)


def _require_goals(spec: Any, built: gym.Env) -> None:
    """Raises ValueError, and closes the environment, if its task has no goals."""
    if not isinstance(spec, EnvSpec):
        built.close()
        raise ValueError(
            f"save_demos and per_step need a task with goals, but {spec.env_id} has "
            "none.  Drop them."
        )


def _require_options(episodes: int, video: str | Path | None, window: bool) -> None:
    """Refuses options that cannot be met, before anything is loaded."""
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, found {episodes}.")
    if video and window:
        raise ValueError("video and a window exclude each other: drop one of them.")
    if video:
        check_video_path(video)


def _nothing() -> None:
    """Does nothing: what is called at every step if nobody drives."""


def _without_demo(*arguments: Any) -> tuple[Any, None]:
    return play_episode(*arguments), None


def _episodes(
    env: gym.Env,
    spec: Any,
    policy: Any,
    n: int,
    seed: int,
    filmed: bool = False,
    play_one: Callable[..., tuple[Any, Any]] = _without_demo,
    watch: Callable[[], None] = _nothing,
) -> Iterator[tuple[Any, Any, list[np.ndarray]]]:
    """Plays n episodes; yields each one, its demonstration (or None) and its frames."""
    stride, has_window = frame_stride(env), env.render_mode == "human"
    for number in range(n):
        frames: list[Any] = []
        camera = Camera(env, spec, policy)

        def on_state(frames=frames, camera=camera, steps=itertools.count()):
            watch()
            if has_window:
                camera.mark()
            if filmed and next(steps) % stride == 0:
                frames.append(camera.frame())

        start = Start(stream(seed, EVALUATION, n=number))
        yield *play_one(env, spec, camera, start, on_state), frames


def _unwatched(
    env: gym.Env, spec: Any, policy: Any, n: int, seed: int
) -> Iterator[tuple[Any, None, list[np.ndarray]]]:
    """`_episodes` of which nothing is seen: side by side, where the kind offers it.

    Their bits are the same.
    """
    group = group_of(env, min(n, SIDE_BY_SIDE))
    if group is None:
        yield from _episodes(env, spec, policy, n, seed)
        return
    with contextlib.closing(group):
        if not hasattr(group, "metrics"):
            yield from _episodes(env, spec, policy, n, seed)
            return
        for first in range(0, n, SIDE_BY_SIDE):
            numbers = range(first, min(n, first + SIDE_BY_SIDE))
            starts = [Start(stream(seed, EVALUATION, n=number)) for number in numbers]
            done = play_side_by_side(group, spec, policy, starts)
            for k in range(len(starts)):
                yield FlatEpisodes(*(part[k : k + 1] for part in done)), None, []


def _environment(
    policy: Any,
    env: str | Callable[..., gym.Env] | None,
    env_kwargs: str | None = None,
) -> tuple[EnvFactory, Any, gym.Env]:
    """Builds the environment; never imports a module that only a file names."""
    if "spec" not in policy.header:
        raise ValueError(
            "env must be given for a policy that was not read from a file: pass env=, "
            "an id or the function that builds the environment."
        )
    algorithm = entry(policy.header.get("alg", DEFAULT))
    spec = algorithm.read_spec(policy.header["spec"])
    if env is None and ":" in spec.env_id:
        raise ValueError(
            f"the policy names {spec.env_id}, but a module that only a file names is "
            f"not imported.  If you trust it, give --env={spec.env_id}"
        )
    keywords_of(env_kwargs)  # refused here, in words of its own
    try:
        factory = env_factory(
            env if isinstance(env, str) else spec.env_id,
            env if callable(env) else None,
            env_kwargs,
        )
    except ValueError as error:
        if env is not None:
            raise
        raise ValueError(
            f"the policy was trained in {spec.env_id}, which is not registered here: "
            f"pass env=, an id or the function that builds it.  ({error})"
        ) from None
    if env in (None, spec.env_id):
        options = policy.header.get("config", {}).get("reset_options")
        factory = factory._replace(options=options)
    built = factory()
    try:
        return factory, algorithm.fit(spec, built, factory.env_id), built
    except ValueError:
        built.close()
        raise


def _outcome(episode: Episodes | FlatEpisodes) -> str:
    if isinstance(episode, FlatEpisodes):
        return f"return {episode.returns[0]:,.1f}, {episode.lengths[0]:,} steps"
    success = episode.success[0]
    if success[-1]:
        return f"success, first reached at step {int(success.argmax()) + 1}"
    return "failure" + (" (reached, then left)" if success.any() else "")


def _summary(evaluation: Evaluation) -> str:
    if evaluation.last_success is None:
        returns, n_steps = evaluation.returns, evaluation.lengths.mean()
        return (
            f"return {returns.mean():,.1f} (median {np.median(returns):,.1f}, "
            f"{returns.min():,.1f} to {returns.max():,.1f}), {n_steps:,.0f} steps"
        )
    at_end, at_any = evaluation
    low, high = wilson(int(evaluation.last_success.sum()), len(evaluation.returns))
    return (
        f"success rate {at_end:.2f} at the last step (95 % interval {low:.2f} to "
        f"{high:.2f}), {at_any:.2f} at any step"
    )


def _commanded(path: str, command: str | None, **options: Any) -> Evaluation:
    """`play`, with a command such as "1,0,0" among the environment's keywords."""
    if command is not None:
        try:
            values = [float(word) for word in command.split(",")]
        except ValueError:
            values = []
        if len(values) != 3:
            raise ValueError(
                f"command must be three numbers, such as 1.0,0,0, found {command!r}."
            )
        keywords = keywords_of(options["env_kwargs"])
        options["env_kwargs"] = json.dumps({**keywords, "command": values})
    return play(path, **options)


def _report(episodes: Any, per_step: bool, metrics: bool) -> Iterator[str]:
    """The summary of all episodes, and what the environment measures of them."""
    more = f", {episodes.success.mean():.2f} over all steps" if per_step else ""
    yield _summary(evaluation_of(episodes)) + more
    if not metrics:
        return
    means = mean_metrics(episodes)
    for name, mean in means.items():
        yield f"{name:>16} {mean:9.4f}"
    if not means:
        yield "the environment reports no metrics (info['metrics'])"


def _warn_of_other_environment(
    policy: Any, env_id: str, env_kwargs: str | None, say: Callable[[str], None]
) -> None:
    trained_in = policy.header["spec"]["env_id"]
    if trained_in != env_id:
        say(f"warning: the policy was trained in {printable(trained_in)}")
    used = policy.header.get("config", {}).get("env_kwargs")
    if used and env_kwargs is None:
        say(f"warning: the policy was trained with --env_kwargs={printable(used)!r}")


def _warn_of_other_physics(policy: Any, say: Callable[[str], None]) -> None:
    made = physics_generation(policy.header.get("versions", {}).get("mujoco", ""))
    here = physics_generation(package_versions()["mujoco"])
    if made and made != here:
        say(f"warning: trained with {made}, playing with {here}: the physics differs")


if __name__ == "__main__":
    sys.exit(main())
