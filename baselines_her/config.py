"""A whole run's settings: presets, flags, JSON, and what is derived from them.

`None` means "derived"; `resolve` fills it in once the environment is known, and the
resolved config is what a run saves.
"""

import dataclasses
import json
import math
from typing import Any

from .settings.fields import coerce, nearest, require_effect
from .settings.her import (
    CollectConfig,
    DDPGConfig,
    DemoConfig,
    HERConfig,
    InputConfig,
    LoopConfig,
    MachineConfig,
    ReplayConfig,
    RunConfig,
    ShortConfig,
)
from .settings.presets import preset_values
from .types import EnvSpec

GROUPS = (
    *("run", "loop", "collect", "her", "replay", "demos"),
    *("inputs", "ddpg", "machine"),
)
PER_EPS = {"tderror": 1e-6, "energy": 0.01}  # where not given


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole run, one part per room."""

    run: RunConfig = RunConfig()
    loop: LoopConfig = LoopConfig()
    collect: CollectConfig = CollectConfig()
    her: HERConfig = HERConfig()
    replay: ReplayConfig = ReplayConfig()
    demos: DemoConfig = DemoConfig()
    inputs: InputConfig = InputConfig()
    ddpg: DDPGConfig = DDPGConfig()
    machine: MachineConfig = MachineConfig()

    def __post_init__(self) -> None:
        rows, demo_rows = self.ddpg.batch_size, self.demos.demo_batch_size
        if self.demos.demo_file is not None and demo_rows >= rows:
            raise ValueError(
                f"demo_batch_size must be below batch_size, found {demo_rows} of "
                f"{rows}.  Lower --demo_batch_size or raise --batch_size."
            )
        chunk, n_batches = self.replay.per_chunk, self.loop.n_batches
        if chunk and n_batches % chunk:
            raise ValueError(
                f"per_chunk must divide n_batches, found {chunk} and {n_batches}.  "
                "Change one of them, or drop --per_chunk."
            )

    @classmethod
    def from_flags(cls, **flags: Any) -> "Config":
        """The preset's values for this environment, overridden by `flags`.

        Raises:
          ValueError: an unknown name (the nearest one is offered), or a value out of
            its range.
        """
        flags = without_short_forms(flags)
        usual = "tuned" if flags.get("demo_file") is None else "laptop_demos"
        flags = {"preset": usual, **flags}
        if flags.get("load_path") is not None:  # it can act already
            flags = {"random_steps": 0, **flags}
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

    def require_effect(self, given: dict[str, Any]) -> None:
        """Refuses settings that were given and do nothing; see `knobs`."""
        for group in GROUPS:
            require_effect(getattr(self, group), without_short_forms(given))

    def to_flags(self) -> dict[str, Any]:
        """All settings as one flat dictionary, ready for JSON."""
        nested = dataclasses.asdict(self)
        return {k: v for group in GROUPS for k, v in nested[group].items()}

    def to_json(self) -> str:
        """All settings as flat JSON."""
        return json.dumps(self.to_flags(), indent=2)

    def with_flags(self, **flags: Any) -> "Config":
        """This config with some settings replaced."""
        return Config.from_flags(**{**self.to_flags(), **without_short_forms(flags)})

    def resolve(self, spec: EnvSpec, cores: int = 1, workers: int = 1) -> "Config":
        """Fills in what depends on the environment and on the machine.

        Args:
          spec: the environment's dimensions.
          cores: this worker's share of its machine's.
          workers: how many there are, on all machines.
        """
        gamma, positive = self.ddpg.gamma, self.ddpg.clip_pos_returns
        collectors, threads = self.machine.collectors, self.machine.learner_threads
        bc_loss, q_filter = self.demos.bc_loss, self.demos.q_filter
        per_eps, prioritization = self.replay.per_eps, self.replay.prioritization
        most = min(cores - 1, self.collect.num_env)
        return self.with_flags(
            env=spec.env_id,
            num_cpu=workers,
            gamma=1.0 - 1.0 / spec.horizon if gamma is None else gamma,
            clip_pos_returns=spec.reward_high == 0.0 if positive is None else positive,
            q_filter=bc_loss if q_filter is None else q_filter,
            per_eps=PER_EPS.get(prioritization) if per_eps is None else per_eps,
            collectors=most if collectors is None else collectors,
            learner_threads=cores if threads is None else threads,
        )


def without_short_forms(flags: dict[str, Any]) -> dict[str, Any]:
    """`per` becomes `prioritization=tderror`.

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
SHORT_FORMS = {f.name: f for f in dataclasses.fields(ShortConfig)}
