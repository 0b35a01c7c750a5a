"""What HER learns from a transition: the environment's task, or with relay two tasks.

A task set turns drawn transitions into rows for the networks, says how to explore, and
gives the policy of the environment's task.  HER itself is the same for all.
"""

import dataclasses
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..acting.exploration import Explorer, RelayExplorer
from ..acting.noise import Noise, noise_process
from ..acting.policy import Policy
from ..acting.two_goals import ADDED, join, masked
from ..ddpg import DDPG
from ..her_sampler import RewardFn, future_p, network_inputs, relabel
from ..replay.sources import Source
from ..settings.her import CollectConfig, HERConfig, InputConfig
from ..types import Actor, Batch, EnvSpec, Episodes, Index, ReachPoints, Row
from . import her_policy
from .relay import Mix, folded, near, relay_inputs, relay_rows


class Drive(NamedTuple):
    """How far exploration departs from the policy."""

    noise_eps: float
    noise: Noise
    random_eps: float
    is_random: bool = False  # every action is

    @property
    def random_share(self) -> float:
        """The probability that an action is random."""
        return 1.0 if self.is_random else self.random_eps


def drive_of(config: CollectConfig, steps: int) -> Drive:
    """That of episodes that begin after so many training steps."""
    noise = noise_process(config.noise, config.ou_theta, config.ou_dt)
    is_random = steps < config.random_steps
    return Drive(config.noise_eps, noise, config.random_eps, is_random)


class Tasks(Protocol):
    """The tasks that one learner learns."""

    def spec(self) -> EnvSpec:
        """The dimensions of the networks' inputs and outputs."""

    def inputs(self) -> InputConfig:
        """What the networks' inputs go through."""

    def rows(
        self, source: Source, index: Index, rng: np.random.Generator, learner: DDPG
    ) -> Batch:
        """The transitions at `index` [B] with their goals and rewards."""

    def seen(
        self, source: Source, episodes: Any, index: Index, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Observations and goals [B, ...] that the statistics of inputs take in."""

    def explorer(self, policy: Policy, drive: Drive) -> Actor:
        """Acts in training episodes."""

    def policy(self, learner: DDPG, use_target: bool) -> Policy:
        """The greedy policy of the environment's task."""

    def arrays(self, learner: DDPG) -> dict[str, np.ndarray]:
        """What a policy file holds: the environment's task alone."""

    def goals(self, episodes: Episodes, learner: DDPG) -> np.ndarray:
        """The networks' goals [E, T, ...] at every step of `episodes`."""

    def states(self, episodes: Episodes) -> np.ndarray:
        """What the networks see of a state [E, T, ...] at every step of `episodes`."""

    def columns(self, episodes: Episodes) -> Row:
        """What training episodes say about the tasks, as columns."""


class OwnTask:
    """The environment's task alone."""

    def __init__(self, spec: EnvSpec, config: HERConfig, reward_fn: RewardFn):
        self._spec, self._config, self._reward_fn = spec, config, reward_fn

    def spec(self) -> EnvSpec:
        """The environment's; with `see_achieved`, observations are longer."""
        return self._spec._replace(
            obs_dim=her_policy.seen_dim(self._spec, self._config)
        )

    def inputs(self) -> InputConfig:
        """As set."""
        return self._config.inputs

    def rows(
        self, source: Source, index: Index, rng: np.random.Generator, learner: DDPG
    ) -> Batch:
        """Rows with hindsight goals."""
        buffer, goals = source.buffer, source.hindsight
        return relabel(buffer, index, self._reward_fn, rng, goals, len(buffer))

    def seen(
        self, source: Source, episodes: Any, index: Index, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The inputs of such rows."""
        return network_inputs(episodes, index, self._reward_fn, rng, source.hindsight)

    def explorer(self, policy: Policy, drive: Drive) -> Actor:
        """The policy with noise."""
        own = drive.noise_eps, drive.random_share, self._spec.max_action, drive.noise
        return Explorer(policy, *own)

    def policy(self, learner: DDPG, use_target: bool) -> Policy:
        """The learner's."""
        return learner.policy(use_target)

    def arrays(self, learner: DDPG) -> dict[str, np.ndarray]:
        """The learner's."""
        return learner.arrays()

    def goals(self, episodes: Episodes, learner: DDPG) -> np.ndarray:
        """The episodes' goals, relative if the networks' are."""
        return _goals(episodes, self._config.inputs.relative_goals)

    def states(self, episodes: Episodes) -> np.ndarray:
        """Observations; with `see_achieved`, achieved goals follow."""
        obs = episodes.obs[:, :-1]
        if not self._config.inputs.see_achieved:
            return obs
        return np.concatenate([obs, episodes.achieved[:, :-1]], axis=-1)

    def columns(self, episodes: Episodes) -> Row:
        """None."""
        return {}


class Relay:
    """The environment's task and that of reaching the object; see `relay`."""

    def __init__(
        self,
        spec: EnvSpec,
        config: HERConfig,
        reward_fn: RewardFn,
        points: ReachPoints,
    ):
        self._spec, self._config, self._reward_fn = spec, config, reward_fn
        self._points = points
        own = future_p(config.her.replay_strategy, config.her.replay_k)
        self._mix = Mix(config.relay.relay_share, own, spec.reward_high or 0.0)

    def spec(self) -> EnvSpec:
        """With the goal vector of both tasks."""
        return with_both_goals(self._spec)

    def inputs(self) -> InputConfig:
        """As set, but goals become relative in the rows already."""
        return dataclasses.replace(self._config.inputs, relative_goals=False)

    def rows(
        self, source: Source, index: Index, rng: np.random.Generator, learner: DDPG
    ) -> Batch:
        """Rows of both tasks; demonstrations are of the environment's task."""
        mix = self._mix._replace(share=0.0) if source.is_demo else self._mix
        buffer, goals = source.buffer, source.hindsight
        own = buffer, index, self._reward_fn, rng, goals, len(buffer)
        return relay_rows(*own, self._points, mix, learner.goal_norm.stats.mean)

    def seen(
        self, source: Source, episodes: Any, index: Index, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The inputs of such rows, with the goals of both tasks."""
        own = episodes, index, self._reward_fn, rng, source.hindsight
        return relay_inputs(*own, self._points, self._mix)

    def explorer(self, policy: Policy, drive: Drive) -> Actor:
        """The policy of both tasks with noise."""
        relay = self._config.relay
        return RelayExplorer(
            policy,
            drive.noise_eps,
            drive.random_share,
            self._spec.max_action,
            drive.noise,
            self._points,
            relay.relay_near,
            relay.relay_guide,
            1.0 if drive.is_random else relay.relay_random,
            self._config.inputs.relative_goals,
        )

    def policy(self, learner: DDPG, use_target: bool) -> Policy:
        """Made of the arrays that a policy file holds."""
        header = {"spec": self._spec._asdict()}
        parts = self.arrays(learner), self._spec, self._config, header, use_target
        return her_policy.policy(*parts)

    def arrays(self, learner: DDPG) -> dict[str, np.ndarray]:
        """The learner's, folded to the usual shape."""
        stats, inputs = learner.goal_norm.stats, self._config.inputs
        limits = inputs.clip_obs, inputs.norm_clip
        return dict(folded(learner.arrays(), self._spec.obs_dim, stats, *limits))

    def goals(self, episodes: Episodes, learner: DDPG) -> np.ndarray:
        """The goals of the environment's task, joined to unused ones of the other."""
        own = _goals(episodes, self._config.inputs.relative_goals)
        flat = own.reshape(-1, own.shape[-1])
        is_task = np.ones(len(flat), bool)
        places = np.zeros((len(flat), ADDED - 1), np.float32)
        mean = learner.goal_norm.stats.mean
        both = masked(join(places, flat, True), is_task, mean)
        return both.reshape(*own.shape[:-1], -1)

    def states(self, episodes: Episodes) -> np.ndarray:
        """Observations."""
        return episodes.obs[:, :-1]

    def columns(self, episodes: Episodes) -> Row:
        """The share of steps that begin near the object."""
        return {
            "train/near": near(episodes, self._points, self._config.relay.relay_near)
        }


def with_both_goals(spec: EnvSpec) -> EnvSpec:
    """The spec with the goal vector of relay's two tasks."""
    return spec._replace(goal_dim=spec.goal_dim + ADDED)


def tasks_of(
    spec: EnvSpec, config: HERConfig, reward_fn: RewardFn, points: ReachPoints | None
) -> Tasks:
    """The tasks that the settings choose; relay needs `points`."""
    if points is None:
        return OwnTask(spec, config, reward_fn)
    return Relay(spec, config, reward_fn, points)


def _goals(episodes: Episodes, is_relative: bool) -> np.ndarray:
    achieved = episodes.achieved[:, :-1]
    goal = np.broadcast_to(episodes.goal[:, None], achieved.shape)
    return goal - achieved if is_relative else goal
