"""Environments that name the terms of their reward: sums per episode, as columns."""

import csv

import numpy as np
import pytest
from flat_env import Target

import baselines_her
from baselines_her.envs.check_flat import check_flat
from baselines_her.envs.faults import Refusal
from baselines_her.envs.make import EnvFactory
from baselines_her.parallel.vector import Vector

SMALL = {
    "num_env": 2,
    "nsteps": 16,
    "batch_size": 16,
    "n_cycles": 2,
    "noptepochs": 1,
    "hidden_sizes": "4",
    "n_test_rollouts": 1,
    "num_timesteps": 128,
    "steppers": 1,
    "quiet": True,
}


class Terms(Target):
    """Three quarters of the reward are `near`, the rest `far`."""

    reward_terms = "near", "far"

    def step(self, action):
        observation, reward, *ends, info = super().step(action)
        terms = [0.75 * reward, 0.25 * reward]
        return observation, reward, *ends, info | {"reward_terms": terms}


class Forgetful(Terms):
    def step(self, action):
        *result, info = super().step(action)
        return *result, {"reward_terms": info["reward_terms"][:1]}


def seed_of(k, number):
    return np.random.SeedSequence(3, spawn_key=(k, number))


def vector():
    spec = check_flat(Terms(), "Terms")
    build = EnvFactory("Terms", lambda render_mode=None: Terms())
    return Vector(build, spec, 2, seed_of, seed_of)


def steps(found, count, first=0):
    for t in range(first, first + count):
        found.step(np.full((2, 1), 0.1 * t, np.float32))


def test_columns_hold_the_mean_sum_of_each_term(tmp_path):
    result = baselines_her.train(alg="ppo", make_env=Terms, log_path=tmp_path, **SMALL)
    with (tmp_path / "progress.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(result.rows) == 2
    for row in rows:
        total = float(row["train/return"])
        assert total < 0
        assert float(row["reward/near"]) == pytest.approx(0.75 * total)
        assert float(row["reward/far"]) == pytest.approx(0.25 * total)


@pytest.mark.slow
def test_a_run_with_terms_continues(tmp_path):
    def trained(**flags):
        return baselines_her.train(make_env=Terms, **flags).rows

    longer = {"num_timesteps": 2 * SMALL["num_timesteps"], "quiet": True}
    whole = trained(alg="ppo", log_path=tmp_path / "whole", **{**SMALL, **longer})
    trained(alg="ppo", log_path=tmp_path / "parts", **SMALL)
    parts = trained(resume=str(tmp_path / "parts"), **longer)
    assert len(whole) == len(parts) == 4
    for one, other in zip(whole, parts):
        assert one["reward/near"] == other["reward/near"]


def test_sums_of_an_unfinished_episode_survive_a_checkpoint():
    whole, first, second = vector(), vector(), vector()
    steps(whole, 20)
    steps(first, 5)
    first.take_finished()
    second.load_state(first.state())
    steps(second, 15, first=5)
    expected = whole.take_finished()
    np.testing.assert_array_equal(second.take_finished().terms[-1], expected.terms[-1])
    np.testing.assert_allclose(np.sum(expected.terms, axis=1), expected.returns)


def test_an_environment_that_forgets_a_term_is_refused():
    with pytest.raises(Refusal, match=r"reward_terms.*must hold 2 finite numbers"):
        check_flat(Forgetful(), "Forgetful")
