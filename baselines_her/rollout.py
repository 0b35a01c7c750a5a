"""Playing whole episodes: an episode is a function of the actor and one seed.

Whoever acts offers `start(rng) -> act(obs, achieved, goal)`: policies, explorers and
scripted experts share this file, so there is one definition of an episode.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np

from .policy import Act
from .types import EnvSpec, Episodes, Start, concatenate


class Actor(Protocol):
    """Anything that can act for a whole episode."""

    def start(self, rng: np.random.Generator) -> Act:
        """Begins an episode; `rng` is all the randomness it may use."""


def success_rates(episodes: Episodes) -> tuple[float, float]:
    """Shares of episodes that succeed at their last step, and at any step.

    The first is the published metric.
    """
    success = episodes.success
    return float(success[:, -1].mean()), float(success.any(axis=1).mean())


def collect(env: Any, spec: EnvSpec, actor: Actor, starts: Iterable[Start]) -> Episodes:
    """Plays one episode for each start, in their order."""
    return concatenate([play_episode(env, spec, actor, start) for start in starts])


def play_episode(
    env: Any,
    spec: EnvSpec,
    actor: Actor,
    start: Start,
    on_state: Callable[[], None] = lambda: None,
) -> Episodes:
    """One episode, as `Episodes` with E = 1.

    The environment's start and the actor's noise come from `start` alone.

    Args:
      env: a goal environment that `envs.check` accepts.
      spec: its dimensions.
      actor: chooses the actions.
      start: all randomness of the episode; or a state and a goal to begin with, and
        actions to take before the actor's first.
      on_state: called after the reset and after every step, e.g. to take a frame.

    Raises:
      RuntimeError: an action was not finite, the episode ended early, or success was
        not told.
    """
    rng = np.random.default_rng(start.seed)
    options = {} if start.state is None else {"options": start.options}
    observation, _ = env.reset(seed=reset_seed(rng), **options)
    episode = _empty(spec)
    goal = episode.goal[0]
    goal[:] = observation["desired_goal"]
    act = actor.start(rng)
    given = () if start.actions is None else start.actions
    _record(episode, 0, observation)
    on_state()
    for t in range(spec.horizon):
        state = episode.obs[0, t], episode.achieved[0, t], goal
        action = given[t] if t < len(given) else act(*state)
        _require_finite(action, t)
        episode.action[0, t] = action
        observation, _, terminated, truncated, info = env.step(action)
        _record(episode, t + 1, observation)
        episode.success[0, t] = success(info)
        on_state()
        if terminated or (truncated and t + 1 < spec.horizon):
            raise RuntimeError(
                f"every episode must last {spec.horizon} steps, but this one ended "
                f"after {t + 1}.  Wrap the environment so that it goes on."
            )
    return episode


def reset_seed(rng: np.random.Generator) -> int:
    """The number that an episode's environment is reset with: its first draw."""
    return int(rng.integers(2**31))


def success(info: dict[str, Any]) -> bool:
    """Whether the environment reports success at this step.

    Raises:
      RuntimeError: `info` holds neither `is_success` nor `success`.
    """
    for key in ("is_success", "success"):
        if key in info:
            return bool(info[key])
    raise RuntimeError(
        'info must hold "is_success" (or "success") after every step, found '
        f"{sorted(info)}.  Add it in the environment's step()."
    )


def _empty(spec: EnvSpec) -> Episodes:
    n, states = spec.horizon, spec.horizon + 1
    return Episodes(
        obs=np.empty((1, states, spec.obs_dim), np.float32),
        achieved=np.empty((1, states, spec.goal_dim), np.float32),
        goal=np.empty((1, spec.goal_dim), np.float32),
        action=np.empty((1, n, spec.action_dim), np.float32),
        success=np.zeros((1, n), bool),
    )


def _record(episode: Episodes, t: int, observation: dict[str, np.ndarray]) -> None:
    episode.obs[0, t] = observation["observation"]
    episode.achieved[0, t] = observation["achieved_goal"]


def _require_finite(action: np.ndarray, t: int) -> None:
    """MuJoCo answers a NaN action with a silent reset of the simulation."""
    if not np.isfinite(action).all():
        raise RuntimeError(
            f"actions must be finite, found {action} at step {t}.  The policy's "
            "weights or its input statistics are damaged."
        )
