"""Builds environments by name; suggests names and versions."""

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import gymnasium as gym

from ..quiet import quiet_stderr
from ..settings.common import json_object
from ..settings.fields import nearest
from ..versions import mujoco_problem
from .anymal import NAMESPACE
from .fetch import speed_up
from .gl import choose_gl
from .options import with_options
from .registry import Entry, own_entries, register
from .state import with_simulation

ID = re.compile(r"^(?P<name>[\w/.\-]+?)(-v(?P<version>\d+))?$")
# The first versions of gymnasium-robotics' tasks in which the robot starts in the pose
# that their documentation describes.
SOUND = {
    re.compile(r"Fetch(Reach|Push|Slide|PickAndPlace)(Dense)?"): 4,
    re.compile(r"HandReach(Dense)?"): 3,
}


def resolve_id(env: str) -> str:
    """The registered id that a user means: `FetchPush` is the newest `FetchPush-v*`.

    Args:
      env: an id, with or without a version, or `module:Id-v0`, where importing the
        module registers the id.

    Raises:
      ValueError: the environment does not exist or can no longer run.
    """
    module, colon, name = env.rpartition(":")
    _register(module)
    match = ID.match(name)
    if not match:
        raise ValueError(f"env must be an id such as FetchReach-v4, found {env!r}.")
    if match["version"] is None and name in gym.registry:
        return env
    wanted, versions = match["name"], _versions(match["name"])
    own = f"{NAMESPACE}/{wanted}"
    if not versions and not module and _versions(own):
        wanted, versions = own, _versions(own)
    if not versions:
        known = {spec.name for spec in gym.registry.values()}
        found = nearest(wanted, known)
        raise ValueError(f"unknown environment {env}{found}")
    newest = max(versions)
    chosen = newest if match["version"] is None else int(match["version"])
    problem = _problem(wanted, chosen)
    if problem:
        best = max(newest, _first_sound(wanted))
        raise ValueError(
            f"{wanted}-v{chosen} {problem}: use --env={module}{colon}{wanted}-v{best}"
        )
    return f"{module}{colon}{wanted}-v{chosen}"


def _problem(name: str, version: int) -> str | None:
    """What is wrong with a version of a registered environment."""
    entry = gym.registry.get(f"{name}-v{version}")
    point = "gymnasium_robotics" if entry is None else str(entry.entry_point)
    if "MujocoPy" in point:
        return "needs mujoco_py, which is no longer maintained"
    if 0 < version < _first_sound(name) and "gymnasium_robotics" in point:
        return "starts the robot in another pose than the documented one"
    return "does not exist" if entry is None else None


def _first_sound(name: str) -> int:
    return next((first for known, first in SOUND.items() if known.fullmatch(name)), 0)


class EnvFactory(NamedTuple):
    """Builds any number of environments: `factory(render_mode=None)`."""

    env_id: str
    build: Callable[..., gym.Env]
    fast: bool = True  # replace slow look-ups, see `fetch.speed_up`
    entries: tuple[Entry, ...] = ()  # what a new process must register first
    options: str | None = None  # what every reset gets, as JSON

    def __call__(self, render_mode: str | None = None) -> gym.Env:
        """A new environment."""
        register(self.entries)
        env = self.build(render_mode=render_mode)
        if self.fast:
            speed_up(env)
        return with_simulation(with_options(env, self.options))


def env_factory(
    env: str | None,
    make_env: Callable[..., gym.Env] | None,
    env_kwargs: str | None = None,
) -> EnvFactory:
    """The factory of a registered environment, or of a user's function.

    Args:
      env: an id for `resolve_id`; ignored when `make_env` is given.
      make_env: the user's function; called with `render_mode` if it accepts it.
      env_kwargs: keywords of a registered environment, as a JSON object.

    Raises:
      ValueError: the environment does not exist, or the keywords are no JSON object.
    """
    if make_env is None:
        if env is None:
            raise ValueError("an environment must be named: env= or make_env=.")
        env_id = resolve_id(env)
        build = functools.partial(make, env_id, **keywords_of(env_kwargs))
        return EnvFactory(env_id, build, entries=own_entries())
    if env_kwargs:
        raise ValueError(
            "env_kwargs has no effect on an environment that a function builds.  Let "
            "the function use the values, and drop env_kwargs."
        )
    name = env or str(getattr(make_env, "__name__", "custom"))
    takes = inspect.signature(make_env).parameters.values()
    if not any(p.name == "render_mode" or p.kind is p.VAR_KEYWORD for p in takes):
        make_env = functools.partial(_without_mode, make_env)
    return EnvFactory(name, make_env, entries=own_entries())


def keywords_of(env_kwargs: str | None) -> dict[str, Any]:
    """The keywords in a JSON object; none for None.

    Raises:
      ValueError: it is not a JSON object, or says how to draw.
    """
    if env_kwargs is None:
        return {}
    found = json_object("env_kwargs", env_kwargs)
    if "render_mode" in found:
        raise ValueError(
            "env_kwargs must not hold render_mode, which follows from --video and "
            "--render.  Drop it."
        )
    return found


def _without_mode(make_env: Callable[[], gym.Env], render_mode=None) -> gym.Env:
    return make_env()


def make(env_id: str, render_mode: str | None = None, **keywords: Any) -> gym.Env:
    """Builds a registered environment.

    Args:
      env_id: from `resolve_id`.
      render_mode: None, "rgb_array" or "human".
      keywords: for its constructor.

    Raises:
      RuntimeError: the installed packages cannot build it.
      ValueError: it cannot be drawn, or does not know a keyword.
    """
    module = env_id.rpartition(":")[0]
    _register(module)
    problem = mujoco_problem()
    if problem and not module:
        raise RuntimeError(problem)
    # gymnasium's checker would run at every step; `check.py` checks once.
    build = functools.partial(gym.make, env_id, disable_env_checker=True, **keywords)
    if render_mode is None:  # a constructor need not accept it
        return _build(build, env_id, keywords)
    try:
        return build(render_mode=render_mode)
    except (TypeError, gym.error.Error) as error:
        if "'render_mode'" not in str(error):
            raise
        raise ValueError(
            f"an environment that is drawn must take render_mode, but {env_id} does "
            "not.  Add the argument to its constructor, or drop --video, --render and "
            "--video_interval."
        ) from error


def _build(
    build: Callable[..., gym.Env], env_id: str, keywords: dict[str, Any]
) -> gym.Env:
    try:
        return build()
    except TypeError as error:
        if not keywords:
            raise
        raise ValueError(
            f"env_kwargs must be keywords of {env_id}, found {sorted(keywords)}: "
            f"{error}."
        ) from None


def _register(module: str) -> None:
    """Imports the module that registers ids: gymnasium-robotics, or the user's."""
    if module:
        try:
            __import__(module)
        except ImportError as error:
            raise ValueError(
                f"env names the module {module!r}, which cannot be imported: {error}.  "
                "Install it, or run from the folder that holds it."
            ) from error
        return
    choose_gl()
    with quiet_stderr():  # hides a notice on Adroit environments, in every process
        import gymnasium_robotics
    if not _versions("FetchReach"):
        gym.register_envs(gymnasium_robotics)


def _versions(name: str) -> list[int]:
    return [
        spec.version or 0
        for spec in gym.registry.values()
        if spec.name == name.rpartition("/")[2]
        and (spec.namespace or "") == name.rpartition("/")[0]
    ]
