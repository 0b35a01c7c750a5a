"""Playing whole episodes: an episode is a function of the actor and one seed.

Whoever acts offers `start(rng) -> act(obs, achieved, goal)`: policies, explorers and
scripted experts share this file, so there is one definition of an episode.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from .types import Actor, EnvSpec, Episodes, Evaluation, Start, concatenate

SUBSTITUTES = 10  # for one bad episode


class BadState(RuntimeError):
    """A number that is not finite came out of an environment or an actor."""


def evaluation_of(episodes: Episodes) -> Evaluation:
    """What episodes of a task with goals came to."""
    n, horizon = episodes.success.shape
    return Evaluation(
        returns=episodes.returns,
        lengths=np.full(n, horizon),
        last_success=episodes.success[:, -1],
        any_success=np.asarray(episodes.success.any(axis=1)),
    )


def collect(
    env: Any,
    spec: EnvSpec,
    actor: Actor,
    starts: Iterable[Start],
    skip_bad: bool = False,
) -> Episodes:
    """Plays one episode for each start, in their order.

    Args:
      env: a goal environment.
      spec: its dimensions.
      actor: plays them.
      starts: where they begin.
      skip_bad: play a substitute for an episode in which a number is not finite, and
        count it in `Episodes.skipped`.
    """
    play = _play_or_substitute if skip_bad else play_episode
    return concatenate([play(env, spec, actor, start) for start in starts])


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
      BadState: an action, an observation, a goal or a reward was not finite, or the
        simulation diverged; found at the step where it happened.
      RuntimeError: the episode ended early, or success was not told.
    """
    rng = np.random.default_rng(start.seed)
    options = {} if start.state is None else {"options": start.options}
    observation, _ = env.reset(seed=reset_seed(rng), **options)
    episode = _empty(spec)
    goal = episode.goal[0]
    goal[:] = observation["desired_goal"]
    place = _Place(spec.env_id, start.seed.spawn_key)
    place.require_finite("desired_goal", goal, 0)
    act = actor.start(rng)
    given = () if start.actions is None else start.actions
    _record(episode, 0, observation, place)
    on_state()
    for t in range(spec.horizon):
        state = episode.obs[0, t], episode.achieved[0, t], goal
        action = given[t] if t < len(given) else act(*state)
        place.require_finite("action", action, t)
        episode.action[0, t] = action
        observation, reward, terminated, truncated, info = place.step(env, action, t)
        place.require_finite("reward", reward, t)
        _record(episode, t + 1, observation, place)
        episode.success[0, t] = success(info)
        episode.returns[0] += reward
        on_state()
        if terminated or (truncated and t + 1 < spec.horizon):
            raise RuntimeError(
                f"every episode must last {spec.horizon} steps, but this one ended "
                f"after {t + 1}.  Wrap the environment so that it goes on."
            )
    return episode


def _play_or_substitute(
    env: Any, spec: EnvSpec, actor: Actor, start: Start
) -> Episodes:
    """One episode; a bad one is dropped and another played from a seed of its own."""
    seed, last = start.seed, None
    for n in range(SUBSTITUTES + 1):
        key = (*seed.spawn_key, n) if n else seed.spawn_key
        other = np.random.SeedSequence(seed.entropy, spawn_key=key)
        try:
            episode = play_episode(env, spec, actor, start._replace(seed=other))
            return episode._replace(skipped=np.array([n]))
        except BadState as error:
            last = error
    raise RuntimeError(f"{SUBSTITUTES + 1} episodes in a row were bad.  {last}")


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
        returns=np.zeros(1),
    )


def _record(
    episode: Episodes, t: int, observation: dict[str, np.ndarray], place: "_Place"
) -> None:
    episode.obs[0, t] = observation["observation"]
    episode.achieved[0, t] = observation["achieved_goal"]
    place.require_finite("observation", episode.obs[0, t], t)
    place.require_finite("achieved_goal", episode.achieved[0, t], t)


class _Place(NamedTuple):
    """Which episode is being played, for what an error says."""

    env_id: str
    key: tuple[int, ...]  # of its seed: purpose, rank, number

    def require_finite(self, field: str, value: Any, t: int) -> None:
        """MuJoCo answers a NaN with a silent reset, compute_reward with success."""
        if not math.isfinite(np.sum(value)):
            raise self.error(f"{field}, {value}", t)

    def step(self, env: Any, action: np.ndarray, t: int) -> tuple:
        """One step of the environment, which may find that it has diverged."""
        try:
            return env.step(action)
        except BadState as error:
            raise self.error(str(error), t) from None

    def error(self, what: str, t: int) -> BadState:
        """Names environment, episode, step and field."""
        number = self.key[2] if len(self.key) > 2 else 0
        return BadState(
            f"numbers must be finite, found in {self.env_id}, episode {number}, step "
            f"{t}: {what}.  Look at the environment, or give --skip_bad_episodes."
        )
