"""The losses of proximal policy optimisation: functions of values.

Schulman et al. 2017, "Proximal Policy Optimization Algorithms" (arXiv:1707.06347), and
Schulman et al. 2016 (arXiv:1506.02438) for the advantages.
"""

import tensorflow as tf


def advantages(reward, value, next_value, terminated, ended, gamma, lam):
    """Generalised advantage estimation, [N, S] (Schulman 2016, eq. 16).

    delta_t = r_t + gamma (1 - terminated_t) V(s'_t) - V(s_t)
    A_t = delta_t + gamma lam (1 - ended_t) A_{t+1}, and 0 after the last stored step.

    An episode that is cut off has a next value; one that terminates has none.

    Args:
      reward: [N, S].
      value: [N, S], of the states.
      next_value: [N, S], of the states that followed, before any reset.
      terminated: [N, S], 1 where nothing follows.
      ended: [N, S], 1 where the episode ended, by termination or by a time limit.
      gamma: discount.
      lam: lambda, in [0, 1].
    """
    for name, x in ("value", value), ("next_value", next_value), ("ended", ended):
        _require_like(name, x, reward)
    delta = reward + gamma * (1.0 - terminated) * next_value - value
    weight = gamma * lam * (1.0 - ended)

    def backwards(later, step):
        own, carried = step
        return own + carried * later

    steps = tf.transpose(delta), tf.transpose(weight)  # [S, N]
    start = tf.zeros_like(delta[:, 0])
    found = tf.scan(backwards, steps, initializer=start, reverse=True)
    return tf.transpose(found)


def normalised(advantage):
    """Advantages [B] with mean 0 and deviation 1."""
    _require_rank_1(advantage=advantage)
    mean, variance = tf.nn.moments(advantage, axes=[0])
    return (advantage - mean) / (tf.sqrt(variance) + 1e-8)


def policy_loss(ratio, advantage, cliprange):
    """-mean min(ratio A, clip(ratio, 1 - eps, 1 + eps) A), [] (Schulman 2017, eq. 7).

    Args:
      ratio: [B], probability of the action under the new policy, divided by that under
        the old one.
      advantage: [B].
      cliprange: eps in the formula.
    """
    _require_rank_1(ratio=ratio, advantage=advantage)
    clipped = tf.clip_by_value(ratio, 1.0 - cliprange, 1.0 + cliprange)
    return -tf.reduce_mean(tf.minimum(ratio * advantage, clipped * advantage))


def value_loss(value, target):
    """mean (V - R)^2, [] (Schulman 2017, eq. 9).

    Args:
      value: [B].
      target: [B], advantage plus the value before the update.
    """
    _require_rank_1(value=value, target=target)
    return tf.reduce_mean(tf.square(value - target))


def clipped_value_loss(value, old_value, target, cliprange):
    """mean max((V - R)^2, (V_old + clip(V - V_old, +-eps) - R)^2), [].

    As OpenAI baselines' ppo2 computes it; see Huang et al. 2022, detail 9.
    """
    _require_rank_1(value=value, old_value=old_value, target=target)
    near = old_value + tf.clip_by_value(value - old_value, -cliprange, cliprange)
    return tf.reduce_mean(
        tf.maximum(tf.square(value - target), tf.square(near - target))
    )


def _require_rank_1(**values):
    """Refuses [B, 1], which would silently broadcast against [B] to [B, B]."""
    for name, value in values.items():
        shape = tuple(tf.convert_to_tensor(value).shape)
        if len(shape) != 1:
            raise ValueError(f"{name} must have shape [B], found {list(shape)}.")


def _require_like(name, value, other):
    found, wanted = tuple(value.shape), tuple(other.shape)
    if found != wanted or len(found) != 2:
        raise ValueError(f"{name} must have shape [N, S] = {wanted}, found {found}.")
