"""Energy-based prioritisation: joules worked out by hand, and real environments."""

import gymnasium as gym
import numpy as np
import pytest
from conftest import HORIZON, counting_episodes
from point_env import make_point

from baselines_her.envs.make import env_factory
from baselines_her.envs.objects import object_motion
from baselines_her.replay.buffer import ReplayBuffer
from baselines_her.replay.energy import EnergySampler, trajectory_energy
from baselines_her.types import ObjectMotion


def along(axis, *metres):
    """One episode of an object that moves along one axis."""
    position = np.zeros((1, len(metres), 3), np.float32)
    position[0, :, axis] = metres
    return position


def test_an_object_at_rest_has_no_energy_wherever_it_is():
    assert trajectory_energy(along(2, 7, 7, 7), 0.04) == [0.0]


def test_a_push_counts_its_kinetic_energy_once():
    # 0.02 m in 0.04 s: v = 0.5, E = 0.125 J at step 1; then the same speed: no gain;
    # then at rest: a loss, which counts 0
    found = trajectory_energy(along(0, 0, 0.02, 0.04, 0.04), 0.04)
    np.testing.assert_allclose(found, [0.125], rtol=1e-5)


def test_a_slow_lift_counts_its_height():
    # 0.008 m a step: v = 0.2, kinetic 0.02 J once; potential 9.81 * 0.008 a step
    found = trajectory_energy(along(2, 0.4, 0.408, 0.416), 0.04)
    np.testing.assert_allclose(found, [0.02 + 2 * 0.07848], rtol=1e-4)


def test_a_fall_does_not_count_and_a_collision_at_most_half_a_joule():
    # 0.1 m in 0.04 s: 3.125 J, cut to 0.5
    np.testing.assert_allclose(trajectory_energy(along(1, 0, 0.1), 0.04), [0.5])
    # 0.1 m down: 3.125 - 0.981 > 0, cut; then at rest, lower: a loss
    found = trajectory_energy(along(2, 0.5, 0.4, 0.4), 0.04)
    np.testing.assert_allclose(found, [0.5])


def turned(axis, *radians):
    """Quaternions [1, T+1, 4], w first, of an object that turns about one axis."""
    half = np.array(radians) / 2
    quaternion = np.zeros((1, len(half), 4), np.float32)
    quaternion[0, :, 0] = np.cos(half)
    quaternion[0, :, 1 + axis] = np.sin(half)
    return quaternion


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_turn_counts_its_rotational_energy_once(axis):
    # 0.02 rad in 0.04 s: 0.5 rad/s, 0.125 J; then the same speed, then at rest
    rest, rotation = along(0, 0, 0, 0, 0), turned(axis, 0, 0.02, 0.04, 0.04)
    found = trajectory_energy(rest, 0.04, rotation)
    np.testing.assert_allclose(found, [0.125], rtol=1e-4)


def test_of_a_hands_object_a_step_may_gain_2_5_joules():
    # 0.08 rad in 0.04 s: 2 J; 0.1 rad: 3.125 J, cut to 2.5
    for angle, joules in (0.08, 2.0), (0.1, 2.5):
        rotation = turned(2, 0, angle)
        found = trajectory_energy(along(0, 0, 0), 0.04, rotation, most=2.5)
        np.testing.assert_allclose(found, [joules], rtol=1e-4)


def test_the_sampler_counts_rotation_where_the_environment_has_it(spec):
    buffer = ReplayBuffer(spec, 2 * HORIZON)

    def position(obs, achieved):
        return np.zeros((*achieved.shape[:-1], 3))

    def rotation(obs, achieved):  # episode 1 turns by 0.08 rad in its first step
        number, step = np.divmod(achieved[..., 0], 100)
        return turned(0, *(0.08 * number * np.minimum(step, 1)).ravel()).reshape(
            *step.shape, 4
        )

    sampler = EnergySampler(
        buffer, 100, ObjectMotion(position, 0.04, rotation, 2.5), 1e-6
    )
    sampler.add(buffer.add(counting_episodes(2)))
    assert sampler._tree.total == pytest.approx(2.0, rel=1e-4)


def energy_sampler(spec, n, batch_size=100):
    """The object of episode e rises by e * 10^-4 m a step."""
    buffer = ReplayBuffer(spec, 6 * HORIZON)

    def position(obs, achieved):
        number, step = np.divmod(achieved[..., 0], 100)
        return np.stack([0 * step, 0 * step, 1e-4 * number * step], axis=-1)

    sampler = EnergySampler(buffer, batch_size, ObjectMotion(position, 1e3), eps=1e-6)
    sampler.add(buffer.add(counting_episodes(n)))
    return sampler, buffer


def test_episodes_are_drawn_by_their_energy_and_steps_alike(spec):
    sampler, _ = energy_sampler(spec, 4)
    index = sampler.draw(12_000, np.random.default_rng(0))
    counts = np.bincount(index.episode, minlength=6)
    # dt of 1,000 s leaves no kinetic energy: weights 0, 1, 2, 3
    np.testing.assert_allclose(counts[:4], 12_000 * np.arange(4) / 6, atol=40)
    assert counts[4:].sum() == 0
    steps = np.bincount(index.step, minlength=HORIZON)
    assert ((steps - 2400.0) ** 2 / 2400).sum() < 18.5  # 4 degrees: once in 1,000
    assert set(sampler.weights(index, np.zeros(120))) == {1.0}


def test_episodes_without_energy_are_all_alike(spec):
    sampler, _ = energy_sampler(spec, 1)
    index = sampler.draw(500, np.random.default_rng(0))
    assert set(index.step) == set(range(HORIZON))
    assert set(index.episode) == {0}


def test_overwritten_episodes_are_weighed_anew_and_a_resumed_run_weighs_alike(spec):
    sampler, buffer = energy_sampler(spec, 5)
    sampler.add(buffer.add(counting_episodes(3, first=5)))  # 5; 6 over 0, 7 over 1
    again = EnergySampler(buffer, 100, sampler._motion, eps=1e-6)
    again.load_state(sampler.state())
    drawn = [s.draw(2000, np.random.default_rng(3)) for s in (sampler, again)]
    np.testing.assert_array_equal(drawn[0].episode, drawn[1].episode)
    counts = np.bincount(drawn[0].episode, minlength=6)
    expected = 2000 * np.array([6, 7, 2, 3, 4, 5]) / 27
    np.testing.assert_allclose(counts, expected, atol=20)


TOUCH = "HandManipulateBlock_BooleanTouchSensors"


@pytest.mark.parametrize("env_id", ["FetchPush", "HandManipulateBlock", TOUCH])
def test_the_object_is_where_the_simulator_has_it(env_id):
    env = env_factory(env_id, None)()
    motion = object_motion(env)
    assert motion.dt == pytest.approx(0.04)
    observation, _ = env.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(5):
        observation = env.step(rng.uniform(-1, 1, env.action_space.shape))[0]
    found = motion.position(observation["observation"], observation["achieved_goal"])
    data = env.unwrapped.data
    if env_id == "FetchPush":
        wanted = data.site("object0").xpos
    else:
        wanted = data.joint("object:joint").qpos[:3]
        turn = motion.rotation(observation["observation"], observation["achieved_goal"])
        np.testing.assert_allclose(turn, data.joint("object:joint").qpos[3:])
    assert motion.most == (0.5 if env_id == "FetchPush" else 2.5)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_gymnasiums_own_checker_does_not_hide_the_object():
    env = env_factory(None, lambda: gym.make("FetchPush-v4"))()
    assert object_motion(env).dt == pytest.approx(0.04)


@pytest.mark.parametrize("env_id", ["FetchReach", "HandReach"])
def test_environments_without_an_object_are_refused(env_id):
    with pytest.raises(ValueError, match="needs an environment that moves an object"):
        object_motion(env_factory(env_id, None)())


def test_any_environment_may_offer_its_object():
    env = make_point()
    with pytest.raises(ValueError, match="offer `object_position"):
        object_motion(env)
    env.unwrapped.object_position = lambda obs, achieved: obs[..., :3]
    env.unwrapped.dt = 0.5
    motion = object_motion(env)
    np.testing.assert_array_equal(motion.position(np.arange(9.0), None), [0, 1, 2])
    assert motion.dt == 0.5


def test_a_push_gains_energy_in_the_real_environment():
    env = env_factory("FetchPush", None)()
    motion, base, energies = object_motion(env), env.unwrapped, []
    velocity = np.array([0.3, 0, 0, 0, 0, 0])
    for pushes in (False, True):
        places = [env.reset(seed=1)[0]]
        for _ in range(20):
            if pushes:
                utils = base._utils
                utils.set_joint_qvel(base.model, base.data, "object0:joint", velocity)
            places.append(env.step(np.zeros(4, np.float32))[0])
        obs = np.array([[place["observation"] for place in places]])
        energies.append(trajectory_energy(motion.position(obs, None), motion.dt).item())
    # at most 0.5 * 1 kg * (0.3 m/s)^2 = 0.045 J: friction takes some within a step
    assert energies[0] < 1e-4
    assert 0.002 < energies[1] < 0.045
