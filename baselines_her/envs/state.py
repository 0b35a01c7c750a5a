"""The simulator's complete state: taken after a reset, restored at a later one.

This is exact only at an episode's start.  In the middle of one, a Fetch environment's
next action depends on more than MuJoCo's state (it moves the mocap body to where the
arm was).  To begin there, replay the actions up to that step.
"""

import inspect
from typing import Any

import gymnasium as gym
import numpy as np

from .faults import BadState, Refusal
from .options import FixedOptions

DIVERGED = slice(3, 6)  # mjWARN_BADQPOS, mjWARN_BADQVEL, mjWARN_BADQACC
PLAIN = (  # wrappers that do not change observations
    gym.wrappers.TimeLimit,
    gym.wrappers.OrderEnforcing,
    gym.wrappers.PassiveEnvChecker,
    gym.wrappers.RecordEpisodeStatistics,
    gym.wrappers.ClipAction,
    gym.wrappers.RescaleAction,
    FixedOptions,
)


class Simulated(gym.Wrapper):
    """A MuJoCo environment that raises an error if its simulation diverges."""

    def step(self, action):
        """Calls the environment's own step.

        Raises:
          BadState: MuJoCo found positions, velocities or accelerations that are huge
            or not finite, and has therefore reset the simulation.
        """
        result = self.env.step(action)
        data: Any = self.env.unwrapped
        if data.data.warning.number[DIVERGED].any():
            raise BadState("the simulation, which diverged (MuJoCo's BADQACC)")
        return result


class Restorable(Simulated):
    """Accepts `options={"state": [S], "goal": [G]}` in reset, for MuJoCo robots."""

    def reset(self, *, seed=None, options=None):
        """Calls the environment's own reset, or restores a stored state and goal."""
        if not options or "state" not in options:
            return self.env.reset(seed=seed, options=options)
        require_restorable(self)
        observation, info = self.env.reset(seed=seed)
        return restore(self.env, options["state"], options["goal"], observation), info


def with_simulation(env: gym.Env) -> gym.Env:
    """The environment in the wrapper for its simulation, if there is one."""
    if is_restorable(env):
        return Restorable(env)
    return Simulated(env) if is_simulated(env) else env


def is_simulated(env: gym.Env) -> bool:
    """Whether MuJoCo simulates it, through `model` and `data`."""
    base: Any = env.unwrapped
    if not (hasattr(base, "model") and hasattr(base, "data")):
        return False
    import mujoco

    return isinstance(base.data, mujoco.MjData)


def is_restorable(env: gym.Env) -> bool:
    """Whether `restore` can restore a state.

    It reads the observation with `_get_obs()`.  The mazes of gymnasium-robotics have a
    `_get_obs(agent_obs)`, whose argument only they know.
    """
    base: Any = env.unwrapped
    if not (is_simulated(env) and hasattr(base, "goal")):
        return False
    try:
        inspect.signature(base._get_obs).bind()
    except (AttributeError, TypeError):
        return False
    return True


def is_plain(env: gym.Env) -> bool:
    """Whether no wrapper can have changed the environment's observations."""
    inner: Any = env
    while isinstance(inner, (Simulated, *PLAIN)):
        inner = inner.env
    return inner is env.unwrapped


def require_restorable(env: gym.Env) -> None:
    """Refuses an environment that cannot begin from a given state.

    Raises:
      Refusal: it is not a MuJoCo robot, or a wrapper may change its observations.
    """
    if not (isinstance(env, Restorable) and is_plain(env)):
        raise Refusal(
            "a start from a stored state needs a MuJoCo robot's own environment, "
            f"found {env}.  Drop --demo_resets, or the wrappers around it."
        )


def simulator_state(env: gym.Env) -> np.ndarray:
    """MuJoCo's integration state, [S] float64.

    Raises:
      Refusal: the environment is not a MuJoCo robot.
    """
    import mujoco

    require_restorable(env)
    base: Any = env.unwrapped
    kind = mujoco.mjtState.mjSTATE_INTEGRATION
    state = np.empty(mujoco.mj_stateSize(base.model, kind))
    mujoco.mj_getState(base.model, base.data, state, kind)
    return state


def restore(
    env: gym.Env, state: np.ndarray, goal: np.ndarray, observation: dict[str, Any]
) -> dict[str, Any]:
    """Restores a start state and its goal; returns the first observation.

    Args:
      env: an environment that was just reset.
      state: from `simulator_state` after another reset.
      goal: that episode's desired goal.
      observation: what this reset returned, for its dtypes.

    Raises:
      Refusal: the state belongs to another model.
    """
    import mujoco

    base: Any = env.unwrapped
    kind = mujoco.mjtState.mjSTATE_INTEGRATION
    size = mujoco.mj_stateSize(base.model, kind)
    if state.shape != (size,):
        raise Refusal(
            f"a start state must have {size} numbers here, found {state.shape}.  It "
            "was made with another model or another version of mujoco."
        )
    mujoco.mj_setState(base.model, base.data, state, kind)
    mujoco.mj_forward(base.model, base.data)
    base.goal = np.array(goal, observation["desired_goal"].dtype)
    return base._get_obs()
