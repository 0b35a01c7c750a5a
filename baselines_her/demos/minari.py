"""Demonstrations to and from Minari, the Farama Foundation's format."""

import re
from typing import Any

import gymnasium as gym
import numpy as np

from ..runs.arrays import DAMAGE, reason_of
from ..runs.foreign import printable
from ..types import Demos, EnvSpec, Episodes
from ..versions import PACKAGES, version
from .record import demos_of, join

MISSING = "Minari datasets need minari.  Run: pip install 'baselines-her[demos]'"
# Names of folders without dots, so that no path leads upwards; then a version.
ID = re.compile(r"([\w-]+/)*[\w-]+-v\d{1,9}", re.ASCII)
STATE, GOAL = "state", "goal"  # reset options with which an episode begins again
VERSION = re.compile(r"[\w.+-]{1,40}", re.ASCII)
SIMULATION = "mujoco", "gymnasium", "gymnasium-robotics"  # what a recovered one needs


def check_id(dataset_id: str) -> str:
    """The id, if it is valid; checked before minari makes a folder with that name.

    Raises:
      ValueError: it is not of the form `push/human-v0`.
    """
    namespace = dataset_id.rpartition("/")[0]
    if not ID.fullmatch(dataset_id) or len(namespace) == 1:
        raise ValueError(
            "a Minari id must look like push/human-v0 (letters, digits, - and _, at "
            "least two of them before a slash, and a version), found "
            f"'{printable(dataset_id, 80)}'."
        )
    return dataset_id


def read_minari(dataset_id: str) -> Demos:
    """The whole episodes of a local Minari dataset.

    Seeds and start states are read from datasets that `write_minari` wrote; seeds also
    from others that hold them.

    Raises:
      ValueError: there is no such dataset, it is damaged, or its episodes differ in
        length.
      RuntimeError: minari is not installed.
    """
    check_id(dataset_id)
    minari = _minari()
    try:
        dataset = minari.load_dataset(dataset_id)
        entry = dataset.spec.env_spec
        env_id = entry and entry.id
        begun = dataset.storage.get_episode_metadata(dataset.episode_indices)
        parts = [
            _with_start(_read_episode(episode, env_id), facts)
            for episode, facts in zip(dataset, begun)
        ]
    except FileNotFoundError as error:
        raise ValueError(f"minari has no local dataset {dataset_id}") from error
    except (*DAMAGE, OSError) as error:
        raise ValueError(
            f"the Minari dataset {dataset_id} cannot be read: {reason_of(error)}"
        ) from None
    lengths = sorted({part.action.shape[1] for part in parts})
    if len(lengths) != 1:
        raise ValueError(
            f"{dataset_id} must hold episodes of one length, found {lengths} steps"
        )
    return join(parts, generator=f"minari {dataset_id}")


def write_minari(
    dataset_id: str, demos: Demos, env: gym.Env, author: str | None = None
) -> None:
    """Writes a local Minari dataset.

    `dataset.recover_environment()` gives the environment, and each episode's metadata
    hold its seed and the options of `reset` with which it begins again.

    Args:
      dataset_id: such as `fetch/pick-scripted-v0`.
      demos: what to write.
      env: their environment, for its spaces and rewards.
      author: who made them.

    Raises:
      ValueError: the dataset exists, or the id is not valid.
    """
    check_id(dataset_id)
    minari = _minari()
    if dataset_id in minari.list_local_datasets():
        raise ValueError(
            f"minari already has a dataset {dataset_id}: choose another id"
        )
    from minari.data_collector.episode_buffer import EpisodeBuffer

    base: Any = env.unwrapped
    buffers = []
    for k, goal in enumerate(demos.goal):
        goals = np.broadcast_to(goal, demos.achieved[k].shape)
        reward = base.compute_reward(demos.achieved[k, 1:], goals[1:], {})
        n = len(reward)
        success = np.append(np.zeros(n - 1, bool), demos.success[k])
        fields = {"observation": demos.obs[k], "achieved_goal": demos.achieved[k]}
        buffer = EpisodeBuffer(
            id=k,
            seed=int(demos.seed[k]) if demos.seed[k] >= 0 else None,
            options=_options(demos, k),
            observations={
                name: array.astype(np.float64)
                for name, array in (fields | {"desired_goal": goals}).items()
            },
            actions=demos.action[k],
            rewards=np.asarray(reward, np.float64),
            terminations=np.zeros(n, bool),
            truncations=np.arange(n) == n - 1,
            infos={"success": np.append(False, success)},
        )
        buffers.append(buffer)
    minari.create_dataset_from_buffers(
        dataset_id,
        buffer=buffers,
        env=base.spec,  # that of a wrapper of ours could not be built elsewhere
        algorithm_name=str(demos.facts.get("generator", "unknown")),
        author=author,
        code_permalink=f"baselines_her {version(PACKAGES[0])}",
        description="Demonstrations written by baselines_her.",
        data_format="hdf5",
        requirements=_requirements(demos),
    )


def _options(demos: Demos, k: int) -> dict[str, Any] | None:
    if demos.state0 is None:
        return None
    return {STATE: demos.state0[k], GOAL: demos.goal[k].astype(np.float64)}


def _requirements(demos: Demos) -> list[str]:
    """The packages of the simulation, as pip names them, in the recorded versions."""
    versions = demos.facts.get("versions", {})
    known = {name: str(versions.get(name)) for name in SIMULATION}
    return [f"{n}=={v}" for n, v in known.items() if VERSION.fullmatch(v)]


def _with_start(demos: Demos, facts: dict[str, Any]) -> Demos:
    """One demonstration with the seed and the start state in an episode's metadata."""
    seed, state = facts.get("seed"), (facts.get("options") or {}).get(STATE)
    if seed is not None:
        demos = demos._replace(seed=np.array([seed], np.int64))
    if state is None:
        return demos
    state0 = np.asarray(state, np.float64)
    if state0.ndim != 1 or not np.isfinite(state0).all():
        raise ValueError(f"the start state of episode {facts.get('id')} is damaged")
    return demos._replace(state0=state0[None])


def _read_episode(episode: Any, env_id: str | None) -> Demos:
    observations, n = episode.observations, len(episode.actions)
    keys = {"observation", "achieved_goal", "desired_goal"}
    if not isinstance(observations, dict) or not keys <= set(observations):
        raise ValueError(f"a goal environment's observations must hold {sorted(keys)}.")
    goals = np.asarray(observations["desired_goal"])
    if not (goals == goals[:1]).all():
        raise ValueError(f"episode {episode.id} changes its goal: leave it out.")
    success = np.zeros((1, n), bool)
    infos = episode.infos or {}
    for name in "is_success", "success":
        if name in infos:
            success[0, -1] = bool(np.asarray(infos[name]).reshape(-1)[-1])
    arrays = Episodes(
        np.asarray(observations["observation"], np.float32)[None],
        np.asarray(observations["achieved_goal"], np.float32)[None],
        np.asarray(observations["desired_goal"], np.float32)[:1],
        np.asarray(episode.actions, np.float32)[None],
        success,
    )
    shapes = arrays.obs.shape[-1], arrays.goal.shape[-1], arrays.action.shape[-1]
    limits = (1.0,) * shapes[2]
    spec = EnvSpec(env_id or "unknown", *shapes, limits, n, None, None)
    demos = demos_of(arrays, [-1], None, spec)
    return demos._replace(facts={"env_id": env_id} if env_id else {})


def _minari() -> Any:
    try:
        import minari
    except ImportError:
        raise RuntimeError(MISSING) from None
    return minari
