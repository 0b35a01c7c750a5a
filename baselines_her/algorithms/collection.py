"""Training episodes of a run with hindsight: those in flight, and how many there were.

With `pipelined` the players act with the policy of the cycle's start while the learner
works, so episodes come from a policy that is one cycle old.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from ..settings.her import CollectConfig
from ..types import Communicator, Episodes, Pending

Snapshot = TypeVar("Snapshot")  # what acts, as arrays that no longer change
# (snapshot, numbers of the episodes, training steps before them) -> their results
Submit = Callable[[Snapshot, range, int], Pending]


class Flight(NamedTuple):
    """Episodes that are being played, and what is needed to play them again."""

    snapshot: Any
    first: int  # number of the first episode
    pending: Pending


class Collection(Generic[Snapshot]):
    """Begins training episodes, hands them out in order, counts them.

    Attributes:
      n_cycles: results taken so far.
      n_episodes: training episodes so far, of all workers.
      n_skipped: episodes dropped because a number was not finite.
    """

    def __init__(
        self,
        config: CollectConfig,
        horizon: int,
        comm: Communicator,
        snapshot: Callable[[], Snapshot],
        submit: Submit[Snapshot],
    ):
        """Begins nothing yet.

        Args:
          config: how many episodes a cycle has, and whether they are pipelined.
          horizon: steps of an episode.
          comm: the other workers, each with as many episodes.
          snapshot: copies what acts now.
          submit: begins episodes.
        """
        self._config, self._horizon, self._comm = config, horizon, comm
        self._snapshot, self._submit = snapshot, submit
        self._flights: deque[Flight] = deque()
        self.n_cycles = self.n_episodes = self.n_skipped = self._n_submitted = 0

    @property
    def n_env_steps(self) -> int:
        """Training steps in the environment so far, of all workers."""
        return self.n_episodes * self._horizon

    def result(self) -> Episodes:
        """The oldest flight's episodes, which are begun if there are none."""
        if not self._flights:
            self.begin(self._snapshot())
        return self._flights[0].pending.result()

    def land(self) -> None:
        """Removes the oldest flight; with `pipelined`, begins the next one."""
        self._flights.popleft()
        if self._config.pipelined:
            self.begin(self._snapshot())

    def begin(self, snapshot: Snapshot) -> None:
        """Begins the episodes of one cycle."""
        first, n = self._n_submitted, self._config.num_env
        self._n_submitted += n
        ahead = (first - self.n_cycles * n) * self._comm.size
        steps = (self.n_episodes + ahead) * self._horizon
        pending = self._submit(snapshot, range(first, first + n), steps)
        self._flights.append(Flight(snapshot, first, pending))

    def count(self, episodes: Episodes) -> None:
        """Counts a cycle and the episodes of all workers."""
        skipped = self._comm.sum(np.array(int(episodes.skipped.sum())))
        self.n_cycles += 1
        self.n_episodes += len(episodes.goal) * self._comm.size
        self.n_skipped += int(skipped)

    def flights(self) -> dict[int, Snapshot]:
        """Number of the first episode -> what acts, of every flight."""
        return {flight.first: flight.snapshot for flight in self._flights}

    def facts(self) -> dict[str, Any]:
        """What a checkpoint holds of it besides the snapshots."""
        return {
            "n_cycles": self.n_cycles,
            "n_episodes": self.n_episodes,
            "n_skipped": self.n_skipped,
            "flights": [flight.first for flight in self._flights],
        }

    def load(self, facts: dict[str, Any], flights: list[Snapshot]) -> None:
        """Continues from `facts()`; episodes in flight are played again."""
        self.n_cycles = facts["n_cycles"]
        self.n_episodes = facts["n_episodes"]
        self.n_skipped = facts["n_skipped"]
        self._n_submitted = self.n_cycles * self._config.num_env
        for snapshot in flights:
            self.begin(snapshot)
