"""The learner of PPO: where its losses meet networks, and are compiled.

Schulman et al. 2017 (arXiv:1707.06347), with the advantages of Schulman et al. 2016
(arXiv:1506.02438).  One compiled program does all passes over an iteration's data: the
log-probabilities and values of the policy that played, advantages, every minibatch.
"""

import contextlib
from typing import NamedTuple

import numpy as np

from .acting import names, ppo_arrays
from .acting.gaussian_policy import GaussianPolicy, deviation
from .acting.normalizer import Moments, Normalizer, moments
from .acting.ppo_arrays import LOG_STD, POLICY, RETURN_NORM, TRUNK, VALUE
from .nets import gaussian, tf
from .nets import ppo_losses as losses
from .nets.adam import Adam
from .nets.mlp import ACTIVATIONS, MLP, orthogonal
from .nets.tensors import all_finite, flatten, unflatten
from .parallel.communicator import Solo
from .quiet import quiet_stderr
from .settings.ppo import PPOConfig
from .types import Arrays, Communicator, FlatSpec, Rollout

# What a minibatch reports, by column of progress.csv.
TERMS = (
    "loss/policy",
    "loss/value",
    "loss/entropy",
    "ppo/kl",
    "ppo/clip_fraction",
    "ppo/grad_norm",
)
LEAST_LR, MOST_LR = 1e-5, 1e-2  # of the adaptive learning rate


class Rows(NamedTuple):
    """An iteration's data, one row per step; minibatches are cut from it."""

    x: tf.Tensor  # [R, O] scaled observations
    action: tf.Tensor  # [R, A]
    log_prob: tf.Tensor  # [R] under the policy that played
    value: tf.Tensor  # [R] before the update
    advantage: tf.Tensor  # [R]
    target: tf.Tensor  # [R] of the value


class PPO:
    """Policy, value, their optimiser and the statistics of inputs and returns."""

    def __init__(
        self,
        spec: FlatSpec,
        config: PPOConfig,
        rng: np.random.Generator,
        comm: Communicator = Solo(),
    ):
        """Draws the networks.

        Args:
          spec: dimensions and action limits of the environment.
          config: the resolved settings.
          rng: draws the weights of the trunk, the policy and the value, in this order.
          comm: the other workers.
        """
        self._spec, self._config, self._comm = spec, config, comm
        net, sizes = config.network, ppo_arrays.network_sizes(spec, config)
        kind = False, net.activation
        self._trunk: MLP | None = None
        if TRUNK in sizes:
            draw = orthogonal(last_gain=float(np.sqrt(2.0)))
            self._trunk = MLP(sizes[TRUNK], rng, TRUNK, *kind, draw)
        self._policy = MLP(sizes[POLICY], rng, POLICY, *kind, orthogonal(0.01))
        self._value = MLP(sizes[VALUE], rng, VALUE, *kind, orthogonal(1.0))
        start = np.full(spec.action_dim, net.log_std_init, np.float32)
        self._log_std = tf.Variable(start, name=LOG_STD)
        self._learned = [v for n in self._networks() for v in n.weights]
        self._learned += [self._log_std] if net.std == "free" else []
        self._adam = Adam(self._learned, config.ppo.lr, epsilon=config.ppo.adam_eps)
        self._adapted = tf.Variable(1.0, name="lr_scale")  # of the adaptive rate
        self.obs_norm = Normalizer(spec.obs_dim, 0.0)
        self.return_norm = Normalizer(1, 0.0)
        self._is_compiled = False

    # -- what the loop calls -------------------------------------------------

    def observe(self, obs: np.ndarray) -> None:
        """Adds observations [..., O] to the statistics of every worker."""
        increment = moments(obs.reshape(-1, obs.shape[-1]))
        self.obs_norm.add(Moments(*(self._comm.sum(part) for part in increment)))

    def observe_returns(self, returns: np.ndarray) -> None:
        """Adds running discounted returns, of any shape, to the statistics."""
        increment = moments(returns.reshape(-1, 1))
        self.return_norm.add(Moments(*(self._comm.sum(part) for part in increment)))

    @property
    def reward_scale(self) -> float:
        """The number that divides rewards: the deviation of the discounted return."""
        if not self._config.scaling.normalize_reward:
            return 1.0
        return float(deviation(self.return_norm.total)[0])

    def policy(self, stochastic: bool = False) -> GaussianPolicy:
        """A NumPy snapshot of the policy."""
        header = {"alg": "ppo", "spec": self._spec._asdict()}
        parts = self.arrays(), self._spec, self._config, header, stochastic
        return ppo_arrays.policy(*parts)

    def update(
        self,
        rollout: Rollout,
        order: np.ndarray,
        lr_scale: float = 1.0,
        log_std: float | None = None,
    ) -> dict[str, float]:
        """All passes over an iteration's data.

        Args:
          rollout: N environments of S steps; its rewards are scaled.
          order: [passes, N * S] int32, the order of the rows in each pass.
          lr_scale: factor of the learning rate.
          log_std: the current value, with `std=schedule`.

        Returns:
          The columns of an update; means over the minibatches that were applied.

        Raises:
          RuntimeError: a loss or gradient was not finite.  That update and the later
            ones were not applied.
        """
        if log_std is not None:
            self._log_std.assign(np.full(self._spec.action_dim, log_std, np.float32))
        data = Rollout(
            *(tf.constant(np.asarray(field, np.float32)) for field in rollout)
        )
        inputs = self.policy().inputs
        scaling = tf.constant(inputs.mean), tf.constant(inputs.deviation)
        cut = tf.constant(cut_rows(rollout))
        order, scale = tf.constant(order), tf.constant(lr_scale, tf.float32)
        run = self._passes if self._comm.size == 1 else self._passes_together
        # TensorFlow prints messages when the first call compiles.
        with contextlib.nullcontext() if self._is_compiled else quiet_stderr():
            is_finite, totals, n_applied, explained = run(
                data, cut, scaling, order, scale
            )
        self._is_compiled = True
        if not bool(is_finite):
            raise RuntimeError(
                "every update of an iteration must have finite losses and gradients, "
                "but one did not; it was not applied, nor were later ones.  Lower "
                "--lr, or check the environment's observations and rewards."
            )
        means = totals.numpy() / max(float(n_applied), 1.0)
        metrics = dict(zip(TERMS, means.tolist()))
        metrics["ppo/explained_variance"] = float(explained)
        metrics["ppo/passes"] = float(n_applied) / (self._config.ppo.nminibatches or 1)
        rate = self._config.ppo.lr * lr_scale * float(self._adapted.numpy())
        return metrics | {"ppo/lr": rate}

    def mean_std(self, obs: np.ndarray) -> float:
        """The mean deviation of actions, at [B, O] if it depends on observations."""
        _, log_std = self.policy().distribution(obs)
        return float(np.exp(log_std).mean())

    # -- weights and state ---------------------------------------------------

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights and statistics, as a policy file holds them."""
        arrays = {name: v.numpy() for name, v in self._named_weights().items()}
        arrays |= names.moment_arrays(names.OBS_NORM, self.obs_norm.total)
        return arrays | names.moment_arrays(RETURN_NORM, self.return_norm.total)

    def load_arrays(self, arrays: Arrays) -> None:
        """Loads what `arrays()` returned; the optimiser is reset."""
        for name, variable in self._named_weights().items():
            variable.assign(arrays[name])
        self.obs_norm.total = names.moments_from(arrays, names.OBS_NORM)
        self.return_norm.total = names.moments_from(arrays, RETURN_NORM)

    def state(self) -> dict[str, np.ndarray]:
        """`arrays()` and the optimiser's moments: all that the learner remembers."""
        kept = {name: v.numpy() for name, v in self._named_moments().items()}
        return {**self.arrays(), **kept}

    def load_state(self, arrays: Arrays) -> None:
        """Restores what `state()` returned."""
        self.load_arrays(arrays)
        for name, variable in self._named_moments().items():
            variable.assign(arrays[name])

    def synchronise(self) -> None:
        """Copies the first worker's state."""
        self.load_state(self._comm.broadcast(self.state()))

    # -- the compiled program ------------------------------------------------

    @tf.function(jit_compile=True, autograph=False)
    def _passes(self, data, cut, scaling, order, lr_scale):
        """Every pass and minibatch: is_finite, sums of TERMS, number applied, ..."""
        config = self._config.ppo
        rows, old = self._rows(data, cut, scaling), None
        explained = _explained_variance(rows.value, rows.target)
        if config.lr_schedule == "adaptive":
            old = self._distribution(rows.x)

        def one_pass(number, ok, active, totals, n):
            now = rows
            if config.recompute_advantages:
                now = self._with_advantages(rows, data, cut, scaling)
            before = totals[TERMS.index("ppo/kl")], n
            ok, totals, n = self._one_pass(now, order[number], ok, active, totals, n,
                                           lr_scale)  # fmt: skip
            kl = (totals[TERMS.index("ppo/kl")] - before[0]) / tf.maximum(
                n - before[1], 1.0
            )
            if config.target_kl is not None:
                active &= kl <= config.target_kl
            if old is not None:
                self._adapt(rows.x, old, active)
            return number + 1, ok, active, totals, n

        start = (
            *(tf.constant(0), tf.constant(True), tf.constant(True)),
            *(tf.zeros(len(TERMS)), tf.constant(0.0)),
        )
        n_passes = order.shape[0]
        _, ok, _, totals, n = tf.while_loop(
            lambda number, *_: number < n_passes, one_pass, start
        )
        return ok, totals, n, explained

    def _one_pass(self, rows, order, ok, active, totals, n, lr_scale):
        size, total = self._config.ppo.batch_size, order.shape[0]
        n_full = total // size

        def step(index, ok, totals, n):
            gradients, terms = self._gradients(rows, index)
            parts = ok, active, totals, n, lr_scale
            return self._applied(gradients, terms, *parts)

        def body(k, ok, totals, n):
            index = tf.slice(order, [k * size], [size])
            return (k + 1, *step(index, ok, totals, n))

        _, ok, totals, n = tf.while_loop(
            lambda k, *_: k < n_full, body, (tf.constant(0), ok, totals, n)
        )
        if total % size:  # the last minibatch is smaller
            ok, totals, n = step(order[n_full * size :], ok, totals, n)
        return ok, totals, n

    def _passes_together(self, data, cut, scaling, order, lr_scale):
        """The same with gradients averaged over all workers between compiled parts."""
        config, size = self._config.ppo, self._config.ppo.batch_size
        rows = self._compiled_rows(data, cut, scaling)
        explained = _explained_variance(rows.value, rows.target)
        old = self._distribution(rows.x)
        ok, active, n = tf.constant(True), tf.constant(True), tf.constant(0.0)
        totals = tf.zeros(len(TERMS))
        for number in range(order.shape[0]):
            if config.recompute_advantages:
                rows = self._compiled_advantages(rows, data, cut, scaling)
            before = float(totals[3]), float(n)
            for start in range(0, order.shape[1], size):
                index = order[number, start : start + size]
                own = self._compiled_gradients(rows, index)
                mean = tf.convert_to_tensor(self._comm.mean(own.numpy()))
                parts = mean, ok, active, totals, n, lr_scale
                ok, totals, n = self._compiled_step(*parts)
            kl = (float(totals[3]) - before[0]) / max(float(n) - before[1], 1.0)
            if config.target_kl is not None and kl > config.target_kl:
                active = tf.constant(False)
            if config.lr_schedule == "adaptive":
                self._adapt(rows.x, old, active)
        return ok, totals, n, explained

    @tf.function(jit_compile=True, autograph=False)
    def _compiled_rows(self, data, cut, scaling):
        return self._rows(data, cut, scaling)

    @tf.function(jit_compile=True, autograph=False)
    def _compiled_advantages(self, rows, data, cut, scaling):
        return self._with_advantages(rows, data, cut, scaling)

    @tf.function(jit_compile=True, autograph=False)
    def _compiled_gradients(self, rows, index):
        gradients, terms = self._gradients(rows, index)
        return flatten([*gradients, terms])

    @tf.function(jit_compile=True, autograph=False)
    def _compiled_step(self, vector, ok, active, totals, n, lr_scale):
        gradients = unflatten(vector[: -len(TERMS)], self._learned)
        parts = ok, active, totals, n, lr_scale
        return self._applied(gradients, vector[-len(TERMS) :], *parts)

    # -- parts of the program ------------------------------------------------

    def _rows(self, data: Rollout, cut, scaling) -> Rows:
        """All rows with the values of the policy that played, and their advantages."""
        x, action = self._scaled(_flat(data.obs), scaling), _flat(data.action)
        log_prob = gaussian.log_prob(action, *self._distribution(x))
        empty = tf.zeros_like(log_prob)
        rows = Rows(x, action, log_prob, empty, empty, empty)
        return self._with_advantages(rows, data, cut, scaling)

    def _with_advantages(self, rows: Rows, data: Rollout, cut, scaling) -> Rows:
        """The rows with values, advantages and targets from the current networks.

        The value of the state that followed is that of the next row, except where the
        rollout or an episode was cut off (rows `cut`, from `cut_rows`).
        """
        config, shape = self._config.ppo, tf.shape(data.reward)
        value = self._values(rows.x)
        last = tf.gather(_flat(data.next_obs), cut)
        next_value = tf.tensor_scatter_nd_update(
            tf.roll(value, shift=-1, axis=0),
            cut[:, None],
            self._values(self._scaled(last, scaling)),
        )
        advantage = losses.advantages(
            data.reward,
            tf.reshape(value, shape),
            tf.reshape(next_value, shape),
            data.terminated,
            data.ended,
            config.gamma,
            config.lam,
        )
        advantage = tf.reshape(advantage, [-1])
        target = advantage + value
        return rows._replace(value=value, advantage=advantage, target=target)

    def _gradients(self, rows: Rows, index):
        """Gradients of a minibatch, and TERMS; the norm is not known yet."""
        config = self._config.ppo
        x, action, old_log_prob, old_value, advantage, target = (
            tf.gather(field, index) for field in rows
        )
        if config.normalize_advantage:
            advantage = losses.normalised(advantage)
        with tf.GradientTape() as tape:
            mean, log_std = self._distribution(x)
            log_ratio = gaussian.log_prob(action, mean, log_std) - old_log_prob
            ratio, value = tf.exp(log_ratio), self._values(x)
            policy_loss = losses.policy_loss(ratio, advantage, config.cliprange)
            if config.clip_value:
                parts = value, old_value, target, config.cliprange
                value_loss = losses.clipped_value_loss(*parts)
            else:
                value_loss = losses.value_loss(value, target)
            entropy = tf.reduce_mean(gaussian.entropy(mean, log_std))
            loss = policy_loss + config.vf_coef * value_loss - config.ent_coef * entropy
        gradients = tape.gradient(
            loss, self._learned, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        kl = tf.reduce_mean((ratio - 1.0) - log_ratio)
        outside = tf.abs(ratio - 1.0) > config.cliprange
        clipped = tf.reduce_mean(tf.cast(outside, tf.float32))
        terms = [policy_loss, value_loss, entropy, kl, clipped, tf.constant(0.0)]
        return gradients, tf.stack(terms)

    def _applied(self, gradients, terms, ok, active, totals, n, lr_scale):
        """One step of Adam with clipped gradients, if all numbers are finite."""
        ok &= all_finite([*gradients, terms])
        gradients, norm = tf.clip_by_global_norm(
            gradients, self._config.ppo.max_grad_norm
        )
        applies = ok & active
        self._adam.apply(gradients, applies, lr_scale * self._adapted)
        if self._config.network.std == "free":
            least = self._config.network.log_std_min
            self._log_std.assign(tf.maximum(self._log_std, least))
        terms = tf.concat([terms[:-1], [norm]], axis=0)
        counted = tf.cast(applies, tf.float32)
        return ok, totals + tf.where(applies, terms, 0.0), n + counted

    def _adapt(self, x, old, active) -> None:
        """Moves the learning rate towards the wanted KL divergence of a pass."""
        config = self._config.ppo
        kl = tf.reduce_mean(gaussian.kl_divergence(*old, *self._distribution(x)))
        high, low = kl > 2.0 * config.kl_target, kl < 0.5 * config.kl_target
        factor = tf.where(high, 1.0 / 1.5, tf.where(low, 1.5, 1.0))
        scaled = tf.clip_by_value(
            self._adapted * factor, LEAST_LR / config.lr, MOST_LR / config.lr
        )
        self._adapted.assign(tf.where(active, scaled, self._adapted))

    def _distribution(self, x):
        """Mean [B, A] and log_std ([A] or [B, A]) at scaled observations."""
        found, log_std = self._policy(self._features(x)), self._log_std
        if self._config.network.std == "state":
            found, log_std = tf.split(found, 2, axis=1)
            log_std += self._config.network.log_std_init
            log_std = tf.maximum(log_std, self._config.network.log_std_min)
        squash = tf.tanh if self._config.network.squash_mean else tf.identity
        return squash(found), tf.convert_to_tensor(log_std)

    def _values(self, x):
        """Values [B] at scaled observations."""
        return self._value(self._features(x))[:, 0]

    def _features(self, x):
        if self._trunk is None:
            return x
        return ACTIVATIONS[self._config.network.activation](self._trunk(x))

    def _scaled(self, obs, scaling):
        """clip((obs - mean) / deviation), [B, O]."""
        (mean, dev), limit = scaling, self._config.scaling.clip_input
        return tf.clip_by_value((obs - mean) / dev, -limit, limit)

    # -- names ---------------------------------------------------------------

    def _networks(self) -> list[MLP]:
        return [n for n in (self._trunk, self._policy, self._value) if n is not None]

    def _named_weights(self) -> dict[str, tf.Variable]:
        weights = [v for n in self._networks() for v in n.weights]
        return {v.name.removesuffix(":0"): v for v in [*weights, self._log_std]}

    def _named_moments(self) -> dict[str, tf.Variable]:
        named = {"adam/step": self._adam.step, "lr_scale": self._adapted}
        kinds = ("first", self._adam.first), ("second", self._adam.second)
        for kind, variables in kinds:
            named |= {f"adam/{kind}/{n}": v for n, v in enumerate(variables)}
        return named


def cut_rows(rollout: Rollout) -> np.ndarray:
    """Rows n S + t after which the stream or its episode is cut off, int32.

    Other rows need no value of their own `next_obs`: it is the next row's `obs`, or the
    episode terminated there.  The rows are repeated up to a length that rarely changes,
    since each new length is compiled: 2 N, or the next power of two.
    """
    n_streams, n_steps = rollout.reward.shape
    is_cut = np.asarray(rollout.ended) & ~np.asarray(rollout.terminated)
    is_cut[:, -1] = True
    rows = np.flatnonzero(is_cut).astype(np.int32)
    length = max(2 * n_streams, 1 << (len(rows) - 1).bit_length())
    return np.resize(rows, min(length, n_streams * n_steps))


def _flat(x):
    """[N, S, D] -> [N * S, D]."""
    return tf.reshape(x, [-1, x.shape[-1]])


def _explained_variance(value, target):
    """1 - Var(R - V) / Var(R), []; 0 where the targets do not vary."""
    variance = tf.math.reduce_variance(target)
    rest = tf.math.reduce_variance(target - value)
    return tf.where(variance > 0.0, 1.0 - tf.math.divide_no_nan(rest, variance), 0.0)
