"""The learner: where losses meet networks, and the only place that compiles.

Lillicrap et al. 2016 (arXiv:1509.02971) with the changes of Andrychowicz et al. 2017
(arXiv:1707.01495), appendix A, and the cloning terms of Nair et al. 2018
(arXiv:1709.10089).  All updates of a cycle are one compiled program.
"""

import contextlib
import math
from typing import NamedTuple

import numpy as np

from .acting import names
from .acting.normalizer import Moments, Normalizer, Stats, moments
from .acting.policy import Policy
from .nets import ddpg_losses as losses
from .nets import tf
from .nets.adam import Adam
from .nets.mlp import MLP, q_value, unit_action
from .nets.tensors import all_finite, flatten, require_applied, unflatten
from .parallel.communicator import Solo
from .quiet import quiet_stderr
from .settings.her import DDPGConfig, InputConfig
from .types import Arrays, Batch, Communicator, EnvSpec, Scales

# What an update reports, by column of progress.csv.
TERMS = (
    "loss/policy",
    "loss/action_l2",
    "loss/bc",
    "loss/critic",
    "q/target",
    "demos/q",
    "demos/passed",
)


class Cloning(NamedTuple):
    """How demonstrations enter the actor's loss (Nair 2018, eq. 3).

    With the defaults nothing is cloned and the other terms have their full weight.
    """

    prm_loss_weight: float = 1.0  # of the policy and action_l2 terms
    aux_loss_weight: float = 0.0  # of the sum of squared differences
    q_filter: bool = False


def return_limits(config: DDPGConfig, spec: EnvSpec) -> tuple[float, float]:
    """The smallest and largest TD target, from the rewards that can occur.

    Andrychowicz 2017, appendix A: with rewards of -1 and 0 a return lies between
    -1/(1-gamma) and 0.  Infinite if targets are not clipped.
    """
    low, high, gamma = -math.inf, math.inf, config.gamma
    kind = spec.reward_low, spec.reward_high
    if config.clip_return and kind != (None, None) and gamma not in (None, 1.0):
        low, high = (reward / (1.0 - gamma) for reward in kind)  # type: ignore
    return low, 0.0 if config.clip_pos_returns else high


class DDPG:
    """Actor, critic, their targets, their optimisers and the input statistics."""

    def __init__(
        self,
        spec: EnvSpec,
        config: DDPGConfig,
        inputs: InputConfig,
        rng: np.random.Generator,
        cloning: Cloning = Cloning(),
        comm: Communicator = Solo(),
    ):
        """Draws the networks.

        Args:
          spec: dimensions, action limits and rewards of the environment.
          config: resolved, so gamma and clip_pos_returns are filled in.
          inputs: settings of clipping and normalising.
          rng: draws the weights, those of the actor first.
          cloning: weights of the demonstrations' terms.
          comm: the other workers; see `synchronise`.
        """
        self._spec, self._config, self._inputs = spec, config, inputs
        self._cloning, self._comm = cloning, comm
        self._low, self._high = return_limits(config, spec)
        n_in, hidden = spec.obs_dim + spec.goal_dim, [config.hidden] * config.layers
        actor_sizes = [n_in, *hidden, spec.action_dim]
        critic_sizes = [n_in + spec.action_dim, *hidden, 1]
        normalised = config.layer_norm
        self.actor = MLP(actor_sizes, rng, names.ACTOR)
        self.critic = MLP(critic_sizes, rng, names.CRITIC, normalised)
        self.target_actor = MLP(actor_sizes, rng, names.TARGET_ACTOR)
        self.target_critic = MLP(critic_sizes, rng, names.TARGET_CRITIC, normalised)
        self._actor_adam = Adam(self.actor.weights, config.pi_lr)
        self._critic_adam = Adam(self.critic.weights, config.Q_lr)
        self.obs_norm = Normalizer(spec.obs_dim, inputs.norm_eps)
        self.goal_norm = Normalizer(spec.goal_dim, inputs.norm_eps)
        self._is_compiled = False
        self._move_targets(0.0)

    # -- what the loop calls -------------------------------------------------

    def observe(self, obs: np.ndarray, goal: np.ndarray) -> None:
        """Adds observations [B, O] and goals [B, G] to every worker's statistics."""
        limit = self._inputs.clip_obs
        for norm, rows in (self.obs_norm, obs), (self.goal_norm, goal):
            increment = moments(np.clip(rows, -limit, limit))
            norm.add(Moments(*(self._comm.sum(part) for part in increment)))

    def update(
        self, batch: Batch, scales: Scales = Scales()
    ) -> tuple[np.ndarray, dict[str, float]]:
        """K updates in one compiled call.

        Args:
          batch: fields [K, B, ...], float32.
          scales: factors of settings in this call.

        Returns:
          TD errors y - Q [K, B], and the means over K of every loss term (with its
          weight in the loss) and of the targets.

        Raises:
          RuntimeError: a loss or gradient was not finite.  That update and the
            later ones were not applied.
        """
        tensors = Batch(*(tf.convert_to_tensor(field) for field in batch))
        factors = Scales(*(tf.constant(x, tf.float32) for x in scales))
        run = self._cycle if self._comm.size == 1 else self._cycle_together
        # TensorFlow prints messages when the first call compiles.
        with contextlib.nullcontext() if self._is_compiled else quiet_stderr():
            applied, td_error, terms = run(tensors, self._stats(), factors)
        self._is_compiled = True
        if self._comm.is_mixed:
            self.synchronise()
        terms = {name: term.numpy() for name, term in terms.items()}
        require_applied(applied.numpy(), terms)
        means = {name: float(term.mean()) for name, term in terms.items()}
        return td_error.numpy(), means

    def synchronise(self) -> None:
        """Copies the first worker's state: at the start, and if processors differ."""
        self.load_state(self._comm.broadcast(self.state()))

    def update_targets(self) -> None:
        """theta' <- polyak theta' + (1 - polyak) theta, once per cycle."""
        self._move_targets(self._config.polyak)

    def policy(self, use_target: bool = False) -> Policy:
        """A NumPy snapshot of the actor, or of its target."""
        actor = self.target_actor if use_target else self.actor
        layers = [(kernel.numpy(), bias.numpy()) for kernel, bias in actor.layers]
        stats = self.obs_norm.stats, self.goal_norm.stats
        header = {"spec": self._spec._asdict()}
        return Policy(layers, *stats, self._spec.max_action, self._inputs, header)

    def mean_q(self, obs: np.ndarray, goal: np.ndarray, action: np.ndarray) -> float:
        """The critic's mean over steps [..., O], [..., G] at the actions taken."""
        obs, goal, action = (p.reshape(-1, p.shape[-1]) for p in (obs, goal, action))
        x = self._network_inputs(obs, goal, self._stats())
        q = q_value(self.critic, x, action / self._spec.max_action)
        return float(tf.reduce_mean(q))

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights of the four networks and statistics, as a policy file holds them."""
        arrays = {name: v.numpy() for name, v in self._named_weights().items()}
        for prefix, norm in self._named_norms().items():
            arrays |= names.moment_arrays(prefix, norm.total)
        return arrays

    def load_arrays(self, arrays: Arrays) -> None:
        """Loads weights and statistics from `arrays()`; the optimisers are reset."""
        for name, variable in self._named_weights().items():
            variable.assign(arrays[name])
        for prefix, norm in self._named_norms().items():
            norm.total = names.moments_from(arrays, prefix)

    def state(self) -> dict[str, np.ndarray]:
        """`arrays()` and the optimisers' moments: all that the learner remembers."""
        moments = {name: v.numpy() for name, v in self._named_moments().items()}
        return {**self.arrays(), **moments}

    def load_state(self, arrays: Arrays) -> None:
        """Restores what `state()` returned."""
        self.load_arrays(arrays)
        for name, variable in self._named_moments().items():
            variable.assign(arrays[name])

    # -- the compiled program ------------------------------------------------

    @tf.function(jit_compile=True, autograph=False)
    def _cycle(self, batch, stats, scales):
        """All updates of `batch`; returns per update: applied, TD errors, terms."""

        def one_update(before, row):
            found = self._gradients(row, stats, scales.cloning)
            critic_grads, actor_grads, td_error, terms = found
            values = list(terms.values())
            applies = before[0] & all_finite(critic_grads, actor_grads, values)
            self._critic_adam.apply(critic_grads, applies, scales.lr)
            self._actor_adam.apply(actor_grads, applies, scales.lr)
            return applies, td_error, terms

        zeros = {name: tf.constant(0.0) for name in TERMS}
        start = tf.constant(True), tf.zeros_like(batch.reward[0]), zeros
        return tf.scan(one_update, batch, initializer=start)

    def _cycle_together(self, batch, stats, scales):
        """The same with gradients averaged over all workers, between compiled programs.

        If a number is not finite on one worker, the mean is not finite on any.
        """
        outcomes, applies = [], tf.constant(True)
        for k in range(batch.reward.shape[0]):
            own, td_error = self._gradients_of(batch, tf.constant(k), stats, scales)
            mean = tf.convert_to_tensor(self._comm.mean(own.numpy()))
            applies, terms = self._apply(mean, applies, scales.lr)
            outcomes.append((applies, td_error, terms))
        return tf.nest.map_structure(lambda *parts: tf.stack(parts), *outcomes)

    @tf.function(jit_compile=True, autograph=False)
    def _gradients_of(self, batch, k, stats, scales):
        """Gradients of update k as one vector that ends with the terms of the loss."""
        # XLA would compile `field[k]` anew for every k
        row = Batch(*(tf.gather(field, k) for field in batch))
        found = self._gradients(row, stats, scales.cloning)
        critic_grads, actor_grads, td_error, terms = found
        values = [terms[name] for name in TERMS]
        return flatten([*critic_grads, *actor_grads, *values]), td_error

    @tf.function(jit_compile=True, autograph=False)
    def _apply(self, vector, applies, lr_scale):
        """Both optimisers' steps, if the whole vector is finite; returns the terms."""
        applies &= all_finite([vector])
        critic, actor = self.critic.weights, self.actor.weights
        gradients = unflatten(vector[: -len(TERMS)], [*critic, *actor])
        terms = dict(zip(TERMS, tf.unstack(vector[-len(TERMS) :])))
        self._critic_adam.apply(gradients[: len(critic)], applies, lr_scale)
        self._actor_adam.apply(gradients[len(critic) :], applies, lr_scale)
        return applies, terms

    def _gradients(self, batch, stats, bc_scale):
        """Both gradients at the same parameters, TD errors [B], terms []."""
        config, cloning = self._config, self._cloning
        x = self._network_inputs(batch.obs, batch.goal, stats)
        next_x = self._network_inputs(batch.next_obs, batch.next_goal, stats)
        next_pi = unit_action(self.target_actor, next_x)
        next_q = q_value(self.target_critic, next_x, next_pi)
        target = losses.td_target(
            batch.reward, next_q, config.gamma * batch.discount, self._low, self._high
        )
        with tf.GradientTape() as tape:
            q = q_value(self.critic, x, batch.action / self._spec.max_action)
            critic_loss = losses.critic_loss(q, target, batch.weight)
        critic_grads = tape.gradient(critic_loss, self.critic.weights)
        with tf.GradientTape() as tape:
            pi = unit_action(self.actor, x)
            q_pi = q_value(self.critic, x, pi)
            mask = losses.demo_mask(batch.is_demo, q, q_pi, cloning.q_filter)
            terms = {
                "loss/policy": cloning.prm_loss_weight * losses.policy_loss(q_pi),
                "loss/action_l2": cloning.prm_loss_weight
                * config.action_l2
                * losses.action_l2_loss(pi),
                "loss/bc": cloning.aux_loss_weight
                * bc_scale
                * losses.bc_loss(pi * self._spec.max_action, batch.action, mask),
            }
            actor_loss = tf.add_n(list(terms.values()))
        actor_grads = tape.gradient(actor_loss, self.actor.weights)
        terms |= {
            "loss/critic": critic_loss,
            "q/target": tf.reduce_mean(target),
            "demos/q": losses.masked_mean(q, batch.is_demo),
            "demos/passed": losses.masked_mean(mask, batch.is_demo),
        }
        return critic_grads, actor_grads, target - q, terms

    # -- small parts ---------------------------------------------------------

    def _network_inputs(self, obs, goal, stats):
        """Clips, normalises, clips again and joins: [B, O], [B, G] -> [B, O+G]."""
        config = self._inputs
        parts = []
        for x, (mean, std) in zip((obs, goal), stats):
            x = (tf.clip_by_value(x, -config.clip_obs, config.clip_obs) - mean) / std
            parts.append(tf.clip_by_value(x, -config.norm_clip, config.norm_clip))
        return tf.concat(parts, axis=1)

    def _stats(self) -> tuple[Stats, Stats]:
        """Statistics of both inputs as tensors, so that they are not compiled in."""
        obs, goal = self.obs_norm.stats, self.goal_norm.stats
        to_tensors = tf.convert_to_tensor
        return Stats(*map(to_tensors, obs)), Stats(*map(to_tensors, goal))

    def _move_targets(self, polyak: float) -> None:
        pairs = (self.target_actor, self.actor), (self.target_critic, self.critic)
        for target, main in pairs:
            for old, new in zip(target.weights, main.weights):
                old.assign(polyak * old + (1.0 - polyak) * new)

    def _named_norms(self) -> dict[str, Normalizer]:
        return {names.OBS_NORM: self.obs_norm, names.GOAL_NORM: self.goal_norm}

    def _named_weights(self) -> dict[str, tf.Variable]:
        networks = self.actor, self.critic, self.target_actor, self.target_critic
        return {v.name.removesuffix(":0"): v for n in networks for v in n.weights}

    def _named_moments(self) -> dict[str, tf.Variable]:
        named = {}
        both = (names.ACTOR, self._actor_adam), (names.CRITIC, self._critic_adam)
        for name, adam in both:
            named[f"adam/{name}/step"] = adam.step
            for kind, variables in ("first", adam.first), ("second", adam.second):
                for n, variable in enumerate(variables):
                    named[f"adam/{name}/{kind}/{n}"] = variable
        return named
