"""Where the rows of a batch come from: buffers, and who draws from them."""

import hashlib
from typing import NamedTuple, Protocol

import numpy as np

from .config import Config
from .replay.buffer import ReplayBuffer, UniformSampler
from .replay.energy import EnergySampler
from .replay.priority import PrioritisedSampler
from .settings import ReplayConfig
from .types import Demos, EnvSpec, Index, ObjectMotion


class Sampler(Protocol):
    """Chooses stored transitions.  Relabelling knows nothing of it."""

    def add(self, slots: np.ndarray) -> None:
        """Takes note of new episodes at `slots` [E], over those that lay there."""

    def draw(self, n: int, rng: np.random.Generator) -> Index:
        """`n` = K*B transitions, batch after batch."""

    def weights(self, index: Index, progress: np.ndarray) -> np.ndarray:
        """Importance weights [K*B]; `progress` [K] goes from 0 to 1 over the run."""

    def update(self, index: Index, td_error: np.ndarray) -> None:
        """Takes the TD errors [K*B] of the rows drawn."""

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint must hold beside the buffer."""

    def load_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Takes everything of `state()`; the buffer is filled already."""


class Source(NamedTuple):
    """Where rows of a batch come from."""

    buffer: ReplayBuffer
    sampler: Sampler
    batch_size: int  # rows of every update's batch
    is_demo: float = 0.0  # 1 if they are demonstrations


def replay_source(
    spec: EnvSpec, config: Config, motion: ObjectMotion | None = None
) -> Source:
    """What the policy collects; demonstrations take their rows from its share."""
    buffer, demos = ReplayBuffer(spec, config.replay.buffer_size), config.demos
    demo_rows = demos.demo_batch_size if demos.demo_file is not None else 0
    rows = config.ddpg.batch_size - demo_rows
    return Source(buffer, replay_sampler(config.replay, buffer, rows, motion), rows)


def replay_sampler(
    replay: ReplayConfig,
    buffer: ReplayBuffer,
    rows: int,
    motion: ObjectMotion | None = None,
) -> Sampler:
    """The sampler that `--prioritization` names; `energy` needs an object's motion."""
    if replay.prioritization == "tderror":
        exponents = replay.per_alpha, replay.per_beta0
        return PrioritisedSampler(buffer, rows, *exponents, replay.per_eps)
    if replay.prioritization == "energy":
        if motion is None:
            raise ValueError("prioritization=energy needs an object, found none.")
        return EnergySampler(buffer, rows, motion, replay.per_eps)
    return UniformSampler(buffer)


def demo_sources(demos: Demos | None, spec: EnvSpec, config: Config) -> list[Source]:
    """Nothing, or the demonstrations, always drawn uniformly."""
    if demos is None:
        return []
    buffer = ReplayBuffer(spec, len(demos.goal) * spec.horizon)
    buffer.add(demos)
    size = config.demos.demo_batch_size
    return [Source(buffer, UniformSampler(buffer), size, is_demo=1.0)]


def fingerprint(demos: Demos | None) -> str | None:
    """A digest of the demonstrations' numbers."""
    if demos is None:
        return None
    parts = demos.obs, demos.achieved, demos.goal, demos.action
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def total_updates(spec: EnvSpec, config: Config) -> int:
    """Updates in the whole run, of which every worker takes its part."""
    episodes = config.collect.num_env * (config.run.num_cpu or 1)
    cycle_steps = episodes * spec.horizon
    return -(-config.run.num_timesteps // cycle_steps) * config.loop.n_batches


def progress(first: int, n: int, total: int) -> np.ndarray:
    """How far in the run `n` updates are, from number `first` on: [n].

    The first of `total` updates is at 0 and the last at 1, exactly; a run that goes on
    beyond them stays at 1.
    """
    remaining = (total - 1 - first - np.arange(n)) / max(total - 1, 1)
    return 1.0 - remaining.clip(0.0, 1.0)
