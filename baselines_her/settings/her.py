"""The settings of hindsight experience replay, and how they follow from flags.

Field names are the flags of the command line, in the spelling of OpenAI baselines.
`None` means "derived": see `HERConfig.resolve`.
"""

import dataclasses
from typing import Any

from ..types import EnvSpec
from .common import LoopConfig, MachineConfig, RunConfig
from .fields import Search, check_settings, coerce, needs, setting
from .her_presets import preset_values

MOST_PLAYERS = 4  # per core; more only wait for each other
PER_EPS = {"tderror": 1e-6, "energy": 0.01}  # where not given


@dataclasses.dataclass(frozen=True)
class CollectConfig:
    """Acting in the training environments."""

    def __post_init__(self) -> None:
        check_settings(self)

    num_env: int = setting(20, "episodes per cycle and worker", low=1, high=10_000)
    random_eps: float = setting(
        0.3,
        "share of actions that are uniformly random",
        low=0,
        high=1,
        search=Search(0.0, 0.5),
    )
    random_steps: int = setting(
        0,
        "take random actions in all cycles that begin before this env step",
        low=0,
        high=10**12,
    )
    noise_eps: float = setting(
        0.2,
        "standard deviation of the noise, as a share of the largest action",
        low=0,
        high=1e6,
        only_with=needs("noise", "gaussian", "ou"),
        search=Search(0.05, 0.4),
    )
    noise: str = setting(
        "gaussian",
        "noise on actions; ou is Ornstein-Uhlenbeck",
        choices=("gaussian", "ou", "none"),
    )
    ou_theta: float = setting(
        0.15,
        "strength of the pull towards 0",
        low=0,
        only_with=needs("noise", "ou"),
        high=1e6,
    )
    ou_dt: float = setting(
        1e-2,
        "length of a step, in the time units of the noise",
        above=0,
        only_with=needs("noise", "ou"),
        high=1e6,
    )
    skip_bad_episodes: bool = setting(
        False, "drop episodes with numbers that are not finite, and count them"
    )
    pipelined: bool = setting(
        True,
        "play the next cycle's episodes while learning: they come from a policy that "
        "is one cycle old",
    )


@dataclasses.dataclass(frozen=True)
class HindsightConfig:
    """Hindsight."""

    def __post_init__(self) -> None:
        check_settings(self)

    replay_strategy: str = setting(
        "future",
        "which goals replace the desired one",
        choices=("future", "final", "episode", "none", "futureactual"),
    )
    replay_k: float = setting(
        4,
        "rows with a hindsight goal per row with the original goal",
        low=0,
        high=1e6,
        search=Search(1, 8),
    )
    filter_goals: bool = setting(
        False, "use no hindsight goals that were already reached when the episode began"
    )
    actual_k: float = setting(
        4,
        "rows with the desired goal of some episode per row with the original goal",
        low=0,
        high=1e6,
        only_with=needs("replay_strategy", "futureactual"),
    )
    achieved_k: float = setting(
        1,
        "rows with an achieved goal of some episode per row with the original goal",
        low=0,
        high=1e6,
        only_with=needs("replay_strategy", "futureactual"),
    )
    reward_rows: bool = setting(
        False, "call compute_reward once per row; slower, for one that takes no arrays"
    )
    shift_rewards: bool = setting(
        False, "learn from rewards of -1 and 0 where the environment's are 0 and 1"
    )


@dataclasses.dataclass(frozen=True)
class RelayConfig:
    """Relay: reaching the object is learned beside the task."""

    def __post_init__(self) -> None:
        check_settings(self)

    relay: bool = setting(
        False, "learn to reach the object too, and explore by reaching it", often=True
    )
    relay_share: float = setting(
        0.5,
        "share of the replayed rows that learn to reach",
        low=0,
        high=1,
        only_with=needs("relay", True),
    )
    relay_near: float = setting(
        0.03,
        "metres between gripper and object at which exploring by reaching ends",
        low=0,
        high=1e3,
        only_with=needs("relay", True),
    )
    relay_guide: float = setting(
        0.5,
        "far from the object: share of the actions that are chosen by reaching",
        low=0,
        high=1,
        only_with=needs("relay", True),
    )
    relay_random: float = setting(
        0.2,
        "far from the object: share of the actions that are uniformly random",
        low=0,
        high=1,
        only_with=needs("relay", True),
    )


@dataclasses.dataclass(frozen=True)
class ReplayConfig:
    """Replay memory."""

    def __post_init__(self) -> None:
        check_settings(self)

    buffer_size: int = setting(
        1_000_000,
        "number of transitions that the replay memory holds",
        low=1,
        high=10**9,
    )
    prioritization: str = setting(
        "uniform",
        "which transitions are replayed more often: those with large TD errors "
        "(tderror), or those of episodes that moved the object (energy)",
        choices=("uniform", "tderror", "energy"),
        often=True,
        search=Search(choices=("uniform", "tderror")),
    )
    per_alpha: float = setting(
        0.6,
        "exponent of the priorities; 0: uniform",
        low=0,
        high=1,
        only_with=needs("prioritization", "tderror"),
    )
    per_beta0: float = setting(
        0.4,
        "exponent of the importance weights at the start; it rises to 1",
        low=0,
        high=1,
        only_with=needs("prioritization", "tderror"),
    )
    per_eps: float | None = setting(
        None,
        "added to every absolute TD error (default: 1e-6) or energy (default: 0.01 J)",
        above=0,
        high=1e9,
        only_with=needs("prioritization", "tderror", "energy"),
    )
    per_chunk: int = setting(
        0,
        "updates between two refreshes of the priorities; 0: as n_batches",
        low=0,
        high=100_000,
        only_with=needs("prioritization", "tderror"),
    )


@dataclasses.dataclass(frozen=True)
class DemoConfig:
    """Demonstrations."""

    def __post_init__(self) -> None:
        check_settings(self)
        if self.demo_file is None:
            for name in ("bc_loss", "q_filter", "demo_resets"):
                if getattr(self, name):
                    raise ValueError(
                        f"{name} needs demonstrations, found no demo_file.  Give "
                        f"--demo_file=FILE, or drop --{name} (the presets "
                        "tuned_demos, laptop_demos and nair2018 set it)."
                    )
        if self.q_filter and not self.bc_loss:
            raise ValueError(
                "q_filter=1 has no effect with bc_loss=0: the filter chooses which "
                "demonstrations to clone.  Set bc_loss=1 or drop q_filter."
            )

    demo_file: str | None = setting(
        None, "file of demonstrations (.npz) to learn from", often=True
    )
    num_demo: int = setting(
        100,
        "number of demonstrations to use: the first ones of the file",
        low=1,
        high=10**9,
    )
    demo_batch_size: int = setting(
        128, "rows of every batch that come from demonstrations", low=1, high=1_000_000
    )
    bc_loss: bool = setting(
        False, "copy the demonstrations' actions (behaviour cloning)"
    )
    q_filter: bool | None = setting(
        None, "copy only those actions that the critic prefers (default: as bc_loss)"
    )
    prm_loss_weight: float = setting(
        0.001,
        "with --bc_loss: weight of the other terms of the actor's loss",
        low=0,
        high=1e9,
    )
    aux_loss_weight: float = setting(
        0.0078,
        "with --bc_loss: weight of the cloning loss, a sum over rows",
        low=0,
        high=1e9,
    )
    bc_fade: int = setting(
        0,
        "env steps over which aux_loss_weight falls to 0; 0: it stays",
        low=0,
        high=10**12,
    )
    demo_resets: float = setting(
        0.0,
        "share of training episodes that begin in the middle of a demonstration",
        low=0,
        high=1,
    )


@dataclasses.dataclass(frozen=True)
class InputConfig:
    """What observations and goals go through before the networks."""

    def __post_init__(self) -> None:
        check_settings(self)

    clip_obs: float = setting(
        200.0, "clip observations and goals to +- this", above=0, high=1e9
    )
    norm_eps: float = setting(
        0.01, "smallest standard deviation to divide inputs by", above=0, high=1e9
    )
    norm_clip: float = setting(
        5.0, "clip normalised inputs to +- this", above=0, high=1e9
    )
    relative_goals: bool = setting(
        False, "give the networks goals relative to the achieved goal"
    )
    see_achieved: bool = setting(
        False,
        "give the networks the achieved goal too, where observations lack it (AntMaze)",
    )


@dataclasses.dataclass(frozen=True)
class DDPGConfig:
    """The learner."""

    def __post_init__(self) -> None:
        check_settings(self)

    layers: int = setting(3, "hidden layers of actor and critic", low=1, high=100)
    hidden: int = setting(256, "units in each hidden layer", low=1, high=16_384)
    layer_norm: bool = setting(
        False,
        "normalise the critic's hidden layers (layer normalisation)",
        search=Search(choices=(False, True)),
    )
    n_batches: int = setting(
        40, "updates per cycle", low=1, high=100_000, search=Search(10, 80)
    )
    batch_size: int = setting(
        1024,
        "transitions per update and worker",
        low=1,
        high=1_000_000,
        search=Search(choices=(128, 256, 512, 1024)),
    )
    Q_lr: float = setting(
        1e-3,
        "critic's learning rate",
        low=0,
        high=1e3,
        search=Search(1e-4, 3e-3, log=True),
    )
    pi_lr: float = setting(
        1e-3,
        "actor's learning rate",
        low=0,
        high=1e3,
        search=Search(1e-4, 3e-3, log=True),
    )
    lr_fade: int = setting(
        0,
        "env steps over which both rates fall to a tenth; 0: they stay",
        low=0,
        high=10**12,
    )
    gamma: float | None = setting(
        None,
        "discount factor (default: 1 - 1/T for episodes of T steps)",
        low=0,
        high=1,
    )
    polyak: float = setting(
        0.95,
        "share of the target networks that is kept at each update, once per cycle",
        low=0,
        high=1,
        search=Search(0.8, 0.99),
    )
    action_l2: float = setting(
        1.0,
        "weight of the mean squared action in the actor's loss",
        low=0,
        high=1e9,
        search=Search(0.01, 3.0, log=True),
    )
    clip_return: bool = setting(
        True, "clip TD targets to the range of possible returns"
    )
    clip_pos_returns: bool | None = setting(
        None, "clip TD targets to at most 0 (default: on if rewards are -1 and 0)"
    )
    test_with_polyak: bool = setting(
        False, "evaluate the target networks instead of the main ones"
    )


@dataclasses.dataclass(frozen=True)
class ShortForms:
    """Short forms."""

    per: bool = setting(False, "short for --prioritization=tderror", often=True)


@dataclasses.dataclass(frozen=True)
class HERConfig:
    """All settings of a run of DDPG with hindsight, one part per room."""

    run: RunConfig = RunConfig()
    loop: LoopConfig = LoopConfig()
    collect: CollectConfig = CollectConfig()
    her: HindsightConfig = HindsightConfig()
    relay: RelayConfig = RelayConfig()
    replay: ReplayConfig = ReplayConfig()
    demos: DemoConfig = DemoConfig()
    inputs: InputConfig = InputConfig()
    ddpg: DDPGConfig = DDPGConfig()
    machine: MachineConfig = MachineConfig()

    def __post_init__(self) -> None:
        if self.relay.relay and self.run.load_path is not None:
            raise ValueError(
                "relay cannot start from load_path: a policy file holds the "
                "environment's task alone.  Drop --relay or --load_path."
            )
        if self.relay.relay and self.inputs.see_achieved:
            raise ValueError(
                "relay needs observations that hold gripper and object, so it has no "
                "see_achieved=1.  Drop one of them."
            )
        rows, demo_rows = self.ddpg.batch_size, self.demos.demo_batch_size
        if self.demos.demo_file is not None and demo_rows >= rows:
            raise ValueError(
                f"demo_batch_size must be below batch_size, found {demo_rows} of "
                f"{rows}.  Lower --demo_batch_size or raise --batch_size."
            )
        chunk, n_batches = self.replay.per_chunk, self.ddpg.n_batches
        if chunk and n_batches % chunk:
            raise ValueError(
                f"per_chunk must divide n_batches, found {chunk} and {n_batches}.  "
                "Change one of them, or drop --per_chunk."
            )

    def resolve(self, spec: EnvSpec, cores: int = 1, workers: int = 1) -> "HERConfig":
        """Fills in what depends on the environment and on the machine.

        Args:
          spec: the environment's dimensions.
          cores: this worker's share of its machine's.
          workers: how many there are, on all machines.
        """
        replace = dataclasses.replace
        gamma, positive = self.ddpg.gamma, self.ddpg.clip_pos_returns
        most = min(cores - 1, self.collect.num_env)
        players, threads = self.machine.collectors, self.machine.learner_threads
        per_eps, q_filter = self.replay.per_eps, self.demos.q_filter
        if q_filter is None:
            q_filter = self.demos.bc_loss
        if per_eps is None:
            per_eps = PER_EPS.get(self.replay.prioritization)
        return replace(
            self,
            run=replace(self.run, env=spec.env_id, num_cpu=workers),
            ddpg=replace(
                self.ddpg,
                gamma=1.0 - 1.0 / spec.horizon if gamma is None else gamma,
                clip_pos_returns=spec.reward_high == 0.0
                if positive is None
                else positive,
            ),
            demos=replace(self.demos, q_filter=q_filter),
            replay=replace(self.replay, per_eps=per_eps),
            machine=replace(
                self.machine,
                collectors=most
                if players is None
                else min(players, MOST_PLAYERS * cores),
                learner_threads=cores if threads is None else threads,
            ),
        )


def choose_preset(flags: dict[str, Any]) -> str:
    """The preset of a run for which none was named."""
    return "tuned" if flags.get("demo_file") is None else "tuned_demos"


def expand(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags with short forms spelled out: `per` becomes `prioritization=tderror`.

    Raises:
      ValueError: another prioritisation is given too.
    """
    flags = dict(flags)
    if coerce("per", bool, flags.pop("per", False)):
        found = flags.setdefault("prioritization", "tderror")
        if found != "tderror":
            raise ValueError(
                f"per is short for prioritization=tderror, found --prioritization="
                f"{found} beside it.  Drop one of them."
            )
    return flags


def defaults(preset: str, env: str, flags: dict[str, Any]) -> dict[str, Any]:
    """What holds where a flag is not given: the preset's values, and what flags imply.

    A policy that is loaded can act already, so no steps are taken at random.  It has no
    networks for reaching, so it is trained without relay; so is one whose networks see
    the achieved goal.
    """
    values = preset_values(preset, env)
    if flags.get("load_path") is not None:
        values |= {"random_steps": 0, "relay": False}
    if coerce("see_achieved", bool, flags.get("see_achieved", False)):
        values |= {"relay": False}
    return values


def for_unknown_env(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags for a user's own function, whose name does not say if it has an object."""
    return {"prioritization": "uniform", "relay": False, **flags}
