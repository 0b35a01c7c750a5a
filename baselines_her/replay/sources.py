"""Where the rows of a batch come from: buffers, and samplers that draw from them."""

import hashlib
from typing import Any, NamedTuple

from ..her_sampler import Hindsight, hindsight
from ..settings.her import HERConfig, ReplayConfig
from ..types import Demos, EnvSpec, ObjectMotion
from .buffer import ReplayBuffer, Strided
from .energy import EnergySampler
from .priority import PrioritisedSampler
from .samplers import Sampler, UniformSampler


class Source(NamedTuple):
    """A source of rows of each batch."""

    buffer: ReplayBuffer
    sampler: Sampler
    batch_size: int  # rows in every batch
    hindsight: Hindsight  # how `relabel` chooses their goals
    is_demo: float = 0.0  # 1 if they are demonstrations


def replay_source(
    spec: EnvSpec, config: HERConfig, motion: ObjectMotion | None = None
) -> Source:
    """The source of collected episodes; demonstrations take rows from its share."""
    buffer, demos = ReplayBuffer(spec, config.replay.buffer_size), config.demos
    demo_rows = demos.demo_batch_size if demos.demo_file is not None else 0
    rows = config.ddpg.batch_size - demo_rows
    sampler, her = replay_sampler(config.replay, buffer, rows, motion), config.her
    goals = hindsight(
        her.replay_strategy,
        her.replay_k,
        her.actual_k,
        her.achieved_k,
        her.filter_goals,
        config.inputs.relative_goals,
        config.inputs.see_achieved,
    )
    return Source(buffer, sampler, rows, goals)


def replay_sampler(
    replay: ReplayConfig,
    buffer: ReplayBuffer | Strided,
    rows: int,
    motion: ObjectMotion | None = None,
) -> Sampler:
    """The sampler that `--prioritization` selects; `energy` needs `motion`."""
    eps: Any = replay.per_eps  # a number once resolved
    if replay.prioritization == "tderror":
        exponents = replay.per_alpha, replay.per_beta0
        return PrioritisedSampler(buffer, rows, *exponents, eps)
    if replay.prioritization == "energy":
        if motion is None:
            raise ValueError("prioritization=energy needs an object, found none.")
        return EnergySampler(buffer, rows, motion, eps)
    return UniformSampler(buffer)


def demo_sources(demos: Demos | None, spec: EnvSpec, config: HERConfig) -> list[Source]:
    """The source of demonstrations, drawn uniformly; empty without demonstrations.

    New goals come only from their own episode, because a cloned action must serve the
    goal for which it is cloned.
    """
    if demos is None:
        return []
    buffer = ReplayBuffer(spec, len(demos.goal) * spec.horizon)
    buffer.add(demos)
    size, strategy = config.demos.demo_batch_size, config.her.replay_strategy
    own = "future" if strategy == "futureactual" else strategy
    goals = hindsight(
        own,
        config.her.replay_k,
        filter_goals=config.her.filter_goals,
        relative_goals=config.inputs.relative_goals,
        see_achieved=config.inputs.see_achieved,
    )
    return [Source(buffer, UniformSampler(buffer), size, goals, is_demo=1.0)]


def fingerprint(demos: Demos | None) -> str | None:
    """A digest of the demonstrations' arrays, or None without demonstrations."""
    if demos is None:
        return None
    parts = demos.obs, demos.achieved, demos.goal, demos.action
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()
