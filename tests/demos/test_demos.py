"""Learning from demonstrations: batches, losses' weights, starts within them."""

import csv
from pathlib import Path

import numpy as np
import pytest
import trainings
from known_policies import Straight
from point_env import make_point
from trainings import POINT, SHORT, SMALL

from baselines_her.algorithms.her import HER
from baselines_her.algorithms.tasks import OwnTask
from baselines_her.config import from_flags
from baselines_her.ddpg import DDPG, Cloning
from baselines_her.demos.file import load_demos, write_demos
from baselines_her.demos.record import join, record
from baselines_her.demos.starts import training_start
from baselines_her.envs.check import check, reward_function
from baselines_her.parallel.collectors import Collectors
from baselines_her.runs.policy_file import read_policy
from baselines_her.seeding import DEMOS, TRAINING, stream
from baselines_her.types import Batch, Scales, Start

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo_file(tmp_path_factory):
    env = make_point()
    spec = check(env, POINT)
    starts = [Start(stream(3, DEMOS, n=n)) for n in range(6)]
    path = tmp_path_factory.mktemp("demos") / "point.npz"
    demos = [record(env, spec, Straight(), start)[1] for start in starts]
    write_demos(path, join(demos))
    return str(path)


def train(folder, **flags):
    flags = {"num_demo": 6, "demo_batch_size": 16, **SHORT, **flags}
    return trainings.train(folder, **flags)


def weights_of(result):
    return read_policy(result.log_path / "policy_latest.pkl").arrays["actor/0/kernel"]


# -- settings -----------------------------------------------------------------


def test_a_demo_file_alone_switches_to_the_demo_preset():
    config = from_flags(demo_file="demos.npz")
    assert (config.run.preset, config.demos.bc_loss) == ("tuned_demos", True)
    assert (config.collect.random_eps, config.collect.noise_eps) == (0.1, 0.2)
    config = from_flags(demo_file="demos.npz", preset="plappert2018")
    assert not config.demos.bc_loss


def test_the_filter_follows_cloning_unless_it_is_given(point_spec):
    for flags, expected in [
        ({}, (True, True)),
        ({"bc_loss": 0}, (False, False)),
        ({"q_filter": 0}, (True, False)),
    ]:
        config = from_flags(env=POINT, demo_file="demos.npz", **flags)
        found = config.resolve(point_spec).demos
        assert (found.bc_loss, found.q_filter) == expected


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"bc_loss": 1}, "bc_loss needs demonstrations, found no demo_file"),
        ({"demo_resets": 0.1}, "demo_resets needs demonstrations"),
        ({"preset": "nair2018"}, "bc_loss needs demonstrations"),
        ({"demo_file": "a", "bc_loss": 0, "q_filter": 1}, "q_filter=1 has no effect"),
        ({"demo_file": "a", "batch_size": 32}, "must be below batch_size"),
        ({"demo_file": "a", "num_demo": 0}, "num_demo must be at least 1"),
    ],
)
def test_settings_without_meaning_are_refused(flags, message):
    with pytest.raises(ValueError, match=message):
        from_flags(**flags)


# -- batches ------------------------------------------------------------------


def test_demonstrations_take_their_share_of_every_batch(demo_file, point_spec, eagerly):
    demos = load_demos(demo_file)
    flags = {"env": POINT, "demo_file": demo_file, "demo_batch_size": 16, **SMALL}
    config = from_flags(**flags).resolve(point_spec)
    env = make_point()
    seen = []

    class Recording(DDPG):
        def update(self, batch, scales):
            seen.append((batch, scales.cloning))
            return super().update(batch, scales)

    rng = np.random.default_rng(0)
    learner = Recording(point_spec, config.ddpg, config.inputs, rng)
    with Collectors(None, point_spec, env, 0) as collectors:
        tasks = OwnTask(point_spec, config, reward_function(env))
        parts = config, point_spec, learner, tasks, collectors, demos
        algorithm = HER(*parts)
        n_demo_rows = 6 * 12
        assert learner.obs_norm.total.n_rows == n_demo_rows
        algorithm.iterate()
    assert learner.obs_norm.total.n_rows == n_demo_rows + 4 * 12
    batch, scale = seen[0]
    assert batch.obs.shape == (10, 64, 3)
    assert scale == 1.0
    np.testing.assert_array_equal(batch.is_demo, [[0] * 48 + [1] * 16] * 10)
    stored = {row.tobytes() for row in demos.action.reshape(-1, 2)}
    is_stored = [row.tobytes() in stored for row in batch.action[0]]
    assert all(is_stored[48:])
    assert not any(is_stored[:48])
    # demonstrations are relabelled like everything else: 4 of 5 goals are new ones
    goals = {goal.tobytes() for goal in demos.goal}
    rows = batch.goal[:, 48:].reshape(-1, 2)
    assert 0.65 < np.mean([row.tobytes() not in goals for row in rows]) < 0.95


def test_rows_without_demonstrations_give_the_same_bits(point_spec, small_config):
    rng = np.random.default_rng(3)

    def normal(*shape):
        return rng.normal(size=(3, 16, *shape)).astype(np.float32)

    goal, ones = normal(2), np.ones((3, 16), np.float32)
    action = np.tanh(normal(2))
    parts = normal(3), goal, action, -ones, ones, normal(3), goal, ones
    batch = Batch(*parts, is_demo=0 * ones)
    results = []
    for cloning in Cloning(), Cloning(1.0, 0.5, True), Cloning(1.0, 0.5, False):
        parts = small_config.ddpg, small_config.inputs, np.random.default_rng(0)
        learner = DDPG(point_spec, *parts, cloning)
        _, metrics = learner.update(batch)
        assert metrics["loss/bc"] == metrics["demos/passed"] == metrics["demos/q"] == 0
        results.append(learner.arrays())
    for other in results[1:]:
        for name, array in results[0].items():
            np.testing.assert_array_equal(array, other[name])


def test_metrics_of_demonstrations_are_means_over_their_rows(
    point_spec, small_config, eagerly
):
    parts = small_config.ddpg, small_config.inputs, np.random.default_rng(0)
    learner = DDPG(point_spec, *parts, Cloning(1.0, 0.5, True))
    rng = np.random.default_rng(1)
    obs = rng.normal(size=(1, 8, 3)).astype(np.float32)
    goal = rng.normal(size=(1, 8, 2)).astype(np.float32)
    action = rng.uniform(-1, 1, (1, 8, 2)).astype(np.float32)
    ones, is_demo = np.ones((1, 8), np.float32), np.zeros((1, 8), np.float32)
    is_demo[0, 5:] = 1
    arrays = learner.arrays()

    def network(name, x):
        for n in range(2):
            x = x @ arrays[f"{name}/{n}/kernel"] + arrays[f"{name}/{n}/bias"]
            x = np.maximum(x, 0) if n == 0 else x
        return x

    inputs = np.concatenate([obs[0], goal[0]], 1)
    pi = np.tanh(network("actor", inputs))
    q = network("critic", np.concatenate([inputs, action[0]], 1))[:, 0]
    q_pi = network("critic", np.concatenate([inputs, pi], 1))[:, 0]
    batch = Batch(obs, goal, action, -ones, ones, obs, goal, ones, is_demo)
    _, metrics = learner.update(batch, Scales(cloning=0.25))
    passed = (q > q_pi)[5:]
    squares = np.square(pi - action[0])[5:].sum(1)
    assert metrics["demos/q"] == pytest.approx(q[5:].mean(), rel=1e-4)
    assert metrics["demos/passed"] == pytest.approx(passed.mean())
    expected = 0.25 * 0.5 * squares[passed].sum()
    assert metrics["loss/bc"] == pytest.approx(expected, rel=1e-4)


# -- starts within demonstrations ---------------------------------------------


def test_starts_within_demonstrations_have_their_share(demo_file):
    demos = load_demos(demo_file)._replace(state0=np.arange(12.0).reshape(6, 2))
    starts = [training_start(4, 0, n, demos, 0.25) for n in range(4000)]
    within = [start for start in starts if start.state is not None]
    assert 0.23 < len(within) / len(starts) < 0.27
    # from 1 to T-1 of the demonstration's own actions are given
    assert {len(start.actions) for start in within} == set(range(1, 12))
    for start in within[:50]:
        k = int(start.state[0]) // 2
        np.testing.assert_array_equal(start.goal, demos.goal[k])
        np.testing.assert_array_equal(
            start.actions, demos.action[k, : len(start.actions)]
        )
    assert {int(start.state[0]) // 2 for start in within} == set(range(6))
    own = stream(4, TRAINING, n=7)
    assert training_start(4, 0, 7, demos, 0.25).seed.spawn_key == own.spawn_key
    assert training_start(4, 0, 7, demos, 0.0).state is None


def test_starts_within_demonstrations_replay_them_exactly(tmp_path):
    from baselines_her.envs.make import env_factory
    from baselines_her.rollout import play_episode

    class Wild:
        def start(self, rng):
            return lambda *_: rng.uniform(-1, 1, 4).astype(np.float32)

    factory = env_factory("FetchPickAndPlace", None)
    env = factory()
    spec = check(env, factory.env_id)
    _, demo = record(env, spec, Wild(), Start(stream(1, DEMOS)))
    start = Start(stream(2, DEMOS), demo.state0[0], demo.goal[0], demo.action[0, :30])
    fresh = factory()
    for place in env, fresh:
        episode = play_episode(place, spec, Wild(), start)
        np.testing.assert_array_equal(episode.obs[0, :31], demo.obs[0, :31])
        np.testing.assert_array_equal(episode.goal, demo.goal)
        assert (episode.action[0, 30:] != demo.action[0, 30:]).any()


# -- whole runs ---------------------------------------------------------------


def test_every_demo_setting_reaches_the_learner(demo_file, tmp_path, eagerly):
    found = {}
    for name, flags in {
        "none": {},
        "no cloning": {"demo_file": demo_file, "bc_loss": 0},
        "cloning": {"demo_file": demo_file, "q_filter": 0},
        "filter": {"demo_file": demo_file},
        "fade": {"demo_file": demo_file, "bc_fade": 200},
        "less": {"demo_file": demo_file, "num_demo": 3},
        "rows": {"demo_file": demo_file, "demo_batch_size": 8},
        "aux": {"demo_file": demo_file, "aux_loss_weight": 0.1},
        "prm": {"demo_file": demo_file, "prm_loss_weight": 1.0},
    }.items():
        run = train(tmp_path / name, **flags, n_batches=3, num_timesteps=200)
        found[name] = weights_of(run).tobytes()
    assert len(set(found.values())) == len(found)
    flags = {"demo_file": demo_file, "bc_fade": 200}
    again = train(tmp_path / "again", **flags, n_batches=3, num_timesteps=200)
    assert weights_of(again).tobytes() == found["fade"]


def test_a_run_goes_on_with_its_own_demonstrations_only(demo_file, tmp_path, eagerly):
    path = tmp_path / "demos.npz"
    demos = load_demos(demo_file)
    write_demos(path, demos)
    train(tmp_path / "run", demo_file=path, num_timesteps=200)
    train(tmp_path / "run", demo_file=path, num_timesteps=250)
    write_demos(path, demos._replace(action=-demos.action))
    with pytest.raises(ValueError, match="continue with the demonstrations that"):
        train(tmp_path / "run", demo_file=path, num_timesteps=300)


def test_the_log_tells_of_demonstrations(demo_file, tmp_path, eagerly):
    result = train(tmp_path / "run", demo_file=demo_file, n_batches=10)
    with (result.log_path / "progress.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["loss/bc"]) > 0 for row in rows)
    assert all(0 < float(row["demos/passed"]) < 1 for row in rows)
    assert all(float(row["demos/q"]) < 0 for row in rows[1:])
