"""The compiled cycle: its gradients, its stops, its targets."""

import numpy as np
import pytest
from learners import make_learner
from sharing import n_compiled

from baselines_her.config import from_flags, with_flags
from baselines_her.ddpg import Cloning
from baselines_her.parallel.communicator import Solo
from baselines_her.types import Batch, Episodes, Scales


def make_batch(spec, n_updates=3, rows=16, seed=0, demos=0):
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.normal(size=(n_updates, rows, *shape)).astype(np.float32)

    is_demo = np.zeros((n_updates, rows), np.float32)
    is_demo[:, rows - demos :] = 1.0
    goal = normal(spec.goal_dim)
    return Batch(
        obs=normal(spec.obs_dim),
        goal=goal,
        action=np.tanh(normal(spec.action_dim)),
        reward=-(normal() > 0).astype(np.float32),
        discount=np.ones((n_updates, rows), np.float32),
        next_obs=normal(spec.obs_dim),
        next_goal=goal,
        weight=np.ones((n_updates, rows), np.float32),
        is_demo=is_demo,
    )


def numpy_mlp(layers, x):
    """The network again, in float64."""
    for kernel, bias in layers[:-1]:
        x = np.maximum(x @ kernel + bias, 0.0)
    return x @ layers[-1][0] + layers[-1][1]


def network(learner, name):
    arrays = {k: v.astype(np.float64) for k, v in learner.arrays().items()}
    n = sum(key.startswith(f"{name}/") for key in arrays) // 2
    return [
        (arrays[f"{name}/{i}/kernel"], arrays[f"{name}/{i}/bias"]) for i in range(n)
    ]


def expected_terms(learner, spec, config, batch):
    """Terms of the first update, from the equations, in NumPy."""
    row = Batch(*(field[0].astype(np.float64) for field in batch))

    def inputs(obs, goal):
        return np.clip(np.concatenate([obs, goal], 1), -5, 5)

    x, next_x = inputs(row.obs, row.goal), inputs(row.next_obs, row.next_goal)
    next_pi = np.tanh(numpy_mlp(network(learner, "target_actor"), next_x))
    critic = network(learner, "target_critic")
    next_q = numpy_mlp(critic, np.concatenate([next_x, next_pi], 1))[:, 0]
    gamma = config.ddpg.gamma
    target = np.clip(row.reward + gamma * next_q, -1 / (1 - gamma), 0.0)
    critic = network(learner, "critic")
    q = numpy_mlp(critic, np.concatenate([x, row.action], 1))[:, 0]
    pi = np.tanh(numpy_mlp(network(learner, "actor"), x))
    q_pi = numpy_mlp(critic, np.concatenate([x, pi], 1))[:, 0]
    return {
        "loss/critic": np.mean((target - q) ** 2),
        "loss/policy": -q_pi.mean(),
        "loss/action_l2": np.mean(pi**2),
        "loss/bc": 0.0,
        "q/target": target.mean(),
    }, target - q


def test_first_update_computes_the_equations(point_spec, small_config):
    learner = make_learner(point_spec, small_config)
    batch = make_batch(point_spec, n_updates=1)
    expected, td_error = expected_terms(learner, point_spec, small_config, batch)
    found, terms = learner.update(batch)
    np.testing.assert_allclose(found[0], td_error, rtol=1e-4, atol=1e-5)
    for name, value in expected.items():
        assert terms[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


class Twins(Solo):
    """Two workers that always have the same gradients."""

    size = 2


@pytest.mark.parametrize("comm", [Solo(), Twins()])
def test_both_learning_rates_are_scaled(point_spec, small_config, eagerly, comm):
    """Adam's first step is proportional to the rate: a quarter of it, a quarter."""
    batch, moved = make_batch(point_spec, n_updates=1), []
    for scales in Scales(), Scales(lr=0.25):
        learner = make_learner(point_spec, small_config, comm=comm)
        before = learner.arrays()
        learner.update(batch, scales)
        after = learner.arrays().items()
        moved.append({k: v - before[k] for k, v in after if k.endswith("kernel")})
    for name in "actor/0/kernel", "critic/0/kernel":
        assert np.abs(moved[0][name]).max() > 1e-4
        np.testing.assert_allclose(moved[1][name], moved[0][name] / 4, atol=1e-6)


@pytest.mark.alone  # other workers compile too
def test_workers_compile_no_program_for_every_update(point_spec, small_config):
    before = n_compiled()
    learner = make_learner(point_spec, small_config, comm=Twins())
    learner.update(make_batch(point_spec, n_updates=3))
    assert n_compiled() == before + 2  # the gradients, and their application


def test_losses_are_logged_as_they_are_weighted(point_spec, small_config, eagerly):
    cloning = Cloning(prm_loss_weight=0.25, aux_loss_weight=0.5)
    batch = make_batch(point_spec, n_updates=1, demos=4)
    _, plain = make_learner(point_spec, small_config).update(batch)
    learner = make_learner(point_spec, small_config, cloning=cloning)
    obs, goal = batch.obs[0, -4:], batch.goal[0, -4:]
    difference = learner.policy().act(obs, goal, goal) - batch.action[0, -4:]
    _, weighted = learner.update(batch)
    for name in ("loss/policy", "loss/action_l2"):
        assert weighted[name] == pytest.approx(0.25 * plain[name], rel=1e-5)
    assert weighted["loss/bc"] == pytest.approx(0.5 * np.sum(difference**2), rel=1e-4)
    assert plain["loss/bc"] == 0.0


def test_both_gradients_are_taken_at_the_same_parameters(point_spec, small_config):
    """An actor step alone, with a frozen critic, is the actor step of the pair."""
    batch = make_batch(point_spec, n_updates=1)
    both = make_learner(point_spec, small_config)
    frozen = make_learner(point_spec, with_flags(small_config, Q_lr=0.0))
    both.update(batch)
    frozen.update(batch)
    for n in range(2):
        name = f"actor/{n}/kernel"
        np.testing.assert_array_equal(both.arrays()[name], frozen.arrays()[name])
    moved = both.arrays()["critic/0/kernel"] != frozen.arrays()["critic/0/kernel"]
    assert moved.any()


def test_the_actor_loss_does_not_move_the_critic(point_spec, small_config, eagerly):
    batch = make_batch(point_spec)
    one = make_learner(point_spec, with_flags(small_config, action_l2=1.0, pi_lr=0.0))
    other = make_learner(
        point_spec, with_flags(small_config, action_l2=50.0, pi_lr=0.0)
    )
    one.update(batch)
    other.update(batch)
    np.testing.assert_array_equal(
        one.arrays()["critic/0/kernel"], other.arrays()["critic/0/kernel"]
    )


def test_a_cycle_of_three_is_three_cycles_of_one(point_spec, small_config):
    batch = make_batch(point_spec, n_updates=3)
    together = make_learner(point_spec, small_config)
    apart = make_learner(point_spec, small_config)
    together.update(batch)
    for k in range(3):
        apart.update(Batch(*(field[k : k + 1] for field in batch)))
    for name, array in together.arrays().items():
        np.testing.assert_allclose(array, apart.arrays()[name], atol=2e-6)


def test_updates_stop_before_the_first_bad_one(point_spec, small_config):
    batch = make_batch(point_spec, n_updates=3)
    batch.obs[1, 4, 0] = np.nan
    learner = make_learner(point_spec, small_config)
    with pytest.raises(RuntimeError, match=r"update 2 of 3 .* finite .* loss/critic"):
        learner.update(batch)
    first_only = make_learner(point_spec, small_config)
    first_only.update(Batch(*(field[:1] for field in batch)))
    for name, array in learner.arrays().items():
        np.testing.assert_allclose(array, first_only.arrays()[name], atol=2e-6)


def test_targets_start_equal_and_move_by_one_minus_polyak(
    point_spec, small_config, eagerly
):
    learner = make_learner(point_spec, small_config)
    start = learner.arrays()
    np.testing.assert_array_equal(
        start["target_critic/0/kernel"], start["critic/0/kernel"]
    )
    learner.update(make_batch(point_spec))
    before = learner.arrays()["target_critic/0/kernel"]
    np.testing.assert_array_equal(before, start["critic/0/kernel"])
    learner.update_targets()
    after = learner.arrays()
    expected = 0.95 * before + 0.05 * after["critic/0/kernel"]
    np.testing.assert_allclose(after["target_critic/0/kernel"], expected, rtol=1e-5)


def test_snapshots_do_not_change_when_the_learner_goes_on(point_spec, small_config):
    learner = make_learner(point_spec, small_config)
    arrays, policy = learner.arrays(), learner.policy()
    kept = {name: array.copy() for name, array in arrays.items()}
    place = np.ones(3, np.float32), np.ones(2, np.float32), np.zeros(2, np.float32)
    action = policy.act(*place)
    for _ in range(3):
        learner.update(make_batch(point_spec))
        learner.update_targets()
    for name in kept:
        np.testing.assert_array_equal(arrays[name], kept[name])
    np.testing.assert_array_equal(policy.act(*place), action)


def test_targets_follow_the_rewards_of_the_environment(point_spec):
    from baselines_her.ddpg import return_limits

    def limits(kind, **flags):
        spec = point_spec._replace(reward_low=kind[0], reward_high=kind[1])
        config = from_flags(preset="laptop", gamma=0.98, **flags).resolve(spec)
        return return_limits(config.ddpg, spec)

    assert limits((-1.0, 0.0)) == pytest.approx((-50.0, 0.0))
    assert limits((0.0, 1.0)) == pytest.approx((0.0, 50.0))
    assert limits((None, None)) == (-np.inf, np.inf)
    assert limits((-1.0, 0.0), clip_return=False) == (-np.inf, 0.0)
    both_off = {"clip_return": False, "clip_pos_returns": False}
    assert limits((-1.0, 0.0), **both_off) == (-np.inf, np.inf)


def test_numpy_actor_equals_the_tensorflow_actor(point_spec):
    config = from_flags().resolve(point_spec)
    learner = make_learner(point_spec, config)
    batch = make_batch(point_spec, n_updates=1, rows=10_000)
    learner.observe(batch.obs[0], batch.goal[0])
    policy = learner.policy()
    one_by_one = np.array(
        [policy.act(o, g, g) for o, g in zip(batch.obs[0], batch.goal[0])]
    )
    x = learner._network_inputs(batch.obs[0], batch.goal[0], learner._stats())
    from baselines_her.nets.mlp import unit_action

    np.testing.assert_allclose(one_by_one, unit_action(learner.actor, x), atol=1e-6)


def test_trained_actors_stay_close_to_double_precision(point_spec):
    config = from_flags().resolve(point_spec)
    learner = make_learner(point_spec, config)
    learner.update(make_batch(point_spec, n_updates=40, rows=64))
    batch = make_batch(point_spec, n_updates=1, rows=2_000, seed=1)
    obs, goal = batch.obs[0], batch.goal[0]
    x = np.clip(np.concatenate([obs, goal], 1).astype(np.float64), -5, 5)
    exact = np.tanh(numpy_mlp(network(learner, "actor"), x))
    policy = learner.policy()
    in_numpy = np.array([policy.act(o, g, g) for o, g in zip(obs, goal)])
    from baselines_her.nets.mlp import unit_action

    np.testing.assert_allclose(in_numpy, exact, atol=1e-4)
    np.testing.assert_allclose(
        unit_action(learner.actor, x.astype(np.float32)), exact, atol=1e-4
    )


def test_statistics_are_of_clipped_rows(point_spec):
    config = from_flags(clip_obs=2.0).resolve(point_spec)
    learner = make_learner(point_spec, config)
    batch = make_batch(point_spec, n_updates=1)
    batch.obs[0, :, 0] = 100.0
    batch.goal[0, :, 1] = -100.0
    learner.observe(batch.obs[0], batch.goal[0])
    assert learner.obs_norm.stats.mean[0] == 2.0
    assert learner.goal_norm.stats.mean[1] == -2.0


def test_mean_q_is_the_critics_mean_over_all_steps(point_spec, small_config):
    learner = make_learner(point_spec, small_config)
    rng = np.random.default_rng(0)
    episodes = Episodes(
        obs=rng.normal(size=(2, 13, 3)).astype(np.float32),
        achieved=rng.normal(size=(2, 13, 2)).astype(np.float32),
        goal=rng.normal(size=(2, 2)).astype(np.float32),
        action=rng.uniform(-1, 1, (2, 12, 2)).astype(np.float32),
        success=np.zeros((2, 12), bool),
    )
    total = 0.0
    for e in range(2):
        for t in range(12):
            parts = episodes.obs[e, t], episodes.goal[e], episodes.action[e, t]
            x = np.concatenate(parts).astype(np.float64)[None]
            total += numpy_mlp(network(learner, "critic"), x)[0, 0]
    goal = np.repeat(episodes.goal[:, None], 12, axis=1)
    found = learner.mean_q(episodes.obs[:, :-1], goal, episodes.action)
    assert found == pytest.approx(total / 24, rel=1e-4)
