"""The quadruped ANYmal C: its model, its tasks, and their Gymnasium environments.

Importing this module registers them; this package's own commands do so by themselves.
"""

import gymnasium as gym

NAMESPACE = "baselines_her"
IDS = {
    f"{NAMESPACE}/AnymalC-v0": {},
    f"{NAMESPACE}/AnymalCStep-v0": {"scene": "step"},
    f"{NAMESPACE}/AnymalCRamp-v0": {"scene": "ramp"},
}


def register() -> None:
    """Registers the environments that are not registered yet."""
    for env_id, settings in IDS.items():
        if env_id not in gym.registry:
            point = "baselines_her.envs.anymal.env:AnymalC"
            gym.register(env_id, entry_point=point, kwargs=settings)


register()
