"""Records of numbers that modules exchange, and the protocols of the main objects.

Axes: E episodes, T steps, B rows of a batch, O observation, G goal, A action.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

Row = dict[str, float]  # one row of progress.csv, by column
Arrays = Mapping[str, np.ndarray]
# from the observation and, for goal tasks, the achieved and the desired goal
Act = Callable[..., np.ndarray]


# -- records -------------------------------------------------------------------


class GoalSpace(NamedTuple):
    """A box of subgoals over S entries of a state; see `envs.goal_spaces`."""

    name: str
    columns: tuple[int, ...]  # [S] entries of [observation | achieved goal]
    low: tuple[float, ...]  # [S] the smallest subgoal
    high: tuple[float, ...]  # [S] the largest one
    threshold: tuple[float, ...]  # [S] reached: within this in every entry


class EnvSpec(NamedTuple):
    """What the learner needs to know about a goal environment; from `envs.check`."""

    env_id: str
    obs_dim: int
    goal_dim: int
    action_dim: int
    max_action: tuple[float, ...]  # [A], actions lie in [-max_action, max_action]
    horizon: int  # T, steps in every episode
    reward_low: float | None  # None: rewards are not of the {-1, 0} or {0, 1} kind
    reward_high: float | None
    space: GoalSpace | None = None  # of subgoals, if there are several levels


class FlatSpec(NamedTuple):
    """What PPO needs to know about an environment with flat observations.

    Dict observations count as flat: their parts are joined in the order of their
    names.
    """

    env_id: str
    obs_dim: int
    action_dim: int
    low: tuple[float, ...] | None  # [A] limits of the actions; None: not finite
    high: tuple[float, ...] | None
    horizon: int | None  # steps after which an episode is cut off, if it is
    terms: tuple[str, ...] = ()  # of the reward, if info["reward_terms"] holds them


def fields_of(spec: Any) -> dict[str, Any]:
    """A spec as files hold it: fields that have their default are left out."""
    usual = type(spec)._field_defaults
    fields = spec._asdict().items()
    return {k: v for k, v in fields if k not in usual or v != usual[k]}


class Rollout(NamedTuple):
    """S steps of N environments, each a stream of episodes."""

    obs: np.ndarray  # [N, S, O] float32, what the policy saw
    action: np.ndarray  # [N, S, A] float32, as drawn: not clipped, not scaled
    reward: np.ndarray  # [N, S] float32
    next_obs: np.ndarray  # [N, S, O] what followed; never from the next episode
    terminated: np.ndarray  # [N, S] bool: nothing follows
    ended: np.ndarray  # [N, S] bool: terminated, or cut off by a time limit


class Episodes(NamedTuple):
    """E whole episodes, each exactly T steps long.

    There is one more state than actions: `obs[:, t]` is what the policy saw
    before `action[:, t]`, and `obs[:, t + 1]` is what followed it.  Rewards are not
    stored: they depend on the goal, and hindsight changes the goal.
    """

    obs: np.ndarray  # [E, T+1, O] float32
    achieved: np.ndarray  # [E, T+1, G] float32
    goal: np.ndarray  # [E, G] float32
    action: np.ndarray  # [E, T, A] float32, in [-max_action, max_action]
    success: np.ndarray  # [E, T] bool, after each action
    skipped: np.ndarray = np.zeros(0, int)  # [E] bad ones dropped before each, if known
    returns: np.ndarray = np.zeros(0)  # [E] float64, sum of the environment's rewards
    # of several levels (S entries of a subgoal), which `acting.hierarchy` notes down:
    subgoal: np.ndarray = np.zeros(0, np.float32)  # [E, L-1, T, S] in force at a step
    tested: np.ndarray = np.zeros(0, bool)  # [E, L-1, T] whether that one is tested


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The outcome of E greedy episodes.

    For a goal task it can be unpacked into both success rates:
    `at_the_end, at_any_step = evaluation`.
    """

    returns: np.ndarray  # [E] sum of rewards
    lengths: np.ndarray  # [E] steps
    last_success: np.ndarray | None = None  # [E] bool, at the last step; None: no goals
    any_success: np.ndarray | None = None  # [E] bool, at any step

    @property
    def success_last(self) -> float:
        """The share of episodes that succeed at their last step: the published metric.

        Raises:
          ValueError: the task has no goals, and so no success.
        """
        return self._rate(self.last_success)

    @property
    def success_any(self) -> float:
        """The share of episodes that succeed at any step."""
        return self._rate(self.any_success)

    def __iter__(self) -> Iterator[float]:
        return iter((self.success_last, self.success_any))

    def _rate(self, success: np.ndarray | None) -> float:
        if success is None:
            raise ValueError(
                "success rates need a task with goals, and this one has none.  Read "
                "`returns` and `lengths` instead."
            )
        return float(success.mean())


class Finished(NamedTuple):
    """M training episodes of any length that have ended."""

    returns: list[float]  # sums of rewards
    lengths: list[int]  # steps
    terms: list[list[float]]  # K each, sums of the reward's terms


class FlatEpisodes(NamedTuple):
    """The outcome of E episodes of any length, without goals."""

    returns: np.ndarray  # [E] float64, sums of rewards
    lengths: np.ndarray  # [E] int, steps
    metrics: np.ndarray  # [E] of dictionaries: the last info["metrics"], or empty ones


class Start(NamedTuple):
    """Where an episode begins: at the environment's own start, or at a given state."""

    seed: np.random.SeedSequence  # all randomness of the episode
    state: np.ndarray | None = None  # [S] float64, the simulator's state to start from
    goal: np.ndarray | None = None  # [G], goes with `state`
    actions: np.ndarray | None = None  # [n, A], taken before the actor acts

    @property
    def options(self) -> dict[str, np.ndarray | None]:
        """The options that reset takes to begin at a given state."""
        return {"state": self.state, "goal": self.goal}


class Scales(NamedTuple):
    """Factors that change some settings over a run."""

    cloning: float = 1.0  # of aux_loss_weight
    lr: float = 1.0  # of Q_lr and pi_lr


class Demos(NamedTuple):
    """N demonstrations.  The first fields are those of `Episodes`."""

    obs: np.ndarray  # [N, T+1, O] float32
    achieved: np.ndarray  # [N, T+1, G] float32
    goal: np.ndarray  # [N, G] float32
    action: np.ndarray  # [N, T, A] float32, exactly what the environment received
    success: np.ndarray  # [N] bool, at the last step
    seed: np.ndarray  # [N] int64, given to env.reset; -1: unknown
    state0: np.ndarray | None  # [N, S] float64, the simulator's state after the reset
    facts: dict[str, Any]  # env_id, versions, generator: what JSON can hold


class ObjectMotion(NamedTuple):
    """How to find the object in what an environment returns; see `envs.objects`."""

    position: Callable[[np.ndarray, np.ndarray], np.ndarray]  # (obs, achieved): [.., 3]
    dt: float  # seconds of a step
    rotation: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None  # [.., 4]
    most: float = 0.5  # joules that a step can gain


class ReachPoints(NamedTuple):
    """How to find gripper and object in what an environment returns, in metres.

    Both are functions of observations [..., O] and achieved goals [..., G].
    """

    gripper: Callable[[np.ndarray, np.ndarray], np.ndarray]  # [..., 3]
    object: Callable[[np.ndarray, np.ndarray], np.ndarray]  # [..., 3]


class Index(NamedTuple):
    """B transitions: step `step` of stored episode `episode`."""

    episode: np.ndarray  # [B] int
    step: np.ndarray  # [B] int, 0 .. T-1


class Batch(NamedTuple):
    """Transitions with their final goals.  The learner takes them as [K, B, ...]."""

    obs: Any  # [B, O]
    goal: Any  # [B, G]
    action: Any  # [B, A]
    reward: Any  # [B]
    discount: Any  # [B], factor of gamma: 1, or 0 where nothing follows
    next_obs: Any  # [B, O]
    next_goal: Any  # [B, G], differs from `goal` only with relative goals
    weight: Any  # [B], importance weights: 1 under uniform sampling
    is_demo: Any  # [B], 1 for demonstrations, else 0


def concatenate(parts: list[Any], axis: int = 0) -> Any:
    """Joins records of one type, field by field, along `axis`."""
    if len(parts) == 1:
        return parts[0]
    joined = (np.concatenate(field, axis) for field in zip(*parts, strict=True))
    return type(parts[0])(*joined)


def merged(rows: list[Row]) -> Row:
    """Several rows as one: sums of seconds (`time/...`), means of everything else."""
    one = {}
    for name in rows[0]:
        total = np.sum if name.startswith("time/") else np.mean
        one[name] = float(total([row[name] for row in rows]))
    return one


# -- protocols -----------------------------------------------------------------


class Actor(Protocol):
    """Anything that can act for a whole episode."""

    def start(self, rng: np.random.Generator) -> Act:
        """Begins an episode; `rng` is all the randomness it may use.

        What it returns may have a method `notes()`, which gives fields of `Episodes`
        with E = 1 once the episode is over.
        """


class Communicator(Protocol):
    """The workers that train together; all call the same methods in the same order.

    Attributes:
      rank: this worker's number, from 0.
      size: how many there are.
      cores: this worker's share of the machine's cores.
      is_mixed: whether their processors differ, so that their bits may differ, too.
      waited: seconds spent waiting for other workers so far.
      exchanged: seconds spent exchanging data so far.
    """

    rank: int
    size: int
    cores: int
    is_mixed: bool
    waited: float
    exchanged: float

    def sum(self, array: np.ndarray) -> np.ndarray:
        """The sum of every worker's `array`, in its type; the same bits for all."""

    def mean(self, array: np.ndarray) -> np.ndarray:
        """The mean of every worker's `array`, in its type."""

    def broadcast(self, value: Any) -> Any:
        """The first worker's `value`."""

    def gather(self, value: Any) -> list[Any]:
        """Every worker's `value`, by rank."""

    def require_equal(self, arrays: Arrays, what: str) -> None:
        """Raises RuntimeError if any bit differs from the first worker's arrays."""

    def set_timeout(self, seconds: float) -> None:
        """Sets how long a worker may wait for the others before the job ends."""

    def abort(self, code: int) -> None:
        """Ends the processes of all workers, this one at once."""


class Pending(Protocol):
    """Episodes that are being played."""

    def result(self) -> Episodes:
        """Waits for the episodes; they are in the order of their starts."""


class Collectors(Protocol):
    """Plays episodes; see `parallel.collectors`."""

    def submit(self, actor: Actor, starts: list[Start]) -> Pending:
        """Begins one episode for each start, without waiting."""

    def collect(self, actor: Actor, starts: list[Start]) -> Episodes:
        """Plays one episode for each start and waits."""


class Ring(Protocol):
    """A store of whole episodes that checkpoints append to; see `replay.buffer`."""

    n_added: int

    @property
    def capacity(self) -> int:
        """The number of episodes that fit."""

    def add(self, episodes: Any) -> np.ndarray:
        """Stores episodes in place of the oldest ones; returns their slots."""

    def spans(self, since: int) -> list[tuple[int, int]]:
        """Stored episodes from number `since` on, as contiguous [first, last)."""

    def episodes(self, first: int, last: int) -> dict[str, np.ndarray]:
        """Views of the episodes in one range."""

    def restore(self, first: int, fields: dict[str, np.ndarray]) -> None:
        """Restores the episodes of a range; the caller sets `n_added`."""


class Algorithm(Protocol):
    """One training of one algorithm, as the loop, folders and checkpoints see it.

    Attributes:
      n_env_steps: training steps in the environment so far, of all workers.
      n_iterations: calls of `iterate` so far.
      ring: the replay memory whose episodes checkpoints append, or None.
    """

    @property
    def n_env_steps(self) -> int:
        """Training steps in the environment so far, of all workers."""

    @property
    def n_iterations(self) -> int:
        """Calls of `iterate` so far."""

    @property
    def ring(self) -> Ring | None:
        """The replay memory whose episodes checkpoints append, if there is one."""

    def iterate(self) -> Row:
        """Collects and learns once; returns this iteration's columns."""

    def status(self) -> Row:
        """Columns that are read at the end of an epoch: counters, statistics."""

    def policy(self) -> Actor:
        """A picklable NumPy snapshot of the greedy policy that is evaluated."""

    def evaluate(self, starts: list[Start]) -> tuple[Evaluation, Row]:
        """Plays greedy episodes; returns their outcome, and more columns (means)."""

    def arrays(self) -> dict[str, np.ndarray]:
        """What a policy file holds."""

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and facts for `load_state`, the same on all workers."""

    def load_state(self, arrays: Arrays, facts: dict[str, Any]) -> None:
        """Continues from `state()`, bit for bit."""

    def own_state(self) -> dict[str, np.ndarray]:
        """This worker's own arrays, without the ring."""

    def load_own_state(self, arrays: Arrays) -> None:
        """Restores what `own_state()` returned."""

    def take_dealt(self) -> None:
        """Treats the ring's episodes, collected by other workers, as new ones."""

    def close(self) -> None:
        """Closes what it started: processes, environments."""
