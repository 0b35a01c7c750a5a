"""The losses of DDPG with hindsight and demonstrations: functions of values.

This file knows no network and no settings: what it computes can be checked
with a pencil.  Lillicrap et al. 2016 (arXiv:1509.02971), Andrychowicz et al. 2017
(arXiv:1707.01495), Nair et al. 2018 (arXiv:1709.10089).
"""

import tensorflow as tf


def td_target(reward, next_q, discount, low, high):
    """The regression target of the critic, clipped to the returns that can occur.

    Lillicrap 2016, eq. 5, and Andrychowicz 2017, appendix A (clipping).

    Args:
      reward: [B].
      next_q: [B], target critic at the target policy's action in the next state.
      discount: [B], gamma, or 0 for transitions after which nothing follows.  The
        last transition before a time limit is not one of these.
      low: smallest possible return, or -inf.
      high: largest possible return, or +inf.

    Returns:
      [B], no gradient flows through it.
    """
    _require_rank_1(reward=reward, next_q=next_q, discount=discount)
    return tf.stop_gradient(tf.clip_by_value(reward + discount * next_q, low, high))


def critic_loss(q, target, weight):
    """Weighted mean squared error, []: mean of w (y - Q)^2 (Lillicrap 2016, eq. 4).

    Args:
      q: [B], critic at the stored action.
      target: [B], see `td_target`.
      weight: [B], importance weights; ones under uniform sampling.
    """
    _require_rank_1(q=q, target=target, weight=weight)
    return tf.reduce_mean(weight * tf.square(target - q))


def policy_loss(q_pi):
    """Minus the critic's mean [B] at the policy's actions (Lillicrap 2016, eq. 6)."""
    _require_rank_1(q_pi=q_pi)
    return -tf.reduce_mean(q_pi)


def action_l2_loss(unit_action):
    """Mean square of actions [B, A] in units of their limits, over B and A.

    Andrychowicz 2017, appendix A: keeps tanh away from its flat ends, where its
    gradient vanishes.
    """
    return tf.reduce_mean(tf.square(unit_action))


def demo_mask(is_demo, q_action, q_pi, q_filter):
    """Which rows to clone: demonstrations, and with `q_filter` only the good ones.

    Nair 2018, section IV.C: clone only where the critic rates the demonstrated
    action above the policy's own, so a clumsy demonstrator stops teaching once the
    policy is better.

    Args:
      is_demo: [B], 1 for demonstrations, else 0.
      q_action: [B], critic at the stored action.
      q_pi: [B], critic at the policy's action.
      q_filter: Python bool, fixed for a run.

    Returns:
      [B] of 0 and 1, no gradient flows through it.
    """
    _require_rank_1(is_demo=is_demo, q_action=q_action, q_pi=q_pi)
    if not q_filter:
        return is_demo
    return tf.stop_gradient(is_demo * tf.cast(q_action > q_pi, is_demo.dtype))


def bc_loss(pi, action, mask):
    """Behaviour cloning: the SUM over masked rows and action entries of (pi - u)^2.

    Nair 2018, eq. 2.  It is a sum, as in the original code, whose weight of 1/128 makes
    it a mean over a demonstration batch of 128.

    Args:
      pi: [B, A], the policy's actions.
      action: [B, A], the stored ones.
      mask: [B], see `demo_mask`.
    """
    _require_rank_1(mask=mask)
    return tf.reduce_sum(mask[:, None] * tf.square(pi - action))


def masked_mean(x, mask):
    """Mean of x [B] over the rows where mask [B] is 1; 0 if there are none."""
    _require_rank_1(x=x, mask=mask)
    return tf.math.divide_no_nan(tf.reduce_sum(mask * x), tf.reduce_sum(mask))


def _require_rank_1(**values):
    """Refuses [B, 1], which would silently broadcast against [B] to [B, B]."""
    for name, value in values.items():
        shape = tuple(tf.convert_to_tensor(value).shape)
        if len(shape) != 1:
            raise ValueError(
                f"{name} must have shape [B], found {list(shape)}.  "
                "Take its column first: x[:, 0]."
            )
