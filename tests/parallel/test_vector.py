"""Environments side by side: episodes, threads, and continuing in the middle of one."""

import os
import signal

import gymnasium as gym
import numpy as np
import pytest
from flat_env import Broken, Target

from baselines_her.envs.faults import BadState, Fault
from baselines_her.envs.make import EnvFactory
from baselines_her.parallel.vector import Noise, Vector
from baselines_her.types import FlatSpec

SPEC = FlatSpec("Target", 2, 1, (-2.0,), (2.0,), None)
CHEETAH = FlatSpec("HalfCheetah-v5", 17, 6, (-1.0,) * 6, (1.0,) * 6, 1000)


def seed_of(k, number, purpose=1, rank=0):
    return np.random.SeedSequence(3, spawn_key=(purpose, rank, k, number))


def noise_of(k, number):
    return seed_of(k, number, purpose=7)


def vector_of(env_class=Target, n=4, spec=SPEC, processes=1, seeds=seed_of):
    def build(render_mode=None):
        return env_class()

    factory = EnvFactory("Target", build)
    return Vector(factory, spec, n, seeds, noise_of, processes, timeout=60.0)


def cheetah():
    env = gym.make("HalfCheetah-v5", disable_env_checker=True)
    return gym.wrappers.TimeLimit(env.unwrapped, 15)  # several episodes in 40 steps


def played(vector, steps, first=0):
    """All that `steps` steps give; actions depend on the step and the noise."""
    found = []
    for t in range(first, first + steps):
        action = 0.1 * (t % 7) + 0.3 * vector.noise()
        found.append([vector.obs.copy(), *vector.step(action)])
    return found


def same(one, other):
    for step, again in zip(one, other, strict=True):
        for field, twin in zip(step, again, strict=True):
            np.testing.assert_array_equal(field, twin)


def test_the_number_of_processes_changes_no_bit():
    def steps(processes):
        vector = vector_of(cheetah, 5, CHEETAH, processes)
        found = played(vector, 40), vector.take_finished(), vector.state()
        vector.close()
        return found

    one, two = steps(1), steps(3)
    same(one[0], two[0])
    assert one[1] == two[1]
    assert len(one[1][0]) == 10  # two episodes of 15 steps in each of 5 streams
    for name, array in one[2].items():
        np.testing.assert_array_equal(array, two[2][name])


@pytest.mark.parametrize("processes", [1, 2])
def test_unfinished_episodes_are_played_again_bit_for_bit(processes):
    whole, first = vector_of(), vector_of()
    expected = played(whole, 30)
    same(played(first, 13), expected[:13])
    second = vector_of(processes=processes)
    second.load_state(first.state())
    np.testing.assert_array_equal(second.obs, first.obs)
    same(played(second, 17, first=13), expected[13:])
    assert second.take_finished()[0][-1] == whole.take_finished()[0][-1]
    second.close()


def test_an_environment_that_does_not_repeat_itself_is_refused():
    state = vector_of().state()
    state["actions/2"] = np.zeros((9, 1), np.float32)  # longer than any episode
    with pytest.raises(ValueError, match="of stream 2 ends at step"):
        vector_of().load_state(state)


def test_the_next_state_is_the_one_that_followed_and_not_the_next_episodes():
    vector = vector_of(lambda: Target(cut_at=4), 1)
    steps = played(vector, 8)
    for t, (_, next_obs, _, terminated, truncated) in enumerate(steps[:-1]):
        assert (truncated[0], terminated[0]) == (t in (3, 7), False)
        goes_on = np.array_equal(steps[t + 1][0], next_obs)
        assert goes_on == (t not in (3, 7))
    returns, lengths, _ = vector.take_finished()
    assert lengths == [4, 4]
    np.testing.assert_allclose(returns[0], sum(s[2][0] for s in steps[:4]))
    assert vector.take_finished() == ([], [], [])


def test_streams_and_episodes_differ():
    vector = vector_of(n=3)
    assert len({row.tobytes() for row in vector.obs}) == 3
    other = vector_of(n=3, seeds=lambda k, n: seed_of(k, n, rank=1))
    assert not np.array_equal(vector.obs, other.obs)
    steps = played(vector, 30)
    starts = [step[0][0] for t, step in enumerate(steps) if t and steps[t - 1][3][0]]
    assert len({start.tobytes() for start in starts}) == len(starts) > 2


def test_noise_does_not_depend_on_how_it_is_drawn():
    noise, direct = Noise(3), np.random.default_rng(5)
    noise.begin(np.random.default_rng(5))
    found = np.stack([noise.take() for _ in range(300)])
    np.testing.assert_array_equal(
        found, direct.standard_normal((384, 3), np.float32)[:300]
    )


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("nan observation", "Target, stream 0, episode 0, step 0: observation"),
        ("nan reward", "Target, stream 0, episode 0, step 0: reward"),
    ],
)
def test_a_number_that_is_not_finite_is_named(how, message):
    vector = vector_of(lambda: Broken(how), 2)
    with pytest.raises(BadState, match=message):
        vector.step(np.zeros((2, 1), np.float32))


def test_a_bad_action_is_named_and_not_taken():
    vector = vector_of(n=2)
    with pytest.raises(BadState, match="stream 1, episode 0, step 0: action"):
        vector.step(np.array([[0.0], [np.nan]], np.float32))
    assert [len(vector.state()[f"actions/{k}"]) for k in range(2)] == [0, 0]


def test_an_environment_that_raises_is_named():
    vector = vector_of(lambda: Broken("raises"), 2)
    with pytest.raises(Fault, match="stream 0, episode 0, step 0"):
        vector.step(np.zeros((2, 1), np.float32))


class Dies(Target):
    def step(self, action):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("env_class", "message"),
    [
        (lambda: Broken("raises"), "stream 1, episode 0, step 0"),
        (lambda: Broken("nan reward"), "stream 0, episode 0, step 0: reward"),
    ],
)
def test_faults_of_another_process_are_named_too(env_class, message):
    vector = vector_of(env_class, 2, processes=2)
    vector._own.step = lambda: None  # this process's own share does not fail first
    vector._table.reward[0] = np.nan if "reward" in message else 0.0
    with pytest.raises(Fault, match=message):
        vector.step(np.zeros((2, 1), np.float32))
    vector.close()


def test_a_process_that_dies_ends_the_run_by_name():
    vector = vector_of(Dies, 2, processes=2)
    vector._own.step = lambda: None
    with pytest.raises(RuntimeError, match="a player ended with signal 9"):
        vector.step(np.zeros((2, 1), np.float32))
    vector.close()
