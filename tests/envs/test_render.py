"""Films must not change what they show."""

import gymnasium as gym
import imageio
import numpy as np
import pytest
from point_env import make_point

from baselines_her.envs.check import check
from baselines_her.envs.make import EnvFactory, env_factory
from baselines_her.envs.render import Camera, _follow, frame_stride, make_rendered
from baselines_her.parallel.collectors import Filmer, PlayerProcess
from baselines_her.rollout import play_episode
from baselines_her.runs.video import check_video_path, write_video
from baselines_her.seeding import stream
from baselines_her.types import GoalSpace, Start


class Wandering:
    def start(self, rng):
        return lambda obs, achieved, goal: rng.uniform(-1, 1, 4).astype(np.float32)


@pytest.mark.parametrize("env_id", ["FetchPickAndPlace", "FetchReach"])
def test_filmed_episodes_equal_unfilmed_ones(env_id):
    factory = env_factory(env_id, None)
    env = factory()
    spec = check(env, env_id)
    player = PlayerProcess(factory, spec, timeout=60.0)
    for n in range(2):
        seed = Start(stream(0, 2, n=n))
        episode, frames = player.submit("film", Wandering(), seed).result()
        for one, other in zip(episode, play_episode(env, spec, Wandering(), seed)):
            np.testing.assert_array_equal(one, other)
        assert len(frames) == spec.horizon + 1
        assert frames[0].shape == (480, 480, 3)
        assert (frames[0] != frames[-1]).any()
    player.close()


def test_a_running_robot_stays_in_the_picture():
    cheetah = gym.make("HalfCheetah-v5", render_mode="rgb_array").unwrapped
    _follow(cheetah)
    model, renderer = cheetah.model, cheetah.mujoco_renderer
    assert model.camera(renderer.camera_id).name == "track"
    reach = env_factory("FetchReach", None)("rgb_array").unwrapped
    before = reach.mujoco_renderer.camera_id
    _follow(reach)
    assert reach.mujoco_renderer.camera_id == before


def test_environments_without_mujoco_are_filmed_too(tmp_path, point_spec):
    class North:
        def start(self, rng):
            return lambda obs, achieved, goal: np.array([0, 1], np.float32)

    with Filmer(EnvFactory("Point-v0", make_point), point_spec) as filmer:
        frames = filmer.film(North(), Start(stream(0, 2)))
    for name in ("film.gif", "film.mp4"):
        write_video(tmp_path / name, frames)
        shown = imageio.mimread(tmp_path / name)
        assert shown[0].shape[:2] == (64, 64)
        assert len(shown) > 5


def test_frames_beside_tensorflow_are_refused_and_do_not_crash(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    import baselines_her.nets  # noqa: F401  loads TensorFlow

    with pytest.raises(RuntimeError, match=r"experiment/play\.py --video"):
        make_rendered(env_factory("FetchReach", None), "rgb_array")
    with pytest.raises(RuntimeError, match="a window needs a screen"):
        make_rendered(env_factory("FetchReach", None), "human")


def test_other_video_formats_are_refused_before_anything_is_rendered():
    with pytest.raises(ValueError, match=r"must end in \.mp4 or \.gif, found a\.avi"):
        check_video_path("a.avi")


def test_training_films_every_few_epochs(tmp_path, eagerly):
    import baselines_her

    flags = {"hidden": 8, "batch_size": 16, "n_batches": 2, "num_env": 2, "n_cycles": 1}
    result = baselines_her.train(
        make_env=lambda render_mode=None: make_point(render_mode=render_mode),
        log_path=str(tmp_path / "run"),
        quiet=True,
        num_timesteps=24 * 4,
        video_interval=2,
        **flags,
    )
    films = sorted(path.name for path in (result.log_path / "videos").iterdir())
    assert films == ["epoch_0.mp4", "epoch_2.mp4"]


@pytest.mark.parametrize(
    ("fps", "stride"), [(50, 2), (100, 4), (25, 1), (20, 1), (10, 1), (None, 1)]
)
def test_films_have_25_frames_a_second_where_steps_are_shorter(fps, stride):
    env = gym.Env()
    env.metadata = {} if fps is None else {"render_fps": fps}
    assert frame_stride(env) == stride


class Asks:
    """Chooses one subgoal for ever and does nothing; `hidden`: where nobody looks."""

    def __init__(self, subgoal, hidden=False):
        self.subgoal, self.hidden = subgoal, hidden

    def start(self, rng):
        def act(obs, achieved, goal):
            return np.zeros(self.size, np.float32)

        if not self.hidden:
            act.subgoals = np.array([self.subgoal], np.float32)
        return act


@pytest.mark.parametrize(
    "env_id, size, subgoal",
    [("FetchReach", 4, (1.35, 0.6, 0.6)), ("PointMaze_UMaze", 2, (1.0, 1.0))],
)
def test_films_show_subgoals_as_blue_spheres_and_stay_the_same_episode(
    env_id, size, subgoal
):
    from baselines_her.envs.goal_spaces import goal_space

    factory = env_factory(env_id, None)
    env = factory()
    spec = check(env, env_id)
    spec = spec._replace(space=goal_space(env, spec), horizon=5)
    player = PlayerProcess(factory, spec, timeout=60.0)
    found = []
    for hidden in False, True:
        actor = Asks(subgoal, hidden)
        actor.size = size
        found.append(player.submit("film", actor, Start(stream(0, 2))).result())
    player.close()
    (episode, shown), (same, plain) = found
    for one, other in zip(episode, same):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(shown[0], plain[0])  # nothing was chosen yet
    changed = (shown[-1] != plain[-1]).any(axis=-1)
    assert changed.sum() > 30
    more = shown[-1][changed].astype(int).mean(0) - plain[-1][changed].mean(0)
    assert more[2] > more[0]  # bluer


def test_pictures_show_the_subgoals_once_there_are_any():
    from types import SimpleNamespace

    class Viewer:
        def __init__(self):
            self.marks = []

        def add_marker(self, pos, size, rgba, label):
            self.marks.append((pos.tolist(), size.tolist()))

    viewer, act = Viewer(), SimpleNamespace(subgoals=np.full((2, 4), np.nan))
    renderer = SimpleNamespace(viewer=None)
    env = SimpleNamespace(unwrapped=SimpleNamespace(mujoco_renderer=renderer))
    space = GoalSpace("gripper_fingers", (0, 1, 2, 9), (), (), (0.05,) * 4)
    actor = SimpleNamespace(start=lambda rng: act)
    camera = Camera(env, SimpleNamespace(space=space), actor)
    camera.start(None)
    camera.mark()  # nobody draws yet
    renderer.viewer = viewer
    camera.mark()  # nothing is chosen yet
    assert viewer.marks == []
    act.subgoals = np.array([[1.0, 2.0, 3.0, 0.01], [4.0, 5.0, 6.0, 0.02]])
    camera.mark()
    assert [pos for pos, _ in viewer.marks] == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    np.testing.assert_allclose(viewer.marks[0][1], [0.035] * 3)
