"""The arrays of PPO's policies: names and shapes, and how to act with them."""

from typing import Any

import numpy as np

from ..settings.ppo import PPOConfig, sizes_of
from ..types import Arrays, FlatSpec
from . import names
from .gaussian_policy import GaussianPolicy, Inputs, deviation

TRUNK, POLICY, VALUE, LOG_STD = "trunk", "policy", "value", "log_std"
RETURN_NORM = "return_norm"


def network_sizes(spec: FlatSpec, config: PPOConfig) -> dict[str, list[int]]:
    """Network -> widths from input to output."""
    net, n_in, sizes = config.network, spec.obs_dim, {}
    hidden = sizes_of("hidden_sizes", net.hidden_sizes)
    if net.shared_trunk:
        sizes[TRUNK] = [n_in, *hidden]
        n_in, hidden = hidden[-1], sizes_of("head_sizes", net.head_sizes)
    n_out = spec.action_dim * (2 if net.std == "state" else 1)
    return sizes | {POLICY: [n_in, *hidden, n_out], VALUE: [n_in, *hidden, 1]}


def shapes(spec: FlatSpec, config: PPOConfig) -> dict[str, tuple[int, ...]]:
    """Name -> shape of every array that a policy of these dimensions holds."""
    found: dict[str, tuple[int, ...]] = {LOG_STD: (spec.action_dim,)}
    for network, sizes in network_sizes(spec, config).items():
        found |= names.layer_shapes(network, sizes)
    found |= names.moment_shapes(names.OBS_NORM, spec.obs_dim)
    return found | names.moment_shapes(RETURN_NORM, 1)


def policy(
    arrays: Arrays,
    spec: FlatSpec,
    config: PPOConfig,
    header: dict[str, Any],
    stochastic: bool = False,
) -> GaussianPolicy:
    """The policy, greedy or stochastic.

    Args:
      arrays: from a policy file or from the learner.
      spec: the environment's dimensions.
      config: the run's settings.
      header: the file's header, which the policy keeps.
      stochastic: draw actions, as training does.
    """
    net = config.network
    sizes = network_sizes(spec, config)
    layers = [
        layer
        for network in (TRUNK, POLICY)
        if network in sizes
        for layer in names.layers_from(arrays, network, len(sizes[network]) - 1)
    ]
    log_std = None if net.std == "state" else np.array(arrays[LOG_STD])
    limits = None
    if spec.low is not None and spec.high is not None:
        limits = np.array(spec.low, np.float32), np.array(spec.high, np.float32)
    total, limit = names.moments_from(arrays, names.OBS_NORM), config.scaling.clip_input
    zeros = np.zeros(spec.obs_dim, np.float32)
    inputs = Inputs(zeros, zeros + 1, limit)
    if config.scaling.normalize_obs and total.n_rows > 0:
        mean = (total.sum / total.n_rows).astype(np.float32)
        inputs = Inputs(mean, deviation(total).astype(np.float32), limit)
    least = net.log_std_init, net.log_std_min
    kind = net.activation, net.squash_mean, stochastic
    return GaussianPolicy(layers, log_std, inputs, limits, *kind, least, header)
