"""The quadruped: model, terrain, observation, ends, randomness."""

import gymnasium as gym
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import baselines_her.envs.anymal
from baselines_her.envs.anymal import task as tasks
from baselines_her.envs.anymal import terrain
from baselines_her.envs.anymal.model import HEIGHT, JOINTS, STANDING
from baselines_her.envs.anymal.pack import Pack
from baselines_her.envs.anymal.task import Task
from baselines_her.envs.anymal.terrain import Rise
from baselines_her.envs.check_flat import check_flat
from baselines_her.envs.make import env_factory, resolve_id
from baselines_her.parallel.vector import Vector

IDS = sorted(baselines_her.envs.anymal.IDS)
CALM = {"randomise": False, "push": 0.0}


def quaternion(axis, angle):
    return np.array([np.cos(angle / 2), *(np.sin(angle / 2) * np.array(axis))])


# -- the model ---------------------------------------------------------------------


def test_the_model_has_the_robots_mass_joints_and_limits():
    model = terrain.build("flat")
    assert model.body_mass.sum() == pytest.approx(52.13, abs=0.01)
    names = [model.joint(model.actuator(k).trnid[0]).name for k in range(12)]
    assert tuple(names) == JOINTS
    np.testing.assert_allclose(model.joint("LF_HAA").range, [-0.72, 0.49])
    np.testing.assert_allclose(model.joint("RH_HAA").range, [-0.49, 0.72])
    np.testing.assert_allclose(model.actuator_forcerange, [[-80, 80]] * 12)


def test_the_feet_are_where_the_description_has_them():
    model = terrain.build("flat")
    data = mujoco.MjData(model)
    data.qpos[:7] = [0, 0, 0, 1, 0, 0, 0]
    mujoco.mj_kinematics(model, data)
    # HAA + HFE + KFE + foot: 0.2999 + 0.0599 + 0.08795; 0.104 + 0.08381 + 0.1003 +
    # 0.01305; -0.285 - 0.31547
    expected = np.array([0.44775, 0.30116, -0.60047])
    signs = {"LF": (1, 1), "RF": (1, -1), "LH": (-1, 1), "RH": (-1, -1)}
    for leg, (x, y) in signs.items():
        found = data.geom(f"{leg}_foot").xpos
        np.testing.assert_allclose(found, expected * [x, y, 1], atol=1e-5)


def test_the_standing_pose_stands():
    pack = Pack(1, Task(command=(0, 0, 0), **CALM))
    pack.reset(0, 0)
    for _ in range(150):
        outcome = pack.step([0], np.zeros((1, 12)))
        assert not outcome.terminated.any()
    assert pack.data[0].qpos[2] == pytest.approx(HEIGHT, abs=0.04)
    assert abs(pack.data[0].qvel).max() < 0.01


# -- terrain -----------------------------------------------------------------------


def test_the_ground_is_low_before_a_rise_and_high_behind_it():
    step = Rise(2.0, 0.0, 0.15)
    np.testing.assert_allclose(step.ground([1.99, 2.0, 9.0]), [0, 0.15, 0.15])
    ramp = Rise(1.0, 0.2, 0.1)
    np.testing.assert_allclose(ramp.ground([1.0, 1.05, 1.1, 3]), [0, 0.025, 0.05, 0.1])


@pytest.mark.parametrize("scene", ["step", "ramp"])
def test_a_ball_rests_where_the_ground_function_says(scene):
    """A ray from above meets the model's ground at the function's height."""
    model = terrain.build(scene)
    rise = terrain.SCENES[scene].draw(np.random.default_rng(5))
    terrain.place(model, scene, rise)
    data = mujoco.MjData(model)
    data.qpos[:3] = [-20, 0, 1]
    mujoco.mj_forward(model, data)
    for x in (0.5, rise.start - 0.01, rise.start + 0.5 * rise.length + 0.001, 3.0, 8.0):
        hit = np.zeros(1, np.int32)
        start = np.array([x, 0.3, 5.0])
        far = mujoco.mj_ray(model, data, start, [0, 0, -1.0], None, 1, -1, hit)
        assert 5.0 - far == pytest.approx(float(rise.ground(x)), abs=2e-3)


# -- what the robot sees -----------------------------------------------------------


def test_velocities_are_seen_in_the_robots_own_axes():
    left = quaternion([0, 0, 1], np.pi / 2)[None]  # it faces +y
    matrix = tasks.rotation(left)
    np.testing.assert_allclose(
        tasks.into_body(matrix, np.array([[0.0, 2.0, 1.0]])), [[2, 0, 1]], atol=1e-12
    )
    np.testing.assert_allclose(tasks.heading(matrix), [np.pi / 2])
    nose_down = tasks.rotation(quaternion([0, 1, 0], np.pi / 6)[None])
    down = tasks.into_body(nose_down, np.array([[0.0, 0.0, -1.0]]))
    np.testing.assert_allclose(down, [[0.5, 0, -np.sqrt(0.75)]], atol=1e-12)


def test_an_observation_holds_its_parts_in_order_and_scaled():
    row = np.ones((1, 12))
    found = tasks.observation(
        velocity=np.array([[1.0, 2, 3]]),
        spin=np.array([[4.0, 8, 12]]),
        gravity=np.array([[0.0, 0, -1]]),
        command=np.array([[0.5, 0.25, 2]]),
        angles=STANDING + 0.1 * row,
        speeds=20 * row,
        action=7 * row,
    )
    expected = [2, 4, 6, 1, 2, 3, 0, 0, -1, 1, 0.5, 0.5]
    expected += [0.1] * 12 + [1.0] * 12 + [7.0] * 12
    np.testing.assert_allclose(found, [expected])


def test_a_blind_robot_sees_no_heights_but_is_the_same_otherwise():
    seen, blind = (
        gym.make("baselines_her/AnymalCStep-v0", see_ground=s) for s in (True, False)
    )
    assert seen.observation_space.shape == (59,)
    assert blind.observation_space.shape == (48,)
    (a, _), (b, _) = seen.reset(seed=3), blind.reset(seed=3)
    np.testing.assert_array_equal(a[:48], b)
    assert np.ptp(a[48:]) > 0.01


def test_heights_are_seen_ahead_of_where_the_robot_faces():
    rise = Rise(np.array([0.95, 0.95]), np.zeros(2), np.array([0.1, 0.1]))
    place = np.array([[0.4, 0, 0.6], [0.4, 0, 0.6]])
    ahead, back = tasks.heights_ahead(place, np.array([0.0, np.pi]), rise)
    # points at 0.1, 0.25 .. 1.6: from the seventh one, at 1.0, on it is high
    np.testing.assert_allclose(ahead, [0.1] * 6 + [0.0] * 5, atol=1e-12)
    np.testing.assert_allclose(back, [0.1] * 11, atol=1e-12)


# -- ends --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "tilt", "force", "expected"),
    [
        (0.5, 0.0, 0.0, False),
        (0.24, 0.0, 0.0, True),
        (0.5, np.deg2rad(59), 0.0, False),
        (0.5, np.deg2rad(61), 0.0, True),
        (0.5, 0.0, 3.0, True),
    ],
)
def test_an_episode_ends_when_the_robot_is_low_tilted_or_down(
    height, tilt, force, expected
):
    down = np.array([[np.sin(tilt), 0.0, -np.cos(tilt)]])
    found = tasks.is_over(np.array([height]), down, np.array([force]), 0.25)
    assert found.tolist() == [expected]


def test_a_robot_on_its_back_has_fallen_and_earns_nothing():
    pack = Pack(1, Task(**CALM))
    pack.reset(0, 0)
    pack.data[0].qpos[3:7] = quaternion([1, 0, 0], np.pi)
    outcome = pack.step([0], np.zeros((1, 12)))
    assert outcome.terminated[0] and outcome.reward[0] == 0
    assert pack.metrics(0)["fell"] == 1


def test_an_episode_is_cut_off_after_its_seconds():
    env = gym.make(IDS[0], seconds=0.2, **CALM)
    env.reset(seed=0)
    ends = [env.step(np.zeros(12))[2:4] for _ in range(10)]
    assert ends == [(False, False)] * 9 + [(False, True)]


def explode(data):
    data.qvel[6:] = 1e5


def begin_anew(data):
    """As MuJoCo does by itself where a number is huge: only a counter tells."""
    data.warning.number[5] = 1


@pytest.mark.parametrize("what", [explode, begin_anew])
def test_a_simulation_that_explodes_is_named_and_never_rewarded(what):
    pack = Pack(2, Task(**CALM))
    for i in range(2):
        pack.reset(i, 0)
    what(pack.data[1])
    outcome = pack.step([0, 1], np.zeros((2, 12)))
    assert np.isnan(outcome.obs[1]).all() and np.isfinite(outcome.obs[0]).all()
    pack.reset(1, 0)
    assert np.isfinite(pack.step([1], np.zeros((1, 12))).obs).all()


def test_actions_in_single_precision_are_scaled_in_double_precision():
    """As `step` of one robot does, whatever the scale."""
    packs = [Pack(1, Task(action_scale=0.3, **CALM)) for _ in range(2)]
    action = np.full((1, 12), 0.7, np.float32)
    for pack, given in zip(packs, (action, action.astype(np.float64))):
        pack.reset(0, 0)
        pack.step([0], given)
    np.testing.assert_array_equal(packs[0].data[0].ctrl, packs[1].data[0].ctrl)


# -- randomness, and robots side by side -------------------------------------------


def episode(pack, i, seed, steps, others=()):
    rng = np.random.default_rng(seed)
    found = [pack.reset(i, seed)]
    for _ in range(steps):
        own = rng.uniform(-1, 1, (1, 12))
        more = np.full((len(others), 12), 0.1)
        outcome = pack.step([i, *others], np.concatenate([own, more]))
        found.append(np.concatenate([outcome.obs[0], outcome.terms[0]]))
    return np.concatenate(found)


@pytest.mark.parametrize("scene", ["flat", "step"])
def test_an_episode_does_not_depend_on_the_other_robots_or_earlier_ones(scene):
    """Bit for bit, since each robot has a simulation of its own."""
    task = Task(scene=scene, push_interval=0.1)
    alone = Pack(1, task)
    expected = episode(alone, 0, 5, 30)
    pack = Pack(3, task)
    pack.reset(0, 1), pack.reset(1, 2)
    episode(pack, 2, 8, 5)
    np.testing.assert_array_equal(episode(pack, 2, 5, 30, others=(0, 1)), expected)


def test_one_environments_step_gives_the_same_numbers_as_many_stepped_together():
    factory = env_factory("AnymalC", None)
    env = factory()
    spec = check_flat(env, factory.env_id)

    def seed_of(k, number):
        return np.random.SeedSequence(3, spawn_key=(k, number))

    vector = Vector(factory, spec, 3, seed_of, seed_of, processes=2)
    rng = np.random.default_rng(seed_of(2, 0))
    obs, _ = env.reset(seed=int(rng.integers(2**31)))
    for _ in range(20):
        np.testing.assert_array_equal(vector.obs[2], obs.astype(np.float32))
        action = np.random.default_rng(1).uniform(-1, 1, (3, 12)).astype(np.float32)
        step = vector.step(action)
        obs, reward, *_ = env.step(action[2])
        assert step.reward[2] == reward
    vector.close()


def test_the_student_projects_reward_has_its_own_timing_and_end():
    env = gym.make("baselines_her/AnymalCRamp-v0", reward="aidl2023", **CALM)
    base = env.unwrapped
    assert base.model.opt.timestep == 0.002 and base.task.horizon == 800
    assert base.metadata["render_fps"] == 100
    env.reset(seed=0)
    assert (base.command == 0).all()
    x = base.data.qpos[0]
    _, reward, terminated, _, info = env.step(np.full(12, 0.2))
    expected = (base.data.qpos[0] - x) / 0.002 + 5 * (base.data.qpos[2] - 0.5)
    assert reward == pytest.approx(expected) and not terminated
    np.testing.assert_allclose(info["reward_terms"].sum(), reward)
    base.data.qpos[2] = 0.4
    _, reward, terminated, *_ = env.step(np.zeros(12))
    assert terminated and reward < -95


def test_commands_pushes_friction_and_mass_are_drawn_from_the_seed():
    pack = Pack(2, Task(push_interval=0.1))
    pack.reset(0, 1), pack.reset(1, 2)
    masses = [model.body_mass[1] for model in pack.models]
    friction = [model.geom("LF_foot").friction[0] for model in pack.models]
    assert masses[0] != masses[1] and friction[0] != friction[1]
    assert all(0.5 <= f <= 1.25 for f in friction)
    assert (pack.command[0] != pack.command[1]).any()
    before = pack.wanted.copy()
    for _ in range(500):  # every command lasts at most 10 s
        pack.step([0, 1], np.zeros((2, 12)))
    assert (pack.wanted != before).any(axis=1).all()


def test_a_command_moves_to_what_is_wanted_by_at_most_its_rate():
    pack = Pack(1, Task(command=(1.0, 0, -0.5), command_rate=2.0, **CALM))
    pack.reset(0, 0)
    np.testing.assert_array_equal(pack.command, [[1, 0, -0.5]])
    pack.wanted[0] = [0.9, 0, 0.5]
    for expected in ([0.96, 0, -0.46], [0.92, 0, -0.42], [0.9, 0, -0.38]):
        pack.step([0], np.zeros((1, 12)))  # 0.04 a step of 20 ms
        np.testing.assert_allclose(pack.command[0], expected)


def test_a_windows_camera_follows_the_robot():
    env = gym.make("baselines_her/AnymalC-v0", render_mode="rgb_array", **CALM)
    base = env.unwrapped
    camera = base.mujoco_renderer.default_cam_config
    assert camera["trackbodyid"] == base.model.body("base").id
    assert camera["type"] == mujoco.mjtCamera.mjCAMERA_TRACKING
    env.close()


def test_a_command_that_is_set_lasts_for_the_episode():
    env = gym.make("baselines_her/AnymalC-v0", **CALM)
    base = env.unwrapped
    env.reset(seed=0)
    base.set_command((1.0, 0, 0.2))
    np.testing.assert_array_equal(base.command, [1, 0, 0.2])
    for _ in range(520):  # every command that is drawn lasts at most 10 s
        env.step(np.zeros(12))
    np.testing.assert_array_equal(base.command, [1, 0, 0.2])
    base.set_command((0, 0, 0))
    env.step(np.zeros(12))
    np.testing.assert_allclose(base.command, [0.98, 0, 0.18])
    env.reset(seed=0)
    assert base.command[0] not in (0.98, 1.0)


def test_one_command_in_ten_is_to_stand():
    rng = np.random.default_rng(0)
    drawn = np.array([Task().draw_command(rng) for _ in range(4000)])
    stands = (drawn == 0).all(axis=1)
    assert 0.08 < stands.mean() < 0.12
    assert drawn[:, 0].max() < 1.5 and drawn[:, 0].min() >= 0
    assert np.abs(drawn[:, 2]).max() <= 0.5
    fixed = Task(command=(1.0, 0, 0)).draw_command(rng)
    np.testing.assert_array_equal(fixed, [1, 0, 0])


def test_a_foot_that_lands_reports_how_long_it_was_in_the_air():
    """With no weight on it for 3 steps, then on the ground, then in the air again."""
    pack = Pack(1, Task(**CALM))
    pack.reset(0, 0)
    at, found = np.array([0]), []
    for force in (0.0, 0.0, 0.0, 50.0, 60.0, 0.0, 50.0):
        pack._sensors[0, :4] = [force, 30.0, 30.0, 0.0]
        found.append(pack._landings(at)[0].copy())
    np.testing.assert_allclose(
        [row[0] for row in found], [0, 0, 0, 0.06, 0, 0, 0.02], atol=1e-12
    )
    np.testing.assert_allclose([row[1:] for row in found], np.zeros((7, 3)))


def test_metrics_are_those_of_the_episode_so_far():
    pack = Pack(1, Task(command=(1.0, 0, 0), **CALM))
    pack.reset(0, 0)
    speeds = []
    for _ in range(20):
        pack.step([0], np.full((1, 12), 0.3))
        data = pack.data[0]
        matrix = np.zeros(9)
        mujoco.mju_quat2Mat(matrix, data.qpos[3:7])
        speeds.append(matrix.reshape(3, 3)[:, 0] @ data.qvel[:3])
    found = pack.metrics(0)
    assert found["speed"] == pytest.approx(np.mean(speeds))
    errors = np.square(np.array(speeds) - 1.0)
    assert found["speed_error"] == pytest.approx(np.sqrt(errors.mean()))
    assert found["way"] == pytest.approx(pack.data[0].qpos[0])
    assert found["action_rate"] == pytest.approx(0.3 / 20)  # one change, from 0
    pack.reset(0, 1)
    assert pack.metrics(0)["speed"] == 0


def test_a_rise_is_crossed_three_metres_behind_it_and_stays_crossed():
    pack = Pack(1, Task(scene="step", height=0.1, command=(0, 0, 0), **CALM))
    pack.reset(0, 0)

    def crossed_at(x):
        pack.data[0].qpos[:3] = [x, 0, 0.7]
        pack.step([0], np.zeros((1, 12)))
        return pack.metrics(0)["crossed"]

    edge = float(pack._rise.start[0])
    found = [crossed_at(edge + beyond) for beyond in (-1.0, 2.9, 3.1, 2.0)]
    assert found == [0, 0, 1, 1]


# -- settings and Gymnasium --------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scene": "stairs"}, "scene must be one of flat, step, ramp"),
        ({"reward": "running"}, "reward must be one of tracking, aidl2023"),
        ({"weights": {"velocty": 1}}, "unknown term velocty.*velocity"),
        ({"weights": {"velocity": np.nan}}, "weights must be finite"),
        ({"command": (1, 0)}, "command must be 3 numbers"),
        ({"height": 0.1}, "height must be None without a step"),
        ({"scene": "step", "height": 4}, "height must be 0 to 0.4 m"),
        ({"push": -1}, "push must be 0 to 5"),
        ({"action_scale": 0}, "action_scale must be"),
        ({"comand": (1, 0, 0)}, "unknown setting comand.*command"),
    ],
)
def test_settings_out_of_range_are_refused_in_one_sentence(settings, words):
    with pytest.raises(ValueError, match=words):
        gym.make("baselines_her/AnymalC-v0", **settings)


def test_weights_that_are_not_named_keep_their_value():
    task = Task(weights={"power": -1.0})
    assert task.weights["power"] == -1.0 and task.weights["velocity"] == 1.0


@pytest.mark.parametrize("env_id", IDS)
def test_gymnasiums_checker_accepts_the_environments(env_id):
    check_env(gym.make(env_id).unwrapped, skip_render_check=True)


def test_the_name_alone_finds_the_environment():
    assert resolve_id("AnymalC") == "baselines_her/AnymalC-v0"
    assert resolve_id("AnymalCStep-v0") == "baselines_her/AnymalCStep-v0"
