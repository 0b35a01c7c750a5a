"""Records demonstrations of any actor: scripted experts, trained policies."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from ..envs.state import Restorable, simulator_state
from ..rollout import Actor, play_episode, reset_seed
from ..types import Demos, EnvSpec, Episodes, Start
from ..versions import package_versions


def record(
    env: gym.Env,
    spec: EnvSpec,
    actor: Actor,
    start: Start,
    on_state: Callable[[], None] = lambda: None,
) -> tuple[Episodes, Demos]:
    """Plays one episode; also returns it as a demonstration with its start state.

    Args:
      env: a goal environment.
      spec: its dimensions.
      actor: plays the episode.
      start: where the episode begins.
      on_state: called after the reset and after every step.
    """
    states: list[np.ndarray] = []

    def watch():
        if not states and isinstance(env, Restorable):
            states.append(simulator_state(env))
        on_state()

    episode = play_episode(env, spec, actor, start, on_state=watch)
    seed = reset_seed(np.random.default_rng(start.seed))
    state0 = np.array(states) if states else None
    return episode, demos_of(episode, [seed], state0, spec)


def demos_of(
    episodes: Episodes, seeds: list[int], state0: np.ndarray | None, spec: EnvSpec
) -> Demos:
    """Episodes as demonstrations that name the environment and the versions."""
    return Demos(
        *(episodes.obs, episodes.achieved, episodes.goal, episodes.action),
        success=episodes.success[:, -1],
        seed=np.array(seeds, np.int64),
        state0=state0,
        facts={"env_id": spec.env_id, "versions": package_versions()},
    )


def join(parts: list[Demos], **facts: Any) -> Demos:
    """Several demonstrations as one record, with further facts."""
    names = [name for name in Demos._fields if name not in ("facts", "state0")]
    joined = {n: np.concatenate([getattr(p, n) for p in parts]) for n in names}
    states = [part.state0 for part in parts if part.state0 is not None]
    state0 = np.concatenate(states) if len(states) == len(parts) else None
    return Demos(**joined, state0=state0, facts={**parts[0].facts, **facts})
