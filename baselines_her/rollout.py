"""Playing whole episodes: an episode is a function of the actor and one seed.

Every actor has a method `start(rng) -> act(obs, achieved, goal)`.  Policies, explorers
and scripted experts are all played here, so there is one definition of an episode.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .envs.faults import BadState, Fault, Place, exits_refused
from .types import (
    Actor,
    EnvSpec,
    Episodes,
    Evaluation,
    FlatEpisodes,
    FlatSpec,
    Start,
    concatenate,
)

SUBSTITUTES = 10  # for one bad episode


def evaluation_of(episodes: Episodes | FlatEpisodes) -> Evaluation:
    """The outcome of episodes."""
    if isinstance(episodes, FlatEpisodes):
        return Evaluation(episodes.returns, episodes.lengths)
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
    """Plays one episode for each start, in that order.

    Args:
      env: a goal environment.
      spec: its dimensions.
      actor: plays the episodes.
      starts: where the episodes begin.
      skip_bad: play a substitute for an episode in which a number is not finite, and
        count it in `Episodes.skipped`.
    """
    play = _play_or_substitute if skip_bad else play_episode
    return concatenate([play(env, spec, actor, start) for start in starts])


def play_episode(
    env: Any,
    spec: EnvSpec | FlatSpec,
    actor: Actor,
    start: Start,
    on_state: Callable[[], None] = lambda: None,
) -> Any:
    """One episode: `Episodes` with E = 1, or `FlatEpisodes` if there are no goals.

    The environment's start and the actor's noise come from `start` alone.

    Args:
      env: accepted by `envs.check`, or for a flat spec by `envs.check_flat`.
      spec: its dimensions.
      actor: chooses the actions.
      start: all randomness of the episode; or a state and a goal to begin with, and
        actions to take before the actor's first one.
      on_state: called after the reset and after every step, e.g. to take a frame.

    Raises:
      BadState: an action, an observation, a goal or a reward was not finite, or the
        simulation diverged; found at the step where it happened.
      Fault: the environment raised an error, ended the episode early, moved the
        goal, returned another shape, or did not report success.
    """
    play = _play_flat if isinstance(spec, FlatSpec) else _play
    with exits_refused():
        return play(env, spec, actor, start, on_state)  # type: ignore[arg-type]


def _play_flat(
    env: Any, spec: FlatSpec, actor: Actor, start: Start, on_state: Callable[[], None]
) -> FlatEpisodes:
    """An episode that ends when the environment says so."""
    place = _place(spec, start)
    rng = np.random.default_rng(start.seed)
    observation, _ = place.call(0, env.reset, seed=reset_seed(rng))
    act, total, t, is_over = actor.start(rng), 0.0, 0, False
    on_state()
    while not is_over:
        obs = np.asarray(flat(observation), np.float32)
        place.require_finite("observation", obs, t)
        action = act(obs)
        place.require_finite("action", action, t)
        result = place.call(t, env.step, action)
        observation, reward, terminated, truncated, info = result
        place.require_finite("reward", reward, t)
        total, t, is_over = total + float(reward), t + 1, terminated or truncated
        on_state()
    metrics = np.array([_metrics(info)], object)
    return FlatEpisodes(np.array([total]), np.array([t]), metrics)


def mean_metrics(episodes: Episodes | FlatEpisodes) -> dict[str, float]:
    """Means over episodes of what the environment measures; empty if it does not."""
    if isinstance(episodes, Episodes):
        return {}
    found = episodes.metrics
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def _metrics(info: dict[str, Any]) -> dict[str, float]:
    """What an environment reports of an episode at its end, success among it."""
    named = {"success": info["is_success"]} if "is_success" in info else {}
    found = {**named, **info.get("metrics", {})}
    return {name: float(value) for name, value in found.items()}


def flat(observation: Any) -> np.ndarray:
    """An observation as one vector; parts of a dictionary are joined in name order."""
    if isinstance(observation, dict):
        return np.concatenate([observation[name] for name in sorted(observation)])
    return observation


def _play(
    env: Any, spec: EnvSpec, actor: Actor, start: Start, on_state: Callable[[], None]
) -> Episodes:
    place = _place(spec, start)
    rng = np.random.default_rng(start.seed)
    options = {} if start.state is None else {"options": start.options}
    observation, _ = place.call(0, env.reset, seed=reset_seed(rng), **options)
    episode = _empty(spec)
    goal = episode.goal[0]
    _copy(observation, "desired_goal", goal, place, 0)
    fixed = FixedGoal(observation["desired_goal"])
    act = actor.start(rng)
    given = () if start.actions is None else start.actions
    _record(episode, 0, observation, place)
    on_state()
    for t in range(spec.horizon):
        state = episode.obs[0, t], episode.achieved[0, t], goal
        action = given[t] if t < len(given) else act(*state)
        place.require_finite("action", action, t)
        episode.action[0, t] = action
        result = place.call(t, env.step, action)
        observation, reward, terminated, truncated, info = result
        place.require_finite("reward", reward, t)
        _record(episode, t + 1, observation, place)
        _require_same_goal(fixed, observation, place, t + 1)
        episode.success[0, t] = success(info)
        episode.returns[0] += reward
        on_state()
        if terminated or (truncated and t + 1 < spec.horizon):
            raise Fault(
                f"every episode must last {spec.horizon} steps, but {place.episode} of "
                f"{place.env_id} ended after {t + 1}.  Let only the time limit end "
                "episodes (continuing_task=True in the maze environments)."
            )
    notes = getattr(act, "notes", dict)
    return episode._replace(**notes())


class FixedGoal:
    """An episode's goal as reset returned it, in the environment's own precision."""

    def __init__(self, goal: Any):
        self._goal = np.array(goal)
        self._bytes = self._goal.tobytes()

    def equals(self, found: Any) -> bool:
        """Whether another goal is equal; bytes are compared first, in 0.3 us."""
        found = np.asarray(found)
        return found.tobytes() == self._bytes or np.array_equal(found, self._goal)


def _play_or_substitute(
    env: Any, spec: EnvSpec, actor: Actor, start: Start
) -> Episodes:
    """One episode; a bad one is replaced by an episode with another seed."""
    seed, last = start.seed, None
    for n in range(SUBSTITUTES + 1):
        key = (*seed.spawn_key, n) if n else seed.spawn_key
        other = np.random.SeedSequence(seed.entropy, spawn_key=key)
        try:
            episode = play_episode(env, spec, actor, start._replace(seed=other))
            return episode._replace(skipped=np.array([n]))
        except BadState as error:
            last = error
    raise Fault(f"{SUBSTITUTES + 1} episodes in a row were bad.  {last}")


def reset_seed(rng: np.random.Generator) -> int:
    """The seed for the environment's reset: the first draw of an episode."""
    return int(rng.integers(2**31))


def success(info: dict[str, Any]) -> bool:
    """Whether the environment reports success at this step.

    Raises:
      Fault: `info` holds neither `is_success` nor `success`.
    """
    for key in ("is_success", "success"):
        if key in info:
            return bool(info[key])
    raise Fault(
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


def _place(spec: EnvSpec | FlatSpec, start: Start) -> Place:
    key = start.seed.spawn_key  # purpose, rank, number
    return Place(spec.env_id, f"episode {key[2] if len(key) > 2 else 0}")


def _record(
    episode: Episodes, t: int, observation: dict[str, np.ndarray], place: Place
) -> None:
    _copy(observation, "observation", episode.obs[0, t], place, t)
    _copy(observation, "achieved_goal", episode.achieved[0, t], place, t)


def _copy(
    observation: dict[str, np.ndarray], name: str, row: np.ndarray, place: Place, t: int
) -> None:
    """Copies one part of an observation into its row of the record."""
    value = observation[name]
    if np.shape(value) != row.shape:  # NumPy would fill the row with a single number
        raise Fault(
            f"{name} must have {len(row)} numbers, found shape {list(np.shape(value))} "
            f"in {place.at(t)}.  Correct the environment."
        )
    row[...] = value
    place.require_finite(name, row, t)


def _require_same_goal(
    fixed: FixedGoal, observation: dict[str, np.ndarray], place: Place, t: int
) -> None:
    if not fixed.equals(observation["desired_goal"]):
        raise Fault(
            "desired_goal must stay the same within an episode, but it changes in "
            f"{place.at(t)}.  Draw goals in reset() only (reset_target=False in the "
            "maze environments)."
        )
