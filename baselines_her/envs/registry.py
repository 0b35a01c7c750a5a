"""The user's own registered environments, which each player must register again.

`gym.register` in a script or a notebook registers an environment in that process only.
"""

import re
from typing import NamedTuple

import cloudpickle
import gymnasium as gym

# Importing these packages registers their own environments, in every process.
PACKAGES = "gymnasium", "gymnasium_robotics", "baselines_her"


class Entry(NamedTuple):
    """One environment of the registry."""

    env_id: str
    spec: bytes  # gymnasium's EnvSpec by cloudpickle, including classes of a script


def own_entries() -> tuple[Entry, ...]:
    """The environments of this process that a new process would not know."""
    found = []
    for env_id, spec in gym.registry.items():
        if not _is_packaged(spec):
            try:
                found.append(Entry(env_id, cloudpickle.dumps(spec)))
            except Exception:  # not picklable; only a run that needs it must fail
                continue
    return tuple(found)


def register(entries: tuple[Entry, ...]) -> None:
    """Registers the entries that are not registered yet."""
    for env_id, spec in entries:
        if env_id not in gym.registry:
            gym.registry[env_id] = cloudpickle.loads(spec)


def _is_packaged(spec: gym.envs.registration.EnvSpec) -> bool:
    points = spec.entry_point, spec.vector_entry_point
    modules = [
        p if isinstance(p, str) else getattr(p, "__module__", "") for p in points if p
    ]
    return all(re.split("[.:]", name)[0] in PACKAGES for name in modules)
