"""What HER looks up and builds before its first cycle."""

import contextlib
from typing import NamedTuple, cast

import gymnasium as gym

from ..ddpg import DDPG, Cloning
from ..demos.file import demos_for
from ..envs.check import check, reward_function
from ..envs.make import EnvFactory
from ..envs.objects import object_motion, reach_points
from ..envs.state import require_restorable
from ..her_sampler import RewardFn
from ..parallel.communicator import Solo
from ..replay.buffer import require_memory
from ..replay.sources import fingerprint
from ..runs.policy_file import read_start
from ..seeding import WEIGHTS, generator
from ..settings.her import HERConfig
from ..types import Collectors, Communicator, Demos, EnvSpec, ObjectMotion, ReachPoints
from . import Prepared
from .her import HER, Critical
from .her_policy import learner_bytes
from .tasks import Tasks, tasks_of, with_both_goals


class Parts(NamedTuple):
    """What HER needs in addition to settings and the environment."""

    demos: Demos | None
    motion: ObjectMotion | None  # for prioritization=energy
    points: ReachPoints | None  # for relay
    rewards: RewardFn


def prepare(
    env: gym.Env, config: HERConfig, comm: Communicator, factory: EnvFactory
) -> Prepared:
    """Checks the environment and looks up what the settings name.

    Args:
      env: this process's own environment.
      config: the settings, not resolved yet.
      comm: the workers.
      factory: builds more environments; not needed here.

    Raises:
      ValueError: the environment, a file or a setting breaks a rule.
    """
    warnings: list[str] = []
    spec = check(
        env,
        config.run.env,
        by_row=config.her.reward_rows,
        clip_obs=config.inputs.clip_obs,
        warn=warnings.append,
    )
    rewards = reward_function(env, config.her.reward_rows)
    if config.her.shift_rewards:
        spec, rewards = shifted(spec, rewards)
    demos, demo_warnings = demos_for(config.demos, spec)
    if config.demos.demo_resets:
        require_restorable(env)
    energy = config.replay.prioritization == "energy"
    motion = object_motion(env) if energy else None
    points = reach_points(env, spec) if config.relay.relay else None
    config = config.resolve(spec, comm.cores, comm.size)
    learned = with_both_goals(spec) if points else spec
    require_memory(spec, config.replay.buffer_size, learner_bytes(learned, config))
    alike = {"the demonstrations": fingerprint(demos)}
    notes = [*_notes(config, spec), *(f"warning: {w}" for w in warnings)]
    notes += demo_warnings
    skip_bad = config.collect.skip_bad_episodes
    parts = Parts(demos, motion, points, rewards)
    return Prepared(config, spec, parts, alike, notes, skip_bad)


def shifted(spec: EnvSpec, rewards: RewardFn) -> tuple[EnvSpec, RewardFn]:
    """Rewards of 0 and 1 as -1 and 0; others stay as they are.

    A critic that begins at 0 then overrates what it has not seen, as with rewards of
    -1 and 0 everywhere.  In episodes of one length every policy loses the same, so the
    best one stays the best.
    """
    if (spec.reward_low, spec.reward_high) != (0.0, 1.0):
        return spec, rewards
    lower = spec._replace(reward_low=-1.0, reward_high=0.0)
    return lower, lambda achieved, goal: rewards(achieved, goal) - 1.0


def build(
    prepared: Prepared,
    env: gym.Env,
    collectors: Collectors,
    comm: Communicator = Solo(),
    critical: Critical = contextlib.nullcontext,
) -> HER:
    """The training, ready for its first cycle.

    Raises:
      ValueError: the policy in `load_path` does not fit.
    """
    config, spec, (demos, motion, points, rewards), *_ = prepared
    tasks = tasks_of(spec, config, rewards, points)
    learner = build_learner(config, spec, tasks, comm)
    played = tasks, collectors, demos, motion
    return HER(config, spec, learner, *played, comm, critical)


def build_learner(
    config: HERConfig, spec: EnvSpec, tasks: Tasks, comm: Communicator
) -> DDPG:
    """A new learner, or one that starts from the policy in `load_path`."""
    rng, demos = generator(config.run.seed, WEIGHTS), config.demos
    weights = demos.prm_loss_weight, demos.aux_loss_weight, bool(demos.q_filter)
    cloning = Cloning(*weights) if demos.bc_loss else Cloning()
    parts = tasks.spec(), config.ddpg, tasks.inputs(), rng, cloning, comm
    learner = DDPG(*parts)
    if config.run.load_path:
        file = read_start(config.run.load_path, config.run.alg)
        found, wanted = (
            _shape(file.spec, cast(HERConfig, file.config)),
            _shape(spec, config),
        )
        if found != wanted:
            raise ValueError(
                f"load_path must hold a policy of {wanted} for {spec.env_id}, found "
                f"{found} for {file.spec.env_id}.  Match --env, --layers, --hidden, "
                "--layer_norm, --relative_goals, --see_achieved, --clip_obs and "
                "--norm_clip."
            )
        learner.load_arrays(file.arrays)
    learner.synchronise()
    return learner


def _shape(spec: EnvSpec, config: HERConfig) -> str:
    """What must be equal for weights to keep their meaning: sizes and inputs."""
    ddpg, inputs = config.ddpg, config.inputs
    return (
        f"{spec.obs_dim}+{spec.goal_dim} inputs clipped to {inputs.clip_obs:g} and "
        f"{inputs.norm_clip:g}, {'relative' if inputs.relative_goals else 'absolute'} "
        f"goals{', achieved ones seen' * inputs.see_achieved}, "
        f"{spec.action_dim} actions, {ddpg.layers}x{ddpg.hidden} units"
        f"{', layer_norm' * ddpg.layer_norm}"
    )


def _notes(config: HERConfig, spec: EnvSpec) -> list[str]:
    """What a user should know before the first cycle."""
    notes, demos = [], config.demos
    if demos.demo_file is not None:
        cloning = f"cloned {'with' if demos.q_filter else 'without'} Q-filter"
        notes.append(
            f"{demos.num_demo} demonstrations from {demos.demo_file}, "
            f"{cloning if demos.bc_loss else 'not cloned'}, "
            f"{demos.demo_batch_size} of {config.ddpg.batch_size} rows of a batch"
        )
    if config.ddpg.clip_return and spec.reward_low is None:
        notes.append(
            "Rewards are neither {-1, 0} nor {0, 1}: TD targets are not clipped to "
            "possible returns."
        )
    if config.collect.random_steps >= config.run.num_timesteps:
        notes.append(
            f"warning: all {config.run.num_timesteps} steps take random actions, since "
            f"random_steps={config.collect.random_steps}.  Train for longer, or lower "
            "random_steps"
        )
    return notes
