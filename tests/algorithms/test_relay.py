"""Relay: rows of two tasks, exploration by both, and the policy of one."""

from types import MethodType, SimpleNamespace

import numpy as np
import pytest
from trainings import rows_of, same_policies

import baselines_her
from baselines_her.acting.exploration import RelayExplorer
from baselines_her.acting.noise import silent
from baselines_her.acting.normalizer import Stats
from baselines_her.acting.policy import Policy
from baselines_her.acting.two_goals import join, masked
from baselines_her.algorithms import relay
from baselines_her.algorithms.tasks import Relay
from baselines_her.config import from_flags
from baselines_her.ddpg import DDPG
from baselines_her.envs.make import env_factory
from baselines_her.envs.objects import reach_points
from baselines_her.her_sampler import Hindsight, relabel
from baselines_her.replay.buffer import ReplayBuffer
from baselines_her.replay.sources import Source
from baselines_her.runs.policy_file import load_policy
from baselines_her.settings.her import InputConfig
from baselines_her.types import EnvSpec, Episodes, Index, ReachPoints

POINTS = ReachPoints(lambda obs, achieved: obs[..., :3], lambda obs, a: obs[..., 3:6])
CARRY = "push_env:Carry-v0"
SHORT = {"layers": 1, "hidden": 16, "batch_size": 32, "n_batches": 3, "num_env": 4}
SHORT |= {"n_cycles": 3, "n_test_rollouts": 4, "num_timesteps": 480, "preset": "laptop"}
SHORT |= {"random_steps": 0, "collectors": 0, "relay": True, "quiet": True}


def episodes_of(n=2, horizon=4):
    """The gripper of episode e is at 100 e + t, the object at 100 e + t + 0.5."""
    place = 100.0 * np.arange(n)[:, None, None] + np.arange(horizon + 1)[:, None]
    gripper = np.repeat(place, 3, axis=-1)
    return Episodes(
        obs=np.concatenate([gripper, gripper + 0.5], axis=-1).astype(np.float32),
        achieved=(place + 0.5).astype(np.float32),
        goal=np.array([[-7.0], [-8.0]], np.float32)[:n],
        action=np.zeros((n, horizon, 1), np.float32),
        success=np.zeros((n, horizon), bool),
    )


def every_transition(n=2, horizon=4):
    return Index(*np.divmod(np.arange(n * horizon), horizon))


def sparse(achieved, goal):
    return -(np.abs(achieved - goal)[..., 0] > 0.1).astype(np.float32)


# -- goals --------------------------------------------------------------------


def test_the_part_that_a_task_does_not_use_is_the_mean():
    place, goal = np.full((2, 3), 5.0), np.full((2, 1), 6.0)
    is_task = np.array([True, False])
    mean = np.array([0.1, 0.2, 0.3, 0.4, 0.5], np.float32)
    found = masked(join(place, goal, is_task), is_task, mean)
    wanted = np.array([[0.1, 0.2, 0.3, 6, 1], [5, 5, 5, 0.4, 0]], np.float32)
    np.testing.assert_array_equal(found, wanted)


def test_a_row_that_reaches_has_the_object_s_place_at_its_own_step_as_its_goal():
    index, rng = every_transition(), np.random.default_rng(0)
    goals = relay.reach_goals(episodes_of(), index, POINTS, rng, hindsight_p=0.0)
    wanted = 100.0 * index.episode + index.step + 0.5
    np.testing.assert_array_equal(goals, np.repeat(wanted[:, None], 3, axis=1))


def test_a_hindsight_goal_is_a_later_place_of_the_gripper_in_the_same_episode():
    index = Index(np.zeros(400, int), np.full(400, 1))
    rng = np.random.default_rng(0)
    goals = relay.reach_goals(episodes_of(), index, POINTS, rng, hindsight_p=1.0)
    assert set(goals[:, 0]) == {2.0, 3.0, 4.0}
    some = relay.reach_goals(episodes_of(), index, POINTS, rng, hindsight_p=0.75)
    share = np.mean(some[:, 0] != 1.5)  # 1.5 is the object's place
    assert share == pytest.approx(0.75, abs=0.07)


def test_the_gripper_has_reached_its_goal_within_5_centimetres():
    place = np.array([[0.04, 0, 0], [0.03, 0.03, 0], [0, 0, 0.06], [0.03, 0.03, 0.03]])
    found = relay.reach_reward(place, np.zeros((4, 3)), best=0.0)
    np.testing.assert_array_equal(found, [0.0, 0.0, -1.0, -1.0])  # .0424, .06, .052
    found = relay.reach_reward(place, np.zeros((4, 3)), best=1.0)
    np.testing.assert_array_equal(found, [1.0, 1.0, 0.0, 0.0])


def task_rows(reward=(-1.0, 0.0), share=0.5, is_demo=0.0, n=60):
    """Rows of two tasks, drawn from `episodes_of()` at step 2."""
    spec = EnvSpec("Two-v0", 6, 1, 1, (1.0,), 4, *reward)
    config = from_flags(preset="laptop", hidden=16, relay=True, relay_share=share)
    tasks = Relay(spec, config, lambda a, g: sparse(a, g) + (reward[1] or 0), POINTS)
    buffer = ReplayBuffer(spec, 40)
    buffer.add(episodes_of())
    stats = Stats(np.zeros(5, np.float32), np.ones(5, np.float32))
    learner = SimpleNamespace(goal_norm=SimpleNamespace(stats=stats))
    source = Source(buffer, None, n, Hindsight(hindsight_p=0.8), is_demo)
    index = Index(np.zeros(n, int), np.full(n, 2))
    return tasks.rows(source, index, np.random.default_rng(0), learner)


@pytest.mark.parametrize(
    ("kind", "found"),
    [((-1.0, 0.0), {-1, 0}), ((0.0, 1.0), {0, 1}), ((None, None), {-1, 0})],
)
def test_both_tasks_have_rewards_of_one_kind(kind, found):
    """Targets are clipped to the range of the environment's rewards."""
    assert set(task_rows(kind, share=1.0).reward) == found
    assert set(task_rows(kind, share=0.0).reward) == found


def test_rows_of_demonstrations_are_of_the_environment_s_task():
    assert set(task_rows(is_demo=1.0).goal[:, -1]) == {1.0}
    assert set(task_rows(is_demo=0.0).goal[:, -1]) == {0.0, 1.0}


def test_without_hindsight_reaching_has_none_either():
    spec = EnvSpec("Two-v0", 6, 1, 1, (1.0,), 4, -1.0, 0.0)
    flags = {"preset": "laptop", "relay": True, "replay_strategy": "none"}
    tasks = Relay(spec, from_flags(**flags), sparse, POINTS)
    source = Source(None, None, 60, Hindsight(hindsight_p=0.0))
    parts = episodes_of(), every_transition(), np.random.default_rng(0)
    _, goal = tasks.seen(source, *parts)
    np.testing.assert_array_equal(goal[:, 0] % 1, 0.5)  # the object's places


@pytest.mark.parametrize("is_relative", [False, True])
def test_rows_of_the_task_are_those_of_relabel(is_relative):
    index, hindsight = every_transition(), Hindsight(relative_goals=is_relative)
    mix, mean = relay.Mix(share=0.0, hindsight_p=0.8), np.full(5, 9.0, np.float32)
    rngs = [np.random.default_rng(3) for _ in range(2)]
    rngs[1].random(len(index.episode))  # the tasks are drawn first
    parts = (episodes_of(), index, sparse)
    rows = relay.relay_rows(*parts, rngs[0], hindsight, 2, POINTS, mix, mean)
    alone = relabel(*parts, rngs[1], hindsight, 2)
    np.testing.assert_array_equal(rows.goal[:, 3:4], alone.goal)
    np.testing.assert_array_equal(rows.next_goal[:, 3:4], alone.next_goal)
    np.testing.assert_array_equal(rows.reward, alone.reward)
    for goal in rows.goal, rows.next_goal:
        np.testing.assert_array_equal(goal[:, [0, 1, 2, 4]], [[9, 9, 9, 1]] * 8)


def test_rows_that_reach_are_judged_by_where_the_gripper_is_after_the_action():
    """A goal of the gripper's own place one step later is reached at once."""
    index, mean = every_transition(), np.zeros(5, np.float32)
    mix, rng = relay.Mix(share=1.0, hindsight_p=1.0), np.random.default_rng(0)
    parts = episodes_of(), index, sparse, rng, Hindsight(), 2, POINTS, mix, mean
    rows = relay.relay_rows(*parts)
    next_place = 100.0 * index.episode + index.step + 1
    is_reached = rows.goal[:, 0] == next_place
    assert 0 < is_reached.sum() < 8
    np.testing.assert_array_equal(rows.reward, np.where(is_reached, 0.0, -1.0))
    np.testing.assert_array_equal(rows.goal[:, 3:], np.zeros((8, 2)))
    np.testing.assert_array_equal(rows.goal, rows.next_goal)


def test_the_share_of_rows_that_reach_is_the_mix():
    index = Index(np.zeros(2000, int), np.zeros(2000, int))
    mix, mean = relay.Mix(share=0.3, hindsight_p=0.8), np.zeros(5, np.float32)
    parts = episodes_of(), index, sparse, np.random.default_rng(0), Hindsight(), 2
    rows = relay.relay_rows(*parts, POINTS, mix, mean)
    assert np.mean(rows.goal[:, -1] == 0) == pytest.approx(0.3, abs=0.03)


def test_statistics_take_in_the_goals_of_both_tasks():
    index, mix = every_transition(), relay.Mix(share=0.5, hindsight_p=0.0)
    keep = Hindsight(hindsight_p=0.0, relative_goals=True)
    parts = episodes_of(), index, sparse, np.random.default_rng(0), keep
    obs, goal = relay.relay_inputs(*parts, POINTS, mix)
    place = 100.0 * index.episode + index.step
    np.testing.assert_array_equal(obs[:, 0], place)
    np.testing.assert_array_equal(goal[:, 0], place + 0.5)
    own = np.where(index.episode == 0, -7.0, -8.0)
    np.testing.assert_allclose(goal[:, 3], own - (place + 0.5))
    assert set(goal[:, 4]) == {0.0, 1.0}


def test_the_share_of_near_steps_counts_the_states_before_each_action():
    episodes = episodes_of(n=1, horizon=4)
    episodes.obs[0, 1:3, 3:] = episodes.obs[0, 1:3, :3] + 0.01  # 0.0173 apart
    episodes.obs[0, 4, 3:] = episodes.obs[0, 4, :3]  # after the last action
    assert relay.near(episodes, POINTS, 0.03) == 0.5


# -- exploring ----------------------------------------------------------------


def telling_policy():
    """An action of tanh(1) for the environment's task and -tanh(1) for the other."""
    kernel = np.zeros((6 + 5, 1), np.float32)
    kernel[-1] = 2.0
    stats = [Stats(np.zeros(n, np.float32), np.ones(n, np.float32)) for n in (6, 5)]
    bias = np.array([-1.0], np.float32)
    return Policy([(kernel, bias)], *stats, (1.0,), InputConfig())


def share_of(far, wanted, guide=0.5, far_random_eps=0.0, random_eps=0.0, n=2000):
    """The share of actions with this sign, where the object is far or near."""
    parts = telling_policy(), 0.0, random_eps, (1.0,), silent, POINTS, 0.03
    explorer = RelayExplorer(*parts, guide, far_random_eps, False)
    act = explorer.start(np.random.default_rng(0))
    place = 0.031 if far else 0.03
    obs = np.array([0, 0, 0, place, 0, 0], np.float32)
    actions = [act(obs, np.zeros(1), np.zeros(1))[0] for _ in range(n)]
    return np.mean(np.isclose(actions, wanted * np.tanh(1.0)))


@pytest.mark.parametrize(
    ("far", "flags", "of_task", "of_reaching"),
    [
        (False, {}, 1.0, 0.0),
        (True, {}, 0.5, 0.5),
        (True, {"guide": 0.2}, 0.8, 0.2),
        (True, {"far_random_eps": 0.2}, 0.4, 0.4),  # the other fifth is random
        (False, {"far_random_eps": 0.2}, 1.0, 0.0),
        (False, {"random_eps": 0.3}, 0.7, 0.0),
        (True, {"random_eps": 0.3}, 0.5, 0.5),
    ],
)
def test_far_from_the_object_some_actions_reach_it(far, flags, of_task, of_reaching):
    assert share_of(far, 1.0, **flags) == pytest.approx(of_task, abs=0.04)
    assert share_of(far, -1.0, **flags) == pytest.approx(of_reaching, abs=0.04)


# -- the policy of the environment's task --------------------------------------


@pytest.mark.parametrize(
    "flags",
    [{}, {"relative_goals": True}, {"layer_norm": True}, {"clip_obs": 0.6}],
)
def test_a_folded_policy_acts_as_the_network_of_both_tasks(flags, eagerly):
    spec = EnvSpec("Two-v0", 6, 1, 2, (1.0, 1.0), 4, -1.0, 0.0)
    config = from_flags(preset="laptop", hidden=16, relay=True, **flags).resolve(spec)
    tasks = Relay(spec, config, sparse, POINTS)
    rng = np.random.default_rng(0)
    learner = DDPG(tasks.spec(), config.ddpg, tasks.inputs(), rng)
    seen = [rng.normal(2, 3, (50, 6)), rng.normal(-1, 2, (50, 5))]
    learner.observe(
        *(np.clip(x, -(limit := config.inputs.clip_obs), limit) for x in seen)
    )
    obs, achieved, goal = (rng.normal(size=(20, n)) for n in (6, 1, 1))
    shown = goal - achieved if flags.get("relative_goals") else goal
    is_task = np.ones(20, bool)
    mean = learner.goal_norm.stats.mean
    both = masked(join(np.zeros((20, 3)), shown, True), is_task, mean)
    whole = learner.policy().act(obs, achieved, both)
    alone = tasks.policy(learner, use_target=False).act(obs, achieved, goal)
    np.testing.assert_allclose(alone, whole, atol=1e-6)


def test_a_folded_critic_values_as_the_network_of_both_tasks(eagerly):
    spec = EnvSpec("Two-v0", 6, 1, 2, (1.0, 1.0), 4, -1.0, 0.0)
    config = from_flags(preset="laptop", hidden=16, relay=True).resolve(spec)
    tasks, rng = Relay(spec, config, sparse, POINTS), np.random.default_rng(0)
    learner = DDPG(tasks.spec(), config.ddpg, tasks.inputs(), rng)
    learner.observe(rng.normal(2, 3, (50, 6)), rng.normal(-1, 2, (50, 5)))
    alone = DDPG(spec, config.ddpg, config.inputs, rng)
    alone.load_arrays(tasks.arrays(learner))
    episodes = episodes_of()._replace(action=rng.uniform(-1, 1, (2, 4, 2)))
    parts = episodes.obs[:, :-1], episodes.action
    goal = np.repeat(episodes.goal[:, None], 4, axis=1)
    both = learner.mean_q(parts[0], tasks.goals(episodes, learner), parts[1])
    assert alone.mean_q(parts[0], goal, parts[1]) == pytest.approx(both, abs=1e-5)


# -- whole trainings ----------------------------------------------------------


def train(folder, **flags):
    return baselines_her.train(CARRY, log_path=str(folder), **{**SHORT, **flags})


def test_a_run_leaves_ordinary_policies_and_the_share_of_near_steps(tmp_path, eagerly):
    result = train(tmp_path / "run")
    assert 0.0 <= float(rows_of(tmp_path / "run")[0]["train/near"]) <= 1.0
    policy = load_policy(result.best_policy)
    assert baselines_her.evaluate(policy, env=CARRY, episodes=2).returns.shape == (2,)
    without = train(tmp_path / "without", relay=False)
    assert "train/near" not in rows_of(without.log_path)[0]
    more = {k: v for k, v in SHORT.items() if k != "relay"}
    more |= {"log_path": str(tmp_path / "again"), "load_path": str(result.best_policy)}
    again = baselines_her.train(CARRY, **more)
    assert "train/near" not in rows_of(again.log_path)[0]


@pytest.mark.parametrize(
    "flags",
    [
        {},
        {"per": True},
        {"prioritization": "energy", "replay_strategy": "futureactual"},
        {"relative_goals": True, "filter_goals": True, "pipelined": False},
        {"replay_strategy": "none"},
    ],
)
def test_a_run_with_relay_continues_with_the_same_bits(tmp_path, eagerly, flags):
    class Stop(Exception):
        pass

    def stop(row):
        if row["epoch"] == 0:
            raise Stop

    train(tmp_path / "whole", **flags)
    with pytest.raises(Stop):
        train(tmp_path / "parts", on_epoch=stop, **flags)
    train(tmp_path / "parts", **flags)
    assert rows_of(tmp_path / "whole") == rows_of(tmp_path / "parts")
    same_policies(tmp_path / "whole", tmp_path / "parts")


def test_relay_is_refused_where_there_is_nothing_to_reach(tmp_path):
    with pytest.raises(ValueError, match="relay needs an environment with a gripper"):
        baselines_her.train("point_env:Point-v0", log_path=str(tmp_path / "a"), **SHORT)
    with pytest.raises(ValueError, match="relay cannot start from load_path"):
        from_flags(preset="laptop", relay=True, load_path="policy.pkl")
    with pytest.raises(ValueError, match="relay_guide has no effect with relay=False"):
        train(tmp_path / "b", relay=False, relay_guide=0.3)


def test_gripper_and_object_are_known_in_fetch():
    push = EnvSpec("FetchPush-v4", 25, 3, 4, (1.0,) * 4, 50, -1.0, 0.0)
    points = reach_points(env_factory("FetchPush-v4", None)(), push)
    obs = np.arange(25.0)
    np.testing.assert_array_equal(points.gripper(obs, obs), [0, 1, 2])
    np.testing.assert_array_equal(points.object(obs, obs), [3, 4, 5])
    with pytest.raises(ValueError, match="relay needs"):
        reach_points(env_factory("FetchReach-v4", None)(), push)


@pytest.mark.slow
def test_other_processes_explore_as_this_process_does(tmp_path):
    """The environment holds a lock, so it could not be sent to another process."""
    train(tmp_path / "one", random_steps=240, collectors=0)
    train(tmp_path / "two", random_steps=240, collectors=2)
    same_policies(tmp_path / "one", tmp_path / "two")


def offered(gripper):
    """An environment that offers this for its gripper."""
    env = env_factory(CARRY, None)()
    env.unwrapped.gripper_position = gripper
    return env


def test_offered_positions_must_be_of_rows_and_need_no_environment():
    spec = EnvSpec(CARRY, 6, 2, 2, (1.0, 1.0), 20, -1.0, 0.0)
    assert (
        reach_points(env_factory(CARRY, None)(), spec).object(np.arange(6), 0)[0] == 3
    )
    bound = MethodType(lambda self, obs, achieved: obs[..., :3], object())
    with pytest.raises(ValueError, match="gripper_position as a static method"):
        reach_points(offered(bound), spec)
    for wrong in (lambda o, a: o[..., :2], lambda o, a: o[:3], lambda o, a: o[..., 0]):
        with pytest.raises(ValueError, match="gripper_position must return positions"):
            reach_points(offered(wrong), spec)
