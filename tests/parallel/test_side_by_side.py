"""Episodes side by side have the bits of episodes that are played alone."""

import re

import gymnasium as gym
import numpy as np
import pytest

from baselines_her.envs.anymal.env import AnymalC
from baselines_her.envs.check_flat import check_flat
from baselines_her.envs.faults import BadState, Fault
from baselines_her.parallel.group import Outcome
from baselines_her.parallel.side_by_side import play_side_by_side
from baselines_her.play import _unwatched
from baselines_her.rollout import play_episode, reset_seed
from baselines_her.seeding import EVALUATION, stream
from baselines_her.types import FlatSpec, Start

SPEC = FlatSpec("Count", 1, 1, (-1.0,), (1.0,), None)


class Restless:
    """Acts by what it sees, and by the episode's own noise."""

    def start(self, rng):
        def act(obs):
            return np.tanh(obs[:12] + rng.standard_normal(12)).astype(np.float32)

        return act


class Still:
    """Never moves."""

    def start(self, rng):
        return lambda obs: np.zeros(1, np.float32)


def starts(n):
    return [Start(stream(5, EVALUATION, n=k)) for k in range(n)]


def test_robots_side_by_side_fall_at_the_same_steps_as_alone():
    env = AnymalC(seconds=2.0, action_scale=0.9)  # rounded in single precision
    spec = check_flat(env, "AnymalC")
    together = play_side_by_side(env.together(4), spec, Restless(), starts(4))
    alone = [play_episode(env, spec, Restless(), start) for start in starts(4)]
    assert len(set(together.lengths)) > 1, "they must not all end at once"
    for k, one in enumerate(alone):
        assert together.lengths[k] == one.lengths[0]
        assert together.returns[k] == one.returns[0]
        assert together.metrics[k] == one.metrics[0]


class Counting:
    """Episode of environment i: 2 + i steps, with a reward of 10 i + step each."""

    bad = None  # (environment, step) whose observation is NaN

    def __init__(self, n):
        self.t, self.seeds = np.zeros(n, int), [0] * n

    def reset(self, i, seed):
        self.t[i], self.seeds[i] = 0, seed
        return np.zeros(1)

    def step(self, some, actions):
        some = np.array(some)
        self.t[some] += 1
        obs = self.t[some][:, None].astype(float)
        if self.bad is not None:
            obs[(some == self.bad[0]) & (self.t[some] == self.bad[1])] = np.nan
        over = self.t[some] == 2 + some
        reward = 10.0 * some + self.t[some]
        return Outcome(obs, reward, over & (some == 0), over & (some > 0), None)

    def metrics(self, i):
        return {"steps": self.t[i], "seed": self.seeds[i]}

    def close(self):
        self.t = None


def test_returns_lengths_and_metrics_by_hand():
    """Environment 1: 11 + 12 + 13 = 36 in three steps."""
    found = play_side_by_side(Counting(3), SPEC, Still(), starts(3))
    np.testing.assert_array_equal(found.lengths, [2, 3, 4])
    np.testing.assert_array_equal(found.returns, [1 + 2, 36, 21 + 22 + 23 + 24])
    assert [m["steps"] for m in found.metrics] == [2.0, 3.0, 4.0]


def test_a_number_that_is_not_finite_is_found_in_its_episode_and_step():
    group = Counting(3)
    group.bad = (2, 3)
    with pytest.raises(BadState, match=re.escape("Count, episode 2, step 3")):
        play_side_by_side(group, SPEC, Still(), starts(3))


def offering(group):
    """An environment that offers this group."""

    class Env(gym.Env):
        render_mode = None

        def together(self, n):
            return group(n)

        def reset(self, *, seed=None, options=None):
            return np.zeros(1), {}

        def step(self, action):
            return np.zeros(1), -5.0, True, False, {}

    return Env()


def test_more_episodes_than_environments_are_played_in_turn(monkeypatch):
    """Environment k plays episodes k and k + 2."""
    monkeypatch.setattr("baselines_her.play.SIDE_BY_SIDE", 2)
    env = offering(Counting)
    played = [one for one, _, _ in _unwatched(env, SPEC, Still(), 5, 5)]
    assert [int(one.lengths[0]) for one in played] == [2, 3, 2, 3, 2]
    assert [one.metrics[0]["steps"] for one in played] == [2.0, 3.0, 2.0, 3.0, 2.0]
    seeds = [reset_seed(np.random.default_rng(start.seed)) for start in starts(5)]
    assert [one.metrics[0]["seed"] for one in played] == seeds


def test_a_group_that_measures_nothing_is_not_used():
    """Its environment alone may report metrics that would be lost."""

    class Silent(Counting):
        metrics = property()

    env = offering(Silent)
    assert [x.returns[0] for x, _, _ in _unwatched(env, SPEC, Still(), 2, 0)] == [
        -5
    ] * 2


def test_a_group_that_raises_an_error_is_named():
    class Failing(Counting):
        def step(self, some, actions):
            raise KeyError("torque")

    with pytest.raises(Fault, match="one of the episodes 0 to 2, step 0"):
        play_side_by_side(Failing(3), SPEC, Still(), starts(3))


def test_only_what_nobody_watches_is_played_side_by_side(monkeypatch):
    """Otherwise a frame would have to be taken of one robot among many."""
    from baselines_her import play

    used, told, pack = [], [], AnymalC.together
    monkeypatch.setattr(AnymalC, "together", lambda *a: used.append(a) or pack(*a))
    short = {"episodes": 2, "env_kwargs": '{"seconds": 0.1}', "say": told.append}
    outcome = play.play("AnymalC", **short)
    assert len(used) == 1 and list(outcome.lengths) == [5, 5]
    first = [line for line in told if line.startswith("episode   2")]
    monkeypatch.setattr(play, "write_video", lambda path, frames: None)
    monkeypatch.setattr(play, "make_rendered", lambda factory, mode: factory())
    monkeypatch.setattr(
        play.Camera, "frame", lambda self: np.zeros((2, 2, 3), np.uint8)
    )
    play.play("AnymalC", **short, video="film.mp4")
    assert len(used) == 1 and told.count(first[0]) == 2  # the same bits, alone
