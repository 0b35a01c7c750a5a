"""Environments side by side: episodes, threads, and continuing in the middle of one."""

import gymnasium as gym
import numpy as np
import pytest
from flat_env import Broken, Target

from baselines_her.envs.faults import BadState, Fault
from baselines_her.parallel.vector import Crew, Noise, Vector
from baselines_her.types import FlatSpec

SPEC = FlatSpec("Target", 2, 1, (-2.0,), (2.0,), None)
CHEETAH = FlatSpec("HalfCheetah-v5", 17, 6, (-1.0,) * 6, (1.0,) * 6, 1000)


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


def test_the_number_of_threads_changes_no_bit():
    def steps(threads):
        vector = Vector(cheetah, CHEETAH, 5, seed=3, threads=threads)
        found = played(vector, 40), vector.take_finished()
        vector.close()
        return found

    one, two = steps(1), steps(2)
    same(one[0], two[0])
    assert one[1] == two[1]
    assert len(one[1][0]) == 10  # two episodes of 15 steps in each of 5 streams


def test_unfinished_episodes_are_played_again_bit_for_bit():
    whole, first = (Vector(Target, SPEC, 4, seed=1) for _ in range(2))
    expected = played(whole, 30)
    same(played(first, 13), expected[:13])
    second = Vector(Target, SPEC, 4, seed=1)
    second.load_state(first.state())
    np.testing.assert_array_equal(second.obs, first.obs)
    same(played(second, 17, first=13), expected[13:])


def test_the_next_state_is_the_one_that_followed_and_not_the_next_episodes():
    vector = Vector(lambda: Target(cut_at=4), SPEC, 1, seed=0)
    steps = played(vector, 8)
    for t, (_, next_obs, _, terminated, truncated) in enumerate(steps[:-1]):
        assert (truncated[0], terminated[0]) == (t in (3, 7), False)
        goes_on = np.array_equal(steps[t + 1][0], next_obs)
        assert goes_on == (t not in (3, 7))
    returns, lengths = vector.take_finished()
    assert lengths == [4, 4]
    np.testing.assert_allclose(returns[0], sum(s[2][0] for s in steps[:4]))
    assert vector.take_finished() == ([], [])


def test_streams_and_episodes_differ():
    vector = Vector(Target, SPEC, 3, seed=0)
    assert len({row.tobytes() for row in vector.obs}) == 3
    other = Vector(Target, SPEC, 3, seed=0, rank=1)
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
        ("nan observation", "Target, stream 0, episode 0, step 1: observation"),
        ("nan reward", "Target, stream 0, episode 0, step 1: reward"),
    ],
)
def test_a_number_that_is_not_finite_is_named(how, message):
    vector = Vector(lambda: Broken(how), SPEC, 2, seed=0)
    with pytest.raises(BadState, match=message):
        vector.step(np.zeros((2, 1), np.float32))


def test_a_bad_action_is_named_and_not_taken():
    vector = Vector(Target, SPEC, 2, seed=0)
    with pytest.raises(BadState, match="stream 1, episode 0, step 0: action"):
        vector.step(np.array([[0.0], [np.nan]], np.float32))
    assert [len(vector.state()[f"actions/{k}"]) for k in range(2)] == [0, 0]


def test_an_environment_that_raises_is_named():
    vector = Vector(lambda: Broken("raises"), SPEC, 2, seed=0)
    with pytest.raises(Fault, match="stream 0, episode 0, step 0"):
        vector.step(np.zeros((2, 1), np.float32))


def test_a_crew_does_all_work_once_and_passes_errors_on():
    crew, done = Crew(7, 3), []
    crew.run(done.append)
    assert sorted(done) == list(range(7))

    def fail(k):
        if k == 6:  # in another thread than this one
            raise KeyError(k)

    with pytest.raises(KeyError):
        crew.run(fail)
    crew.close()
