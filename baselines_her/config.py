"""Every setting of a run: frozen dataclasses, validated, with one line of help each.

Field names are the flags of the command line, in the spelling of OpenAI baselines.
`None` means "derived"; `resolve` fills it in once the environment is known, and the
resolved config is what a run saves.
"""

import dataclasses
import json
import math
from typing import Any

from .knobs import check_knobs, knob, nearest
from .presets import PRESETS, preset_values
from .types import EnvSpec

GROUPS = ("run", "loop", "collect", "her", "replay", "inputs", "ddpg", "machine")


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What to run and where to write."""

    def __post_init__(self) -> None:
        check_knobs(self)

    alg: str = knob("her", "algorithm", choices=("her",))
    env: str = knob("FetchReach", "environment id; version optional; module:Id-v0")
    preset: str = knob("laptop", "set of defaults", choices=tuple(PRESETS))
    seed: int = knob(0, "seed of all randomness", low=0)
    num_timesteps: int = knob(
        1_000_000, "training env steps, all workers together", low=1
    )
    log_path: str | None = knob(None, "run folder; default logs/her/<env>_<n>")
    save_path: str | None = knob(None, "also write the final policy to this file")
    load_path: str | None = knob(None, "policy file to start from, or to play")
    play: bool = knob(False, "play the policy after training, or the loaded one")


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
    video_interval: int = knob(
        0, "film one greedy episode every this many epochs; 0: never", low=0
    )


@dataclasses.dataclass(frozen=True)
class CollectConfig:
    """Acting in the training environments."""

    def __post_init__(self) -> None:
        check_knobs(self)

    num_env: int = knob(20, "episodes per cycle (rollout_batch_size)", low=1)
    random_eps: float = knob(0.3, "share of uniformly random actions", low=0, high=1)
    noise_eps: float = knob(0.2, "Gaussian noise, in units of max_action", low=0)
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
        "which achieved goals replace the desired one",
        choices=("future", "final", "episode", "none"),
    )
    replay_k: float = knob(4, "hindsight rows per ordinary row", low=0)


@dataclasses.dataclass(frozen=True)
class ReplayConfig:
    """Replay memory."""

    def __post_init__(self) -> None:
        check_knobs(self)

    buffer_size: int = knob(1_000_000, "transitions kept", low=1)


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
    batch_size: int = knob(1024, "transitions per update", low=1)
    Q_lr: float = knob(1e-3, "critic's learning rate", low=0)
    pi_lr: float = knob(1e-3, "actor's learning rate", low=0)
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
        None, "threads of the learner; default: the cores", low=1
    )
    fast_env: bool = knob(True, "faster look-ups in Fetch and Hand, the same bits")


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole run, one part per room."""

    run: RunConfig = RunConfig()
    loop: LoopConfig = LoopConfig()
    collect: CollectConfig = CollectConfig()
    her: HERConfig = HERConfig()
    replay: ReplayConfig = ReplayConfig()
    inputs: InputConfig = InputConfig()
    ddpg: DDPGConfig = DDPGConfig()
    machine: MachineConfig = MachineConfig()

    @classmethod
    def from_flags(cls, **flags: Any) -> "Config":
        """The preset's values for this environment, overridden by `flags`.

        Raises:
          ValueError: an unknown name (the nearest one is offered), or a value out of
            its range.
        """
        run = RunConfig(**{k: v for k, v in flags.items() if k in FLAGS["run"]})
        values = {**preset_values(run.preset, run.env), **flags}
        for name in values:
            if name not in ALL_FLAGS:
                raise ValueError(f"unknown setting {name}{nearest(name, ALL_FLAGS)}")
        parts = {
            group: PARTS[group](
                **{k: values[k] for k in values if k in FLAGS[group]},
            )
            for group in GROUPS
        }
        return cls(**parts)

    def to_flags(self) -> dict[str, Any]:
        """All settings as one flat dictionary, ready for JSON."""
        nested = dataclasses.asdict(self)
        return {k: v for group in GROUPS for k, v in nested[group].items()}

    def to_json(self) -> str:
        """All settings as flat JSON."""
        return json.dumps(self.to_flags(), indent=2)

    def with_flags(self, **flags: Any) -> "Config":
        """This config with some settings replaced."""
        return Config.from_flags(**{**self.to_flags(), **flags})

    def resolve(self, spec: EnvSpec, cores: int = 1) -> "Config":
        """Fills in what depends on the environment and on the machine's cores."""
        gamma, positive = self.ddpg.gamma, self.ddpg.clip_pos_returns
        collectors, threads = self.machine.collectors, self.machine.learner_threads
        most = min(cores - 1, self.collect.num_env)
        return self.with_flags(
            env=spec.env_id,
            gamma=1.0 - 1.0 / spec.horizon if gamma is None else gamma,
            clip_pos_returns=spec.reward_high == 0.0 if positive is None else positive,
            collectors=most if collectors is None else collectors,
            learner_threads=cores if threads is None else threads,
        )


def return_limits(config: DDPGConfig, spec: EnvSpec) -> tuple[float, float]:
    """The smallest and largest TD target, from the rewards that can occur.

    Andrychowicz 2017, appendix A: with rewards of -1 and 0 a return lies between
    -1/(1-gamma) and 0.  Infinite where nothing is clipped.
    """
    low, high, gamma = -math.inf, math.inf, config.gamma
    kind = spec.reward_low, spec.reward_high
    if config.clip_return and kind != (None, None) and gamma not in (None, 1.0):
        low, high = (reward / (1.0 - gamma) for reward in kind)  # type: ignore
    return low, 0.0 if config.clip_pos_returns else high


PARTS: dict[str, Any] = {f.name: f.type for f in dataclasses.fields(Config)}
FLAGS = {
    group: {f.name: f for f in dataclasses.fields(PARTS[group])} for group in PARTS
}
ALL_FLAGS = {name: field for group in FLAGS.values() for name, field in group.items()}
