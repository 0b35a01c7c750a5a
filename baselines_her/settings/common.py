"""The settings of every algorithm: what to run, the epoch, use of the machine.

Field names are the flags of the command line, in the spelling of OpenAI baselines.
`None` means "derived": see `resolve` in `settings.her`.
"""

import dataclasses

from ..algorithms import NAMES
from .fields import check_settings, setting


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What to run and where to write."""

    def __post_init__(self) -> None:
        check_settings(self)

    alg: str = setting("her", "algorithm", choices=NAMES)
    env: str = setting(
        "FetchReach",
        "environment id; the version is optional; or module:Id-v0",
        often=True,
    )
    preset: str = setting("laptop", "named set of defaults", often=True)
    seed: int = setting(0, "seed of all randomness", low=0, high=2**63 - 1, often=True)
    num_timesteps: int = setting(
        1_000_000,
        "training env steps of all workers together",
        low=1,
        high=10**12,
        often=True,
    )
    log_path: str | None = setting(
        None, "run folder; default: logs/<alg>/<env>_<n>", often=True
    )
    save_path: str | None = setting(None, "also write the final policy to this file")
    load_path: str | None = setting(
        None, "policy file to start from, or to play", often=True
    )
    resume: str | None = setting(None, "continue the run in this folder", often=True)
    num_cpu: int | None = setting(
        None,
        "workers, started by mpiexec; default: this process, or mpiexec's",
        low=1,
        high=10_000,
        often=True,
    )
    play: bool = setting(
        False, "play the policy after training, or the loaded one", often=True
    )
    episodes: int = setting(20, "with play: episodes to play", low=1, high=1_000_000)
    per_step: bool = setting(
        False, "with play: also report the success rate over all steps"
    )


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """The epoch: iterations, evaluation, saving."""

    def __post_init__(self) -> None:
        check_settings(self)

    n_cycles: int = setting(
        10, "iterations (for her: cycles) per epoch", low=1, high=1_000_000
    )
    n_test_rollouts: int = setting(
        20, "evaluation episodes per epoch", low=1, high=100_000
    )
    stop_at: float | None = setting(
        None,
        "end early once the mean score (success rate) of 3 evaluations in a row "
        "reaches this",
        low=-1e9,
        high=1e9,
        often=True,
    )
    policy_save_interval: int = setting(
        5,
        "epochs between policy_<epoch>.pkl; 0: only best and latest",
        low=0,
        high=10**9,
    )
    checkpoint_interval: float = setting(
        300.0, "seconds between checkpoints; 0: after every iteration", low=0, high=1e9
    )
    video_interval: int = setting(
        0, "film one greedy episode every this many epochs; 0: never", low=0, high=10**9
    )


@dataclasses.dataclass(frozen=True)
class MachineConfig:
    """Use of the machine."""

    def __post_init__(self) -> None:
        check_settings(self)

    collectors: int | None = setting(
        None,
        "processes that play episodes; the results do not depend on it; default: "
        "cores - 1, at most 4 per core",
        low=0,
        high=1000,
    )
    collector_timeout: float = setting(
        300.0,
        "seconds after which a silent player process counts as hung",
        above=0,
        high=1e9,
    )
    learner_threads: int | None = setting(
        None,
        "threads of the learner; default: the cores, shared by workers",
        low=1,
        high=1024,
    )
    mpi_timeout: float = setting(
        300.0, "seconds after which a silent worker ends the job", above=0, high=1e9
    )
    fast_env: bool = setting(True, "faster look-ups in Fetch and Hand, the same bits")
