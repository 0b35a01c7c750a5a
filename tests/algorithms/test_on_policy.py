"""PPO from the command to the policy file: it learns, continues, and refuses."""

import csv

import numpy as np
import pytest
from flat_env import Target

import baselines_her
from baselines_her.algorithms.ppo import discounted, play_all, require_streams
from baselines_her.envs.make import EnvFactory
from baselines_her.nets import ppo_losses, tf
from baselines_her.parallel.vector import Vector
from baselines_her.rollout import play_episode
from baselines_her.runs.policy_file import POLICIES, read_policy
from baselines_her.seeding import EVALUATION, stream
from baselines_her.types import FlatSpec, Start

SHORT = {"alg": "ppo", "num_env": 4, "nsteps": 16, "batch_size": 32, "noptepochs": 2}
SHORT |= {
    "steppers": 1,
    "hidden_sizes": "8",
    "n_cycles": 2,
    "n_test_rollouts": 5,
    "quiet": True,
}


def train(folder, **flags):
    own = {"make_env": Target, "log_path": str(folder), "num_timesteps": 320}
    return baselines_her.train(**{**SHORT, **own, **flags})


def rows_of(folder):
    with (folder / "progress.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in rows]


def test_discounted_returns_begin_anew_after_an_end():
    reward = np.array([[1.0, 1.0, 1.0]])
    ended = np.array([[False, True, False]])
    sums, carried = discounted(reward, ended, np.array([4.0]), 0.5)
    # 1 + 0.5 x 4 = 3;  1 + 0.5 x 3 = 2.5, the end;  1
    np.testing.assert_allclose(sums, [[3.0, 2.5, 1.0]])
    np.testing.assert_allclose(carried, [1.0])
    _, carried = discounted(reward[:, :2], ended[:, :2], np.array([4.0]), 0.5)
    np.testing.assert_allclose(carried, [0.0])


def test_a_run_leaves_rows_policies_and_their_evaluation(tmp_path, eagerly):
    result = train(tmp_path / "run")
    # an iteration takes 64 steps, an epoch 128: 128, 256, 320
    assert [row["steps/env"] for row in result.rows] == [128, 256, 320]
    assert [row["steps/updates"] for row in result.rows] == [8, 16, 20]
    assert all(row["test/length"] <= 8 for row in result.rows)
    file = read_policy(result.best_policy)
    assert file.header["alg"] == "ppo"
    assert file.header["return"] == max(row["test/return"] for row in result.rows)
    policy = baselines_her.load_policy(result.best_policy)
    found = baselines_her.evaluate(policy, env=Target, episodes=5)
    assert found.last_success is None
    with pytest.raises(ValueError, match="success rates need a task with goals"):
        found.success_last  # noqa: B018
    obs = np.array([0.3, -0.2])
    np.testing.assert_array_equal(policy(obs), policy.start(None)(obs))


def test_a_stochastic_policy_draws_and_others_refuse(tmp_path, eagerly):
    path = train(tmp_path / "run").best_policy
    drawing = baselines_her.load_policy(path, stochastic=True)
    act, obs = drawing.start(np.random.default_rng(0)), np.zeros(2, np.float32)
    assert len({float(act(obs)[0]) for _ in range(5)}) == 5
    with pytest.raises(ValueError, match="alg=ppo has no option use_target"):
        baselines_her.load_policy(path, use_target=True)


@pytest.mark.parametrize("flags", [{}, {"lr_schedule": "adaptive", "std": "schedule"}])
def test_a_run_continues_with_the_same_bits(tmp_path, eagerly, flags):
    """In the middle of episodes, and in the middle of an epoch."""
    whole = train(tmp_path / "whole", **flags)

    class Stop(Exception):
        pass

    def stop(row):
        if row["epoch"] == 0:
            raise Stop

    with pytest.raises(Stop):
        train(tmp_path / "parts", on_epoch=stop, **flags)
    train(tmp_path / "parts", **flags)
    assert rows_of(tmp_path / "parts") == rows_of(tmp_path / "whole")
    one = read_policy(whole.log_path / "policy_latest.pkl").arrays
    other = read_policy(tmp_path / "parts" / "policy_latest.pkl").arrays
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_it_starts_from_a_policy_that_fits(tmp_path, eagerly):
    first = train(tmp_path / "first")
    path = str(first.log_path / "policy_latest.pkl")
    second = train(tmp_path / "second", load_path=path, lr=0.0, lr_schedule="constant")
    one, other = (
        read_policy(r.log_path / "policy_latest.pkl").arrays for r in (first, second)
    )
    np.testing.assert_array_equal(one["policy/0/kernel"], other["policy/0/kernel"])
    with pytest.raises(ValueError, match="load_path must hold a policy with 2 inputs"):
        train(tmp_path / "third", load_path=path, hidden_sizes="9")
    hers = str(POLICIES / "FetchReach.pkl")
    with pytest.raises(ValueError, match="a policy of alg=ppo, found one of her"):
        train(tmp_path / "fourth", load_path=hers)


def return_after(folder, **flags):
    """Mean return of the last evaluation on the target after 10 iterations."""
    more = {"num_env": 8, "nsteps": 64, "batch_size": 64, "noptepochs": 8, "lr": 3e-3}
    more |= {"num_timesteps": 8 * 64 * 12, "n_cycles": 12, "n_test_rollouts": 20}
    result = train(folder, **{**more, **flags})
    return result.rows[-1]["test/return"]


def test_it_learns_where_shuffled_advantages_do_not(tmp_path, monkeypatch):
    """Doing nothing has a return of about -0.46; without a signal weights drift."""
    assert return_after(tmp_path / "ppo") > -0.05

    def shuffled(*arguments):
        found = true(*arguments)
        rows = tf.reshape(found, [-1])
        return tf.reshape(tf.roll(rows, shift=201, axis=0), tf.shape(found))

    true = ppo_losses.advantages
    monkeypatch.setattr(ppo_losses, "advantages", shuffled)
    assert return_after(tmp_path / "control", seed=2) < -0.2


def test_episodes_side_by_side_are_those_played_alone():
    class Mean:
        def act_all(self, obs):
            return 0.5 * obs[:, :1]

        def start(self, rng):
            return lambda obs: 0.5 * obs[:1]

    def seed_of(k, number):
        return stream(3, EVALUATION, n=number)

    spec = FlatSpec("Target", 2, 1, (-2.0,), (2.0,), None)
    factory = EnvFactory("Target", lambda render_mode=None: Target())
    starts = [Start(seed_of(0, n)) for n in (10, 11, 12, 13, 14)]
    vector = Vector(factory, spec, 3, seed_of, seed_of)
    returns, lengths = play_all(vector, Mean(), starts)
    alone = [play_episode(Target(), spec, Mean(), start) for start in starts]
    np.testing.assert_array_equal(lengths, [one.lengths[0] for one in alone])
    np.testing.assert_allclose(returns, [one.returns[0] for one in alone], rtol=1e-5)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"batch_size": 65}, "batch_size must be at most num_env x nsteps = 64"),
        ({"hidden_sizes": "64;64"}, "hidden_sizes must be up to 20 whole numbers"),
        ({"head_sizes": "8"}, "head_sizes has no effect without shared_trunk"),
        ({"std_final": 0.5}, "std_final has no effect with std=free"),
        ({"replay_k": 4}, "unknown setting replay_k"),
        ({"preset": "plappert2018"}, "preset must be one of tuned, tianshou2021"),
    ],
)
def test_impossible_settings_are_refused(tmp_path, flags, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path / "run", **flags)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"hidden_sizes": ",".join(["16384"] * 20)}, "must fit into memory, but they"),
        (
            {"num_env": 9999, "nsteps": 999_999, "batch_size": 999_999},
            "must fit into memory, but they",
        ),
    ],
)
def test_what_cannot_fit_into_memory_is_refused(tmp_path, flags, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path / "run", **flags)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"numbers": np.array([-1, 0])}, "a number from 0 on"),
        ({"sums": np.array([np.nan, 0.0])}, "a finite sum of rewards"),
        ({"actions/1": np.zeros((9, 1))}, "at most 8 finite actions"),
        ({"actions/0": np.zeros((2, 3))}, "at most 8 finite actions"),
        ({"actions/0": np.full((2, 1), np.inf)}, "at most 8 finite actions"),
        ({"actions/2": np.zeros((2, 1))}, "2 unfinished episodes"),
    ],
)
def test_unfinished_episodes_that_no_run_leaves_are_refused(change, message):
    streams = {"numbers": np.zeros(2, int), "sums": np.zeros(2)}
    streams |= {"actions/0": np.zeros((8, 1)), "actions/1": np.zeros((0, 1))}
    spec = FlatSpec("Target", 2, 1, (-2.0,), (2.0,), None)
    require_streams(streams, 2, spec, most=8)
    with pytest.raises(ValueError, match=message):
        require_streams({**streams, **change}, 2, spec, most=8)
