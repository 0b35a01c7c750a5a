"""The settings of proximal policy optimisation, and how they follow from flags.

Field names are the flags of the command line: OpenAI baselines' spelling (ppo2) where
it has the setting.  `None` means "derived": see `PPOConfig.resolve`.
"""

import dataclasses
from typing import Any

from ..types import FlatSpec
from .common import LoopConfig, MachineConfig, RunConfig
from .fields import Search, check_settings, needs, setting
from .ppo_presets import preset_values


@dataclasses.dataclass(frozen=True)
class RolloutConfig:
    """Acting in the training environments."""

    def __post_init__(self) -> None:
        check_settings(self)

    num_env: int = setting(
        8, "environments per worker, stepped side by side", low=1, high=10_000
    )
    nsteps: int = setting(
        256,
        "steps of each environment per iteration",
        low=1,
        high=1_000_000,
        search=Search(choices=(64, 128, 256, 512)),
    )
    steppers: int | None = setting(
        None,
        "processes that step environments; the results do not depend on it; default: "
        "the cores",
        low=1,
        high=256,
    )


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """Policy and value networks."""

    def __post_init__(self) -> None:
        check_settings(self)

    hidden_sizes: str = setting(
        "64,64",
        "units of the hidden layers, e.g. 64,64",
        search=Search(choices=("64,64", "128,128", "256,256")),
    )
    activation: str = setting(
        "tanh",
        "of the hidden layers",
        choices=("tanh", "relu", "elu"),
        search=Search(choices=("tanh", "relu", "elu")),
    )
    shared_trunk: bool = setting(
        False, "policy and value share hidden_sizes, and have heads of their own"
    )
    head_sizes: str | None = setting(
        None, "with shared_trunk: units of each head's hidden layers (default: none)"
    )
    squash_mean: bool = setting(False, "the mean of the actions passes through tanh")
    std: str = setting(
        "free",
        "standard deviation of actions: a learned vector, a head of the network, or a "
        "schedule",
        choices=("free", "state", "schedule"),
    )
    log_std_init: float = setting(
        0.0, "its logarithm at the start", low=-20, high=5, search=Search(-2.0, 0.5)
    )
    log_std_min: float = setting(-20.0, "smallest logarithm", low=-20, high=5)
    std_final: float = setting(
        0.25, "std at the schedule's end", above=0, only_with=needs("std", "schedule")
    )
    std_steps: int = setting(
        1_000_000,
        "env steps over which std falls linearly to std_final",
        low=1,
        only_with=needs("std", "schedule"),
    )


@dataclasses.dataclass(frozen=True)
class ScalingConfig:
    """Scaling of observations and rewards."""

    def __post_init__(self) -> None:
        check_settings(self)

    normalize_obs: bool = setting(True, "observations to zero mean and unit variance")
    normalize_reward: bool = setting(
        True, "rewards divided by the deviation of the discounted return"
    )
    clip_input: float = setting(
        10.0, "scaled observations and rewards are clipped to +- this", above=0
    )


@dataclasses.dataclass(frozen=True)
class UpdateConfig:
    """The learner."""

    def __post_init__(self) -> None:
        check_settings(self)

    noptepochs: int = setting(
        10,
        "passes over the data of an iteration",
        low=1,
        high=1000,
        search=Search(3, 20),
    )
    nminibatches: int | None = setting(
        None, "minibatches per pass; or give batch_size", low=1, high=1_000_000
    )
    batch_size: int = setting(
        64,
        "rows of a minibatch",
        low=1,
        high=10_000_000,
        search=Search(choices=(32, 64, 128, 256, 512)),
    )
    lr: float = setting(
        3e-4, "learning rate at the start", low=0, search=Search(3e-5, 3e-3, log=True)
    )
    lr_schedule: str = setting(
        "linear",
        "learning rate: constant, linear to 0 at num_timesteps, or adapted to the KL "
        "divergence of each pass",
        choices=("constant", "linear", "adaptive"),
    )
    kl_target: float = setting(
        0.01,
        "KL divergence that the adaptive rate aims at",
        above=0,
        only_with=needs("lr_schedule", "adaptive"),
        search=Search(0.003, 0.03, log=True),
    )
    cliprange: float = setting(
        0.2, "the ratio is clipped to 1 +- this", above=0, search=Search(0.1, 0.4)
    )
    gamma: float = setting(
        0.99,
        "discount",
        low=0,
        high=1,
        search=Search(choices=(0.95, 0.98, 0.99, 0.995)),
    )
    lam: float = setting(
        0.95, "lambda of the advantages (GAE)", low=0, high=1, search=Search(0.8, 0.99)
    )
    vf_coef: float = setting(
        0.25, "weight of the value loss", low=0, search=Search(0.05, 2.0, log=True)
    )
    ent_coef: float = setting(
        0.0, "weight of the entropy", low=0, search=Search(1e-6, 1e-2, log=True)
    )
    max_grad_norm: float = setting(0.5, "limit of the gradients' global norm", above=0)
    adam_eps: float = setting(1e-8, "epsilon of Adam", above=0)
    normalize_advantage: bool = setting(
        True, "advantages to zero mean and unit variance in each minibatch"
    )
    recompute_advantages: bool = setting(False, "compute them anew before every pass")
    clip_value: bool = setting(
        False, "clip the values' change to cliprange, as baselines does"
    )
    target_kl: float | None = setting(
        None,
        "end the passes of an iteration once the KL divergence exceeds this",
        above=0,
    )


@dataclasses.dataclass(frozen=True)
class ShortForms:
    """Short forms."""


@dataclasses.dataclass(frozen=True)
class PPOConfig:
    """All settings of a run of PPO, one part per room."""

    run: RunConfig = RunConfig()
    loop: LoopConfig = LoopConfig()
    rollout: RolloutConfig = RolloutConfig()
    network: NetworkConfig = NetworkConfig()
    scaling: ScalingConfig = ScalingConfig()
    ppo: UpdateConfig = UpdateConfig()
    machine: MachineConfig = MachineConfig()

    def __post_init__(self) -> None:
        for name in "hidden_sizes", "head_sizes":
            sizes_of(name, getattr(self.network, name))
        if self.network.head_sizes and not self.network.shared_trunk:
            raise ValueError(
                "head_sizes has no effect without shared_trunk.  Set shared_trunk=1, "
                "or drop head_sizes."
            )

    @property
    def rows(self) -> int:
        """Rows of an iteration, on each worker."""
        return self.rollout.num_env * self.rollout.nsteps

    def resolve(self, spec: FlatSpec, cores: int = 1, workers: int = 1) -> "PPOConfig":
        """Fills in what depends on the environment and on the machine.

        Args:
          spec: the environment's dimensions.
          cores: this worker's share of its machine's.
          workers: how many there are, on all machines.

        Raises:
          ValueError: the minibatches do not fit the data of an iteration.
        """
        replace = dataclasses.replace
        n, batch_size = self.ppo.nminibatches, self.ppo.batch_size
        if n is not None:
            batch_size = -(-self.rows // n)
        if batch_size > self.rows:
            raise ValueError(
                f"batch_size must be at most num_env x nsteps = {self.rows}, found "
                f"{batch_size}.  Lower --batch_size or raise --nsteps."
            )
        n = -(-self.rows // batch_size)
        threads, steppers = self.machine.learner_threads, self.rollout.steppers
        return replace(
            self,
            run=replace(self.run, env=spec.env_id, num_cpu=workers),
            rollout=replace(
                self.rollout,
                steppers=min(
                    cores if steppers is None else steppers, self.rollout.num_env
                ),
            ),
            ppo=replace(self.ppo, nminibatches=n, batch_size=batch_size),
            machine=replace(
                self.machine,
                collectors=0,
                learner_threads=cores if threads is None else threads,
            ),
        )


def sizes_of(name: str, text: str | None) -> list[int]:
    """Widths of layers: "64,64" -> [64, 64]; None -> [].

    Raises:
      ValueError: they are not whole numbers from 1 to 16,384, 20 at most.
    """
    words = [] if text is None else [word.strip() for word in text.split(",")]
    if len(words) > 20 or not all(w.isdigit() and 0 < int(w) <= 16_384 for w in words):
        raise ValueError(
            f"{name} must be up to 20 whole numbers from 1 to 16384, separated by "
            f"commas, found {text!r}."
        )
    return [int(word) for word in words]


def choose_preset(flags: dict[str, Any]) -> str:
    """The preset of a run for which none was named."""
    return "tuned"


def expand(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags with short forms spelled out: PPO has none."""
    return dict(flags)


def defaults(preset: str, env: str, flags: dict[str, Any]) -> dict[str, Any]:
    """What holds where a flag is not given: the preset's values for the environment.

    `nminibatches`, if given, replaces the preset's batch_size.
    """
    return preset_values(preset, env)


def for_unknown_env(flags: dict[str, Any]) -> dict[str, Any]:
    """Flags for a user's own function: nothing depends on its name but the preset."""
    return dict(flags)
