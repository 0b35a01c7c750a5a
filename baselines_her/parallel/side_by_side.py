"""Whole episodes side by side, of an environment whose kind can be stepped together.

Each robot's actions are computed alone, as in `rollout.play_episode`, and its group
knows nothing of the others, so an episode has the same bits as one that is played
alone.
"""

from collections.abc import Sequence

import numpy as np

from ..envs.faults import Place, exits_refused
from ..rollout import flat, reset_seed
from ..types import Actor, FlatEpisodes, FlatSpec, Start
from .group import Group, Outcome


def play_side_by_side(
    group: Group, spec: FlatSpec, actor: Actor, starts: Sequence[Start]
) -> FlatEpisodes:
    """One episode for each start, the outcomes in that order.

    Args:
      group: at least as many environments as there are starts.
      spec: their dimensions.
      actor: plays the episodes.
      starts: where they begin.

    Raises:
      BadState: a number is not finite; the message names the episode and its step.
      Fault: the group raised an error.
    """
    with exits_refused():
        played = [
            _Episode(i, group, Place(spec.env_id, f"episode {_number(start)}"))
            for i, start in enumerate(starts)
        ]
        for episode, start in zip(played, starts):
            episode.begin(actor, start)
        live, t = played, 0
        while live:
            actions = np.stack([episode.action() for episode in live])
            numbers = [episode.i for episode in live]
            names = [_number(starts[i]) for i in numbers]
            place = Place(spec.env_id, f"one of the episodes {names[0]} to {names[-1]}")
            outcome = place.call(t, group.step, numbers, actions)
            live = [one for row, one in enumerate(live) if one.goes_on(outcome, row)]
            t += 1
    return FlatEpisodes(
        np.array([episode.total for episode in played]),
        np.array([episode.t for episode in played]),
        np.array([_floats(group.metrics(episode.i)) for episode in played], object),
    )


class _Episode:
    """The episode of environment i.

    Attributes:
      total: sum of its rewards.
      t: its steps so far.
    """

    def __init__(self, i: int, group: Group, place: Place):
        self.i, self._group, self._place = i, group, place
        self.total, self.t = 0.0, 0

    def begin(self, actor: Actor, start: Start) -> None:
        rng = np.random.default_rng(start.seed)
        seed = reset_seed(rng)
        self._see(self._place.call(0, self._group.reset, self.i, seed))
        self._act = actor.start(rng)

    def action(self) -> np.ndarray:
        """The next action."""
        action = self._act(self._obs)
        self._place.require_finite("action", action, self.t)
        return action

    def goes_on(self, outcome: Outcome, row: int) -> bool:
        """Records a step, which is one row of an outcome; whether another follows."""
        reward = float(outcome.reward[row])
        self._place.require_finite("reward", reward, self.t)
        self.total, self.t = self.total + reward, self.t + 1
        self._see(outcome.obs[row])
        return not (outcome.terminated[row] or outcome.truncated[row])

    def _see(self, observation: np.ndarray) -> None:
        self._obs = np.asarray(flat(observation), np.float32)
        self._place.require_finite("observation", self._obs, self.t)


def _number(start: Start) -> int:
    return start.seed.spawn_key[2]


def _floats(found: dict[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in found.items()}
