"""Episodes: what is recorded, and that they depend on nothing but their seed."""

import os

import numpy as np
import pytest
from known_policies import arrays, constant_policy, seeds
from point_env import PointEnv, make_point

from baselines_her.acting.exploration import Explorer
from baselines_her.acting.normalizer import Stats
from baselines_her.acting.policy import Policy
from baselines_her.envs.check import check
from baselines_her.envs.faults import Fault
from baselines_her.rollout import collect, evaluation_of, play_episode, success
from baselines_her.seeding import generator
from baselines_her.settings.her import InputConfig


class Northward:
    """Acts without looking; its first action tells its random stream."""

    def start(self, rng):
        first = np.float32(rng.uniform(-1, 1))
        return lambda obs, achieved, goal: np.array([first, 1.0], np.float32)


def test_states_stand_before_and_after_their_action(point_spec):
    episode = play_episode(make_point(), point_spec, Northward(), seeds(0)[0])
    np.testing.assert_allclose(episode.achieved[0, 0], [0, 0])
    for t in range(12):
        moved = np.clip(episode.achieved[0, t] + episode.action[0, t], -5, 5)
        np.testing.assert_allclose(episode.achieved[0, t + 1], moved, atol=1e-6)
    np.testing.assert_array_equal(episode.obs[0, :, :2], episode.achieved[0])
    assert [field.dtype for field in episode[:4]] == [np.float32] * 4


def test_success_is_recorded_after_each_action(point_spec):
    episode = play_episode(make_point(), point_spec, Northward(), seeds(0)[0])
    distance = np.linalg.norm(episode.achieved[0, 1:] - episode.goal[0], axis=-1)
    np.testing.assert_array_equal(episode.success[0], distance <= 0.4)


def test_an_episode_depends_on_its_number_alone(point_spec):
    env = make_point()
    together = collect(env, point_spec, Northward(), seeds(0, 1, 2))
    alone = collect(make_point(), point_spec, Northward(), seeds(2))
    np.testing.assert_array_equal(together.obs[2], alone.obs[0])
    np.testing.assert_array_equal(together.action[2], alone.action[0])
    assert (together.goal[0] != together.goal[1]).any()


def test_streams_differ_by_each_of_their_numbers():
    draws = {
        generator(seed, purpose, rank, n).random()
        for seed in (0, 1)
        for purpose in (0, 1)
        for rank in (0, 1)
        for n in (0, 1)
    }
    assert len(draws) == 16


def test_a_nan_action_is_found_before_the_simulator_sees_it(point_spec):
    class Broken:
        def start(self, rng):
            return lambda obs, achieved, goal: np.array([np.nan, 0.0], np.float32)

    with pytest.raises(RuntimeError, match=r"episode 0, step 0: action"):
        play_episode(make_point(), point_spec, Broken(), seeds(0)[0])


def test_an_episode_that_ends_early_is_an_error(point_spec):
    env = make_point(horizon=7)
    with pytest.raises(RuntimeError, match=r"must last 12 steps, .* ended after 7"):
        play_episode(env, point_spec, Northward(), seeds(0)[0])


class Fourth(PointEnv):
    """Does something wrong in its fourth step, when `self.steps` is 4."""

    def step(self, action):
        observation, *rest = super().step(action)
        return (self.wrong if self.steps == 4 else dict)(observation), *rest


class MovesGoal(Fourth):
    def wrong(self, observation):
        return {**observation, "desired_goal": observation["desired_goal"] + 1e-9}


class OtherShape(Fourth):
    def wrong(self, observation):
        return {**observation, "observation": np.zeros(1)}


class Raises(Fourth):
    def wrong(self, observation):
        raise ValueError("no such body")


class Leaves(Fourth):
    def wrong(self, observation):
        raise SystemExit


class LeavesAtOnce(Fourth):
    def wrong(self, observation):
        os._exit(0)


@pytest.mark.parametrize(
    ("env_class", "message"),
    [
        (MovesGoal, "desired_goal must stay the same .*, episode 0, step 4"),
        (OtherShape, r"must have 3 numbers, found shape \[1\] in .* 0, step 4"),
        (Raises, "(?s)raise an error, but .* 0, step 3, did.*ValueError: no such body"),
        (Leaves, "must not end the process, found SystemExit: None in .* 0, step 3"),
        (LeavesAtOnce, r"found SystemExit: os._exit\(0\) in .* 0, step 3"),
    ],
)
def test_a_fault_is_named_with_environment_episode_and_step(
    point_spec, env_class, message
):
    with pytest.raises(Fault, match=message) as caught:
        play_episode(make_point(env_class), point_spec, Northward(), seeds(0)[0])
    assert point_spec.env_id in str(caught.value)


def test_a_goal_may_come_in_another_type_or_array(point_spec):
    class Retyped(Fourth):
        def wrong(self, observation):
            goal = observation["desired_goal"].astype(np.longdouble)
            return {**observation, "desired_goal": goal}

    play_episode(make_point(Retyped), point_spec, Northward(), seeds(0)[0])


def test_a_goal_that_is_moved_in_place_is_found(point_spec):
    class InPlace(PointEnv):
        def _observation(self):
            return {**super()._observation(), "desired_goal": self.goal}

        def step(self, action):
            self.goal += 0.5
            return super().step(action)

    with pytest.raises(Fault, match=r"desired_goal must stay .* step 1\."):
        play_episode(make_point(InPlace), point_spec, Northward(), seeds(0)[0])


def test_exits_are_possible_again_after_an_episode(point_spec):
    before = os._exit
    play_episode(make_point(), point_spec, Northward(), seeds(0)[0])
    with pytest.raises(Fault):
        play_episode(make_point(Raises), point_spec, Northward(), seeds(0)[0])
    assert os._exit is before


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(128 + 15)])
def test_what_a_signals_handler_raises_passes_through(point_spec, error):
    class Interrupted(Fourth):
        def wrong(self, observation):
            raise error

    with pytest.raises(type(error)):
        play_episode(make_point(Interrupted), point_spec, Northward(), seeds(0)[0])


def test_returns_are_sums_of_the_rewards_that_step_gave(point_spec):
    class Counting(PointEnv):
        def step(self, action):
            observation, _, *rest = super().step(action)
            return observation, 10.0**-self.steps, *rest

    episodes = collect(make_point(Counting), point_spec, Northward(), seeds(0, 1))
    assert episodes.returns.dtype == np.float64
    np.testing.assert_allclose(episodes.returns, [0.111111111111] * 2, rtol=1e-15)


def test_success_is_read_from_either_key():
    assert success({"is_success": np.float32(1.0)})
    assert success({"success": True})
    assert not success({"is_success": 0.0, "success": True})
    with pytest.raises(RuntimeError, match="is_success"):
        success({"reached": True})


def test_success_rates_are_of_the_last_and_of_any_step(point_spec):
    episodes = collect(make_point(), point_spec, Northward(), seeds(0, 1, 2, 3))
    flags = np.zeros((4, 12), bool)
    flags[0, -1] = flags[1, 3] = flags[2, 0] = True
    found = evaluation_of(episodes._replace(success=flags, returns=np.zeros(4)))
    assert (found.success_last, found.success_any) == (0.25, 0.75)
    assert tuple(found) == (0.25, 0.75)


def echo_policy(**inputs):
    """A policy that shows its first input: atanh(action / 2) of a unit kernel."""
    kernel = np.zeros((5, 2), np.float32)
    kernel[0, 0] = kernel[3, 1] = 0.01
    mean, std = np.array([1, 0, 0], np.float32), np.array([2, 1, 1], np.float32)
    goal_stats = Stats(np.zeros(2, np.float32), np.full(2, 0.5, np.float32))
    layers = [(kernel, np.zeros(2, np.float32))]
    return Policy(
        layers, Stats(mean, std), goal_stats, (2.0, 2.0), InputConfig(**inputs)
    )


def inputs_seen(policy, obs, achieved, goal):
    return np.arctanh(policy.act(obs, achieved, goal) / 2) / 0.01


def test_inputs_are_clipped_normalised_and_clipped_again():
    place = arrays([500, 0, 0], [0, 0], [1, 0])
    # 500 -> clip 4 -> (4 - 1) / 2 = 1.5; goal 1 / 0.5 = 2
    seen = inputs_seen(echo_policy(clip_obs=4.0), *place)
    np.testing.assert_allclose(seen, [1.5, 2.0], rtol=1e-4)
    # 500 -> clip 200 -> 99.5 -> clip 5; goal 2 -> clip 5
    np.testing.assert_allclose(inputs_seen(echo_policy(), *place), [5, 2], rtol=1e-4)


def test_relative_goals_subtract_what_is_achieved():
    place = arrays([0, 0, 0], [0.25, 0], [1, 0])
    seen = inputs_seen(echo_policy(relative_goals=True), *place)
    np.testing.assert_allclose(seen[1], 0.75 / 0.5, rtol=1e-4)


def test_actions_are_scaled_to_their_limits():
    place = arrays([0, 0, 0], [0, 0], [0, 0])
    np.testing.assert_allclose(constant_policy(0.5).act(*place), [1, 1], rtol=1e-6)


def explore(noise_eps, random_eps, n=4000):
    place = arrays([0, 0, 0], [0, 0], [0, 0])
    explorer = Explorer(constant_policy(0.5), noise_eps, random_eps, (2.0, 2.0))
    act = explorer.start(np.random.default_rng(0))
    return np.array([act(*place) for _ in range(n)])


def test_exploration_noise_is_in_units_of_the_limit():
    actions = explore(noise_eps=0.1, random_eps=0.0)
    np.testing.assert_allclose(actions.mean(0), [1, 1], atol=0.02)
    np.testing.assert_allclose(actions.std(0), [0.2, 0.2], rtol=0.05)


def test_exploring_actions_stay_within_their_limits():
    actions = explore(noise_eps=2.0, random_eps=0.3)
    assert np.abs(actions).max() == 2.0


def test_random_actions_replace_the_whole_action():
    actions = explore(noise_eps=0.0, random_eps=0.3)
    greedy = np.isclose(actions, 1.0, atol=1e-6).all(axis=1)
    assert abs((~greedy).mean() - 0.3) < 0.03
    np.testing.assert_allclose(actions[~greedy].mean(0), [0, 0], atol=0.12)


def test_without_noise_the_explorer_is_the_policy():
    np.testing.assert_allclose(explore(0.0, 0.0, n=10), 1.0, rtol=1e-6)


def test_the_checker_accepts_the_point(point_spec):
    spec = check(make_point(), "point_env:Point-v0")
    assert spec == point_spec
