"""Batches of one level: rows from any step, and decisions themselves."""

from typing import NamedTuple

import numpy as np

from ..ddpg import DDPG
from ..her_sampler import RewardFn
from ..replay.buffer import ReplayBuffer, Strided
from ..replay.samplers import Sampler
from ..replay.sources import replay_sampler
from ..settings.hac import HACConfig
from ..types import Batch, Index, ObjectMotion, Row, concatenate
from .hac_policy import prefix
from .hac_rows import Level, decision_rows, level_rows


class Draws(NamedTuple):
    """What the batches of all levels have in common."""

    ring: ReplayBuffer
    rewards: RewardFn
    n_batches: int  # of one compiled call, K


class Trainee(NamedTuple):
    """One level with its learner, and how its rows are drawn."""

    level: Level
    learner: DDPG
    sampler: Sampler
    n_rows: int  # in every batch, from any step
    n_decisions: int  # in every batch, decisions themselves; 0 at level 0

    def draw(
        self,
        draws: Draws,
        places: np.ndarray,
        replay_rng: np.random.Generator,
        relabel_rng: np.random.Generator,
    ) -> tuple[Batch, Index, Row]:
        """Rows [K, B, ...], the transitions that were drawn for them, and columns.

        A transition without a sound action is replaced by another row, but its own
        priority was drawn and is renewed: otherwise it would be drawn for ever.

        Args:
          draws: where rows come from.
          places: [K], how far each batch is in the training, from 0 to 1.
          replay_rng: draws transitions.
          relabel_rng: draws goals.
        """
        ring, k = draws.ring, draws.n_batches
        index = self.sampler.draw(k * self.n_rows, replay_rng)
        common = self.level, draws.rewards, relabel_rng, len(ring)
        rows, actions = level_rows(ring, index, *common)
        rows.weight[:] = self.sampler.weights(index, places)
        own = _by_batch(rows, k)
        if actions is None:
            return own, index, {}
        drawn = self._decisions(ring, k * self.n_decisions, replay_rng)
        more, missed = decision_rows(ring, drawn, *common)
        name, n_all = prefix(self.level.number), k * (self.n_rows + self.n_decisions)
        columns: Row = {
            f"{name}penalty": float(missed.sum()) / n_all,
            f"{name}clipped": actions.clipped,
            f"{name}redrawn": actions.redrawn,
        }
        return concatenate([own, _by_batch(more, k)], axis=1), index, columns

    def _decisions(self, ring: ReplayBuffer, n: int, rng: np.random.Generator) -> Index:
        """n decisions of this level, uniformly from all that are stored."""
        n_steps = ring.horizon // self.level.period
        flat = rng.integers(len(ring) * n_steps, size=n)
        episode, decision = np.divmod(flat, n_steps)
        return Index(episode, decision * self.level.period)


def trainee_of(
    level: Level,
    learner: DDPG,
    ring: ReplayBuffer,
    config: HACConfig,
    motion: ObjectMotion | None,
) -> Trainee:
    """A level with its learner.

    With k hindsight goals for each own one, 1 row of k + 2 is a decision, and at least
    one of every batch.
    """
    size = config.ddpg.batch_size
    share = size / (config.her.replay_k + 2)
    n_decisions = max(1, round(share)) if level.number else 0
    stored = Strided(ring, level.period) if level.number else ring
    rows = size - n_decisions
    sampler = replay_sampler(config.replay, stored, rows, motion)
    return Trainee(level, learner, sampler, rows, n_decisions)


def _by_batch(rows: Batch, k: int) -> Batch:
    """[K * size, ...] -> [K, size, ...]."""
    return Batch(*(x.reshape(k, -1, *x.shape[1:]) for x in rows))
