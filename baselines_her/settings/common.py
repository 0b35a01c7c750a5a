"""The settings of every algorithm: what to run, the epoch, use of the machine.

Field names are the flags of the command line, in the spelling of OpenAI baselines.
`None` means "derived": see `resolve` in `settings.her`.
"""

import dataclasses
import json
from typing import Any

from ..algorithms import DEFAULT, NAMES
from .fields import check_settings, setting

# Settings that are JSON objects, with an example of each.
OBJECTS = {
    "env_kwargs": '{"command": [1, 0, 0]}',
    "reset_options": '{"reset_cell": [1, 1]}',
}


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What to run and where to write."""

    def __post_init__(self) -> None:
        check_settings(self)
        for name in OBJECTS:
            text = getattr(self, name)
            if text is not None:
                json_object(name, text)

    alg: str = setting(DEFAULT, "algorithm", choices=NAMES)
    env: str = setting(
        "FetchReach",
        "environment: an id, with or without version, or module:Id-v0",
        often=True,
    )
    env_kwargs: str | None = setting(
        None, "keywords for building the environment, as a JSON object"
    )
    reset_options: str | None = setting(
        None,
        "options of every reset, as JSON: for a maze "
        '{"reset_cell": [1, 1], "goal_cell": [3, 1]}',
    )
    preset: str = setting("laptop", "named set of defaults", often=True)
    seed: int = setting(
        0, "seed of all random numbers", low=0, often=True, high=2**63 - 1
    )
    num_timesteps: int = setting(
        1_000_000,
        "training steps in the environment, of all workers together",
        low=1,
        often=True,
        high=10**12,
    )
    log_path: str | None = setting(
        None, "run folder (default: logs/<alg>/<env>_<n>)", often=True
    )
    save_path: str | None = setting(
        None, "file to which the final policy is also written"
    )
    load_path: str | None = setting(
        None, "policy file to start training from, or to play", often=True
    )
    resume: str | None = setting(None, "folder of a run to continue", often=True)
    num_cpu: int | None = setting(
        None,
        "number of workers to start with mpiexec (default: this process alone, or the "
        "workers that mpiexec has started)",
        low=1,
        high=10_000,
        often=True,
    )
    play: bool = setting(
        False,
        "play the best policy after training; with --load_path and no "
        "--num_timesteps, only play that policy",
        often=True,
    )
    episodes: int = setting(
        20, "number of episodes that --play plays", low=1, high=1_000_000
    )
    per_step: bool = setting(
        False, "let --play also report the share of successful steps"
    )
    metrics: bool = setting(
        False, "let --play also report what the environment measures of episodes"
    )


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """The epoch: iterations, evaluation, saving."""

    def __post_init__(self) -> None:
        check_settings(self)

    n_cycles: int = setting(10, "iterations (cycles) per epoch", low=1, high=1_000_000)
    n_test_rollouts: int = setting(
        20, "evaluation episodes per epoch", low=1, high=100_000
    )
    stop_at: float | None = setting(
        None,
        "end training once the mean score (success rate) of the last 3 evaluations "
        "is at least this",
        low=-1e9,
        high=1e9,
        often=True,
    )
    policy_save_interval: int = setting(
        5, "save policy_<epoch>.pkl every this many epochs; 0: never", low=0, high=10**9
    )
    checkpoint_interval: float = setting(
        300.0, "seconds between checkpoints; 0: after every iteration", low=0, high=1e9
    )
    video_interval: int = setting(
        0,
        "film one evaluation episode every this many epochs; 0: never",
        low=0,
        high=10**9,
    )


@dataclasses.dataclass(frozen=True)
class MachineConfig:
    """Use of the machine."""

    def __post_init__(self) -> None:
        check_settings(self)

    collectors: int | None = setting(
        None,
        "number of players: processes that play episodes; results do not depend on "
        "it (default: cores - 1, but at most num_env; upper limit: 4 per core)",
        low=0,
        high=1000,
    )
    collector_timeout: float = setting(
        300.0,
        "seconds without an answer after which a player ends the run",
        above=0,
        high=1e9,
    )
    learner_threads: int | None = setting(
        None,
        "threads of the learner (default: the cores, shared among the workers)",
        low=1,
        high=1024,
    )
    mpi_timeout: float = setting(
        300.0,
        "seconds without an answer after which a worker ends the run",
        above=0,
        high=1e9,
    )
    fast_env: bool = setting(
        True, "speed up Fetch and Hand environments; results stay the same"
    )


def json_object(name: str, text: str) -> dict[str, Any]:
    """The entries of a JSON object.

    Args:
      name: of the setting, one of `OBJECTS`.
      text: its value.

    Raises:
      ValueError: it is not a JSON object with at least one entry.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not found:
        raise ValueError(
            f"{name} must be a JSON object, found {text!r}.  Write for example "
            f"--{name}='{OBJECTS[name]}'."
        )
    return found
