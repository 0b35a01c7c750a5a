"""Every setting of a run: frozen dataclasses, validated, with one line of help each.

Field names are the flags of the command line, in the spelling of OpenAI baselines.
`None` means "derived": see `Config.resolve`.
"""

import dataclasses

from .fields import check_knobs, knob
from .presets import PRESETS


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What to run and where to write."""

    def __post_init__(self) -> None:
        check_knobs(self)

    alg: str = knob("her", "algorithm", choices=("her",))
    env: str = knob("FetchReach", "environment id; version optional; module:Id-v0")
    preset: str = knob(
        "laptop",
        "set of defaults; without this flag: tuned, with --demo_file laptop_demos",
        choices=tuple(PRESETS),
    )
    seed: int = knob(0, "seed of all randomness", low=0)
    num_timesteps: int = knob(
        1_000_000, "training env steps, all workers together", low=1
    )
    log_path: str | None = knob(None, "run folder; default logs/her/<env>_<n>")
    save_path: str | None = knob(None, "also write the final policy to this file")
    load_path: str | None = knob(None, "policy file to start from, or to play")
    resume: str | None = knob(None, "go on with the run in this folder")
    num_cpu: int | None = knob(
        None, "workers, started by mpiexec; default: this process, or mpiexec's", low=1
    )
    play: bool = knob(False, "play the policy after training, or the loaded one")
    episodes: int = knob(20, "with play: episodes to play", low=1)
    per_step: bool = knob(False, "with play: also tell the success over all steps")


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """The epoch: cycles, evaluation, saving."""

    def __post_init__(self) -> None:
        check_knobs(self)

    n_cycles: int = knob(10, "cycles per epoch", low=1)
    n_batches: int = knob(40, "updates per cycle", low=1)
    n_test_rollouts: int = knob(20, "evaluation episodes per epoch", low=1)
    test_with_polyak: bool = knob(False, "evaluate the target networks")
    policy_save_interval: int = knob(
        5, "epochs between policy_<epoch>.pkl; 0: only best and latest", low=0
    )
    checkpoint_interval: float = knob(
        300.0, "seconds between checkpoints; 0: after every cycle", low=0
    )
    video_interval: int = knob(
        0, "film one greedy episode every this many epochs; 0: never", low=0
    )


@dataclasses.dataclass(frozen=True)
class CollectConfig:
    """Acting in the training environments."""

    def __post_init__(self) -> None:
        check_knobs(self)

    num_env: int = knob(20, "episodes per cycle and worker (rollout_batch_size)", low=1)
    random_eps: float = knob(0.3, "share of uniformly random actions", low=0, high=1)
    random_steps: int = knob(
        0, "cycles that begin before so many training env steps act at random", low=0
    )
    noise_eps: float = knob(
        0.2,
        "size of the noise, in units of max_action",
        low=0,
        needs=("noise", "gaussian", "ou"),
    )
    noise: str = knob(
        "gaussian",
        "noise on actions; ou: Ornstein-Uhlenbeck",
        choices=("gaussian", "ou", "none"),
    )
    ou_theta: float = knob(0.15, "pull back to 0", low=0, needs=("noise", "ou"))
    ou_dt: float = knob(1e-2, "units of time in a step", above=0, needs=("noise", "ou"))
    skip_bad_episodes: bool = knob(
        False, "drop and count episodes with numbers that are not finite"
    )
    pipelined: bool = knob(
        True, "collect a cycle ahead while learning: the policy lags by one cycle"
    )


@dataclasses.dataclass(frozen=True)
class HERConfig:
    """Hindsight."""

    def __post_init__(self) -> None:
        check_knobs(self)

    replay_strategy: str = knob(
        "future",
        "which goals replace the desired one",
        choices=("future", "final", "episode", "none", "futureactual"),
    )
    replay_k: float = knob(4, "hindsight rows per ordinary row", low=0)
    filter_goals: bool = knob(
        False, "no hindsight goals that the episode's start has reached"
    )
    actual_k: float = knob(
        4,
        "rows with any episode's desired goal, likewise",
        low=0,
        needs=("replay_strategy", "futureactual"),
    )
    achieved_k: float = knob(
        1,
        "rows with any episode's achieved goal, likewise",
        low=0,
        needs=("replay_strategy", "futureactual"),
    )


@dataclasses.dataclass(frozen=True)
class ReplayConfig:
    """Replay memory."""

    def __post_init__(self) -> None:
        check_knobs(self)

    buffer_size: int = knob(1_000_000, "transitions kept", low=1)
    prioritization: str = knob(
        "uniform",
        "which transitions are drawn more often: those with large TD errors, or those "
        "of episodes that moved the object",
        choices=("uniform", "tderror", "energy"),
    )
    per_alpha: float = knob(
        0.6,
        "exponent of priorities; 0: all alike",
        low=0,
        high=1,
        needs=("prioritization", "tderror"),
    )
    per_beta0: float = knob(
        0.4,
        "exponent of weights at first; 1 at the end",
        low=0,
        high=1,
        needs=("prioritization", "tderror"),
    )
    per_eps: float | None = knob(
        None,
        "added to every |TD error| (default 1e-6) or energy (default 0.01 joules)",
        above=0,
        needs=("prioritization", "tderror", "energy"),
    )
    per_chunk: int = knob(
        0,
        "updates between two looks at the priorities; 0: n_batches",
        low=0,
        needs=("prioritization", "tderror"),
    )


@dataclasses.dataclass(frozen=True)
class ShortConfig:
    """Short forms."""

    per: bool = knob(False, "short for --prioritization=tderror")


@dataclasses.dataclass(frozen=True)
class DemoConfig:
    """Demonstrations."""

    def __post_init__(self) -> None:
        check_knobs(self)
        if self.demo_file is None:
            for name in ("bc_loss", "q_filter", "demo_resets"):
                if getattr(self, name):
                    raise ValueError(
                        f"{name} needs demonstrations, found no demo_file.  Give "
                        f"--demo_file=FILE, or drop --{name} (the presets nair2018 "
                        "and laptop_demos set it)."
                    )
        if self.q_filter and not self.bc_loss:
            raise ValueError(
                "q_filter=1 has no effect with bc_loss=0: the filter chooses which "
                "demonstrations to clone.  Set bc_loss=1 or drop q_filter."
            )

    demo_file: str | None = knob(None, "demonstrations (.npz) to learn from")
    num_demo: int = knob(100, "demonstrations used, the file's first ones", low=1)
    demo_batch_size: int = knob(128, "rows of every batch from demonstrations", low=1)
    bc_loss: bool = knob(False, "clone the demonstrations' actions")
    q_filter: bool | None = knob(
        None, "clone only where the critic prefers them; default: as bc_loss"
    )
    prm_loss_weight: float = knob(
        0.001, "with bc_loss: weight of the actor's other terms", low=0
    )
    aux_loss_weight: float = knob(
        0.0078, "with bc_loss: weight of the sum over cloned rows", low=0
    )
    bc_fade: int = knob(
        0, "env steps over which aux_loss_weight fades to 0; 0: never", low=0
    )
    demo_resets: float = knob(
        0.0,
        "share of training episodes that begin within a demonstration",
        low=0,
        high=1,
    )


@dataclasses.dataclass(frozen=True)
class InputConfig:
    """What observations and goals go through before the networks."""

    def __post_init__(self) -> None:
        check_knobs(self)

    clip_obs: float = knob(200.0, "raw inputs are clipped to +- this", above=0)
    norm_eps: float = knob(0.01, "smallest standard deviation", above=0)
    norm_clip: float = knob(5.0, "normalised inputs are clipped to +- this", above=0)
    relative_goals: bool = knob(False, "goals relative to the achieved goal")


@dataclasses.dataclass(frozen=True)
class DDPGConfig:
    """The learner."""

    def __post_init__(self) -> None:
        check_knobs(self)

    layers: int = knob(3, "hidden layers of actor and critic", low=1)
    hidden: int = knob(256, "units in each hidden layer", low=1)
    layer_norm: bool = knob(
        False, "normalise the critic's hidden layers (layer normalisation)"
    )
    batch_size: int = knob(1024, "transitions per update and worker", low=1)
    Q_lr: float = knob(1e-3, "critic's learning rate", low=0)
    pi_lr: float = knob(1e-3, "actor's learning rate", low=0)
    lr_fade: int = knob(
        0, "env steps over which both rates fall to a tenth; 0: never", low=0
    )
    gamma: float | None = knob(None, "discount; default 1 - 1/T", low=0, high=1)
    polyak: float = knob(
        0.95, "share of the target networks kept once per cycle", low=0, high=1
    )
    action_l2: float = knob(1.0, "weight of the mean squared action", low=0)
    clip_return: bool = knob(True, "clip TD targets to the possible returns")
    clip_pos_returns: bool | None = knob(
        None, "clip TD targets at 0; default: if no reward is positive"
    )


@dataclasses.dataclass(frozen=True)
class MachineConfig:
    """Use of the machine."""

    def __post_init__(self) -> None:
        check_knobs(self)

    collectors: int | None = knob(
        None, "collecting processes, same results with any; default: cores - 1", low=0
    )
    collector_timeout: float = knob(
        300.0, "seconds after which a silent collector counts as hung", above=0
    )
    learner_threads: int | None = knob(
        None, "threads of the learner; default: the cores, shared by workers", low=1
    )
    mpi_timeout: float = knob(
        300.0, "seconds after which a silent worker ends the job", above=0
    )
    fast_env: bool = knob(True, "faster look-ups in Fetch and Hand, the same bits")
