"""PPO's learner: the compiled program against NumPy, and what it must not do."""

import numpy as np
import pytest

from baselines_her.config import from_flags
from baselines_her.nets import tf
from baselines_her.ppo import PPO, TERMS, cut_rows
from baselines_her.types import FlatSpec, Rollout

pytestmark = pytest.mark.usefixtures("eagerly")  # one test compiles

SPEC = FlatSpec("Flat-v0", 3, 2, (-1.0, -2.0), (1.0, 2.0), 50)
FLAGS = {"alg": "ppo", "env": "Flat-v0", "num_env": 4, "nsteps": 8, "batch_size": 16}
FLAGS |= {"hidden_sizes": "8", "noptepochs": 2, "preset": "tuned"}


def make(seed=0, **flags):
    config = from_flags(**{**FLAGS, **flags}).resolve(SPEC)
    return config, PPO(SPEC, config, np.random.default_rng(seed))


def rollout_of(learner, config, seed=0, advantage=None):
    """Steps with actions of the learner's own policy, in a world of noise."""
    rng, shape = np.random.default_rng(seed), (4, 8)
    obs = rng.normal(size=(*shape, 3)).astype(np.float32)
    noise = rng.normal(size=(32, 2)).astype(np.float32)
    action = learner.policy().draw(obs.reshape(32, 3), noise)
    return Rollout(
        obs=obs,
        action=action.reshape(4, 8, 2),
        reward=rng.normal(size=shape).astype(np.float32),
        next_obs=rng.normal(size=(*shape, 3)).astype(np.float32),
        terminated=rng.random(shape) < 0.1,
        ended=np.zeros(shape, bool),
    )


def order(passes=2, rows=32, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(rows) for _ in range(passes)]).astype(np.int32)


def first_terms(**flags):
    """What the first minibatch of all rows reports: nothing has moved before it."""
    config, learner = make(noptepochs=1, batch_size=32, **flags)
    return learner.update(rollout_of(learner, config), order(passes=1))


def test_on_the_first_minibatch_every_ratio_is_1():
    found = first_terms(hidden_sizes="64,64")
    assert found["ppo/kl"] == pytest.approx(0.0, abs=1e-6)
    assert found["ppo/clip_fraction"] == 0.0
    # advantages are normalised, and the ratios are 1: the mean is 0
    assert found["loss/policy"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("std", ["free", "state", "schedule"])
@pytest.mark.parametrize("trunk", [False, True])
def test_the_actor_in_numpy_equals_the_compiled_policy(std, trunk):
    flags = {"std": std, "shared_trunk": trunk, "squash_mean": trunk}
    config, learner = make(**flags, **({"head_sizes": "5"} if trunk else {}))
    learner.observe(np.random.default_rng(3).normal(2.0, 3.0, size=(100, 3)))
    learner.update(rollout_of(learner, config), order())
    obs = np.random.default_rng(1).normal(size=(20, 3)).astype(np.float32)
    inputs = learner.policy().inputs
    x = learner._scaled(obs, (inputs.mean, inputs.deviation))
    mean, log_std = learner._distribution(x)
    found, found_log_std = learner.policy().distribution(obs)
    np.testing.assert_allclose(found, mean, atol=1e-6)
    np.testing.assert_allclose(found_log_std, log_std, atol=1e-6)


def test_rows_that_are_cut_off_end_the_stream_or_the_episode():
    ended, terminated = np.zeros((2, 2, 4), bool)
    ended[0, 1] = ended[1, 2] = terminated[1, 2] = True
    nothing = np.zeros((2, 4))
    parts = nothing, nothing, nothing, nothing, terminated, ended
    # step 1 of the first stream, and the last steps; step 2 of the second terminated
    np.testing.assert_array_equal(cut_rows(Rollout(*parts)), [1, 3, 7, 1])
    many = Rollout(*parts)._replace(ended=np.ones((2, 4), bool), terminated=~ended)
    np.testing.assert_array_equal(cut_rows(many), [1, 3, 6, 7])


def test_the_value_of_what_followed_is_that_of_its_own_observation():
    """The compiled rows against advantages from the networks' values, in NumPy."""
    config, learner = make()
    rollout = rollout_of(learner, config, seed=4)
    rng = np.random.default_rng(5)
    ended, ends = rng.random((2, 4, 8)) < np.array([[[0.3]], [[0.5]]])
    rollout = rollout._replace(ended=ended, terminated=ended & ends)
    going_on = ~ended[:, :-1]
    rollout.next_obs[:, :-1][going_on] = rollout.obs[:, 1:][going_on]
    inputs = learner.policy().inputs
    scaling = inputs.mean, inputs.deviation
    tensors = Rollout(*(tf.constant(np.asarray(x, np.float32)) for x in rollout))
    rows = learner._rows(tensors, tf.constant(cut_rows(rollout)), scaling)

    def values(obs):
        x = learner._scaled(obs.reshape(32, 3), scaling)
        return learner._values(x).numpy().reshape(4, 8)

    value, next_value = values(rollout.obs), values(rollout.next_obs)
    wanted, follows = np.zeros((4, 8)), 0.0
    for t in reversed(range(8)):
        delta = rollout.reward[:, t] - value[:, t]
        delta += 0.99 * ~rollout.terminated[:, t] * next_value[:, t]
        follows = delta + 0.99 * 0.95 * ~rollout.ended[:, t] * follows
        wanted[:, t] = follows
    np.testing.assert_allclose(rows.advantage, wanted.reshape(-1), atol=1e-5)
    np.testing.assert_allclose(rows.target, (wanted + value).reshape(-1), atol=1e-5)


def test_updates_follow_the_advantages():
    """An action that is better than expected becomes more likely."""
    config, learner = make(normalize_advantage=False, noptepochs=5, lr=1e-2)
    rollout = rollout_of(learner, config)
    better = rollout.action[..., 0] > np.median(rollout.action[..., 0])
    reward = np.where(better, 1.0, -1.0).astype(np.float32)
    ends = np.ones((4, 8), bool)  # every step is an episode
    rollout = rollout._replace(reward=reward, terminated=ends, ended=ends)
    obs = rollout.obs.reshape(32, 3)
    before = learner.policy().distribution(obs)[0][:, 0].mean()
    learner.update(rollout, order(passes=5))
    after = learner.policy().distribution(obs)[0][:, 0].mean()
    assert after > before + 0.02


def test_the_entropy_is_rewarded_and_not_punished():
    """A large weight leaves its gradient alone, and Adam raises log_std by the rate."""
    flags = {"noptepochs": 1, "batch_size": 32, "lr": 0.01}
    rises = []
    for weight in (10.0, 0.0):
        config, learner = make(ent_coef=weight, **flags)
        rollout = rollout_of(learner, config)
        obs = rollout.obs.reshape(32, 3)
        before = np.array(learner.policy().distribution(obs)[1])
        learner.update(rollout, order(passes=1))
        rises.append(learner.policy().distribution(obs)[1] - before)
    np.testing.assert_allclose(rises[0], 0.01, rtol=1e-3)
    assert not np.allclose(rises[1], 0.01, rtol=1e-3)


def test_the_values_move_towards_the_returns():
    config, learner = make(noptepochs=5, lr=1e-2)
    ends = np.ones((4, 8), bool)  # every step is an episode: its return is its reward
    rollout = rollout_of(learner, config)._replace(terminated=ends, ended=ends)
    losses = [learner.update(rollout, order(5))["loss/value"] for _ in range(4)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.8 * losses[0]


def test_a_smaller_last_minibatch_is_learned_from():
    config, learner = make(batch_size=20, noptepochs=1)
    assert config.ppo.nminibatches == 2
    rollout = rollout_of(learner, config)
    found = learner.update(rollout, order(passes=1))
    assert found["ppo/passes"] == 1.0
    apart, other = make(batch_size=20, noptepochs=1)[1], order(passes=1)
    apart.update(rollout, np.concatenate([other[:, :20], other[:, 20:]], axis=1))
    np.testing.assert_array_equal(
        apart.arrays()["policy/0/kernel"], learner.arrays()["policy/0/kernel"]
    )


def test_a_number_that_is_not_finite_stops_the_updates():
    config, learner = make()
    rollout = rollout_of(learner, config)
    rollout.obs[2, 3, 1] = np.nan
    before = learner.arrays()
    with pytest.raises(RuntimeError, match="must have finite losses and gradients"):
        learner.update(rollout, order())
    for name, array in learner.arrays().items():
        if name != "log_std":
            assert np.isfinite(array).all(), name
    assert set(before) == set(learner.arrays())


def test_gradients_are_clipped_by_their_global_norm():
    """Adam with a large epsilon steps in proportion to the clipped gradient."""
    flags = {"batch_size": 32, "noptepochs": 1, "adam_eps": 1.0, "lr": 1.0}
    norms = []
    for limit in 0.05, 0.1:
        config, learner = make(max_grad_norm=limit, **flags)
        before = learner.arrays()
        learner.update(rollout_of(learner, config), order(passes=1))
        after = learner.arrays()
        moved = [after[k] - before[k] for k in after if "norm" not in k]
        norms.append(np.sqrt(sum(np.square(m).sum() for m in moved)))
    # step 1: lr sqrt(1 - b2) / (1 - b1) x (1 - b1) g / (sqrt(v) + eps) = 0.0316 g
    np.testing.assert_allclose(norms[0], 0.0316228 * 0.05, rtol=0.01)
    np.testing.assert_allclose(norms[1] / norms[0], 2.0, rtol=0.01)


def test_passes_end_once_the_kl_divergence_is_too_large():
    config, learner = make(target_kl=1e-9, noptepochs=5, lr=1e-2)
    found = learner.update(rollout_of(learner, config), order(passes=5))
    assert 1.0 <= found["ppo/passes"] < 3.0
    config, learner = make(noptepochs=5, lr=1e-2)
    assert (
        learner.update(rollout_of(learner, config), order(passes=5))["ppo/passes"] == 5
    )


@pytest.mark.parametrize(("target", "factor"), [(1e3, 1.5), (1e-9, 1 / 1.5)])
def test_the_adaptive_rate_moves_towards_its_target(target, factor):
    flags = {"lr_schedule": "adaptive", "kl_target": target, "noptepochs": 1}
    config, learner = make(**flags)
    found = learner.update(rollout_of(learner, config), order(passes=1))
    assert found["ppo/lr"] == pytest.approx(3e-4 * factor, rel=1e-5)
    for _ in range(20):
        found = learner.update(rollout_of(learner, config), order(passes=1))
    assert 1e-5 * 0.999 <= found["ppo/lr"] <= 1e-2 * 1.001


def test_the_deviation_follows_its_schedule_and_is_not_learned():
    config, learner = make(std="schedule")
    learner.update(rollout_of(learner, config), order(), log_std=-1.0)
    np.testing.assert_array_equal(learner.arrays()["log_std"], [-1.0, -1.0])
    config, learner = make(log_std_init=-0.5, log_std_min=-0.4)
    learner.update(rollout_of(learner, config), order())
    assert (learner.arrays()["log_std"] >= -0.4).all()


def test_a_learner_continues_with_the_same_bits():
    config, whole = make(lr_schedule="adaptive")
    _, first = make(lr_schedule="adaptive")
    rollout = rollout_of(whole, config)
    whole.update(rollout, order())
    first.update(rollout, order())
    _, second = make(seed=9, lr_schedule="adaptive")
    second.load_state(first.state())
    for learner in whole, second:
        learner.observe(rollout.obs)
        learner.update(rollout, order(seed=5))
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, second.state()[name], err_msg=name)


def test_metrics_are_means_over_the_minibatches():
    found = first_terms()
    assert set(TERMS) <= set(found)
    # entropy of two entries with log_std -0.5: 2 (-0.5 + 1.4189) = 1.8379
    assert found["loss/entropy"] == pytest.approx(1.8378771, rel=1e-5)
