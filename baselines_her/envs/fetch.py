"""The Fetch and Hand environments without their slowest bookkeeping.

A PickAndPlace step spends a third of its time looking up 15 joints by name, one at a
time.  The environments call those look-ups through one attribute, `_utils`, which is
replaced here by the same functions with addresses that are found only once.  The
environments' own code, MuJoCo's steps and every bit of the results stay the same.
"""

import hashlib
import inspect
from typing import Any

import gymnasium as gym
import numpy as np

REPLACED = (
    "robot_get_obs",
    "ctrl_set_action",
    "mocap_set_action",
    "reset_mocap2body_xpos",
    "get_joint_qpos",
    "get_joint_qvel",
    "get_site_xpos",
    "get_site_xmat",
    "get_site_xvelp",
    "get_site_xvelr",
    "get_site_jacp",
    "get_site_jacr",
)
# Digest of the source of these functions in gymnasium-robotics 1.4.2.
KNOWN = ("f11728719a8b5d75",)


def speed_up(env: gym.Env) -> None:
    """Replaces the look-ups of a MuJoCo robot environment.

    Args:
      env: any environment; it is not changed unless it is a robot of a known version
        of gymnasium-robotics.
    """
    base: Any = env.unwrapped
    if is_known_robot(env):
        names = base._model_names.joint_names
        base._utils = FastUtils(base._utils, base.model, names)


def slowness(env: gym.Env) -> str | None:
    """One sentence why `speed_up` does not change a robot environment, or None."""
    if _is_plain_robot(env) and not is_known_robot(env):
        return (
            "fast_env supports gymnasium-robotics 1.4.2, but another version is "
            "installed: its own observation code is used, which is slower."
        )
    return None


def is_known_robot(env: gym.Env) -> bool:
    """Whether the functions are those that `FastUtils` reproduces."""
    return _is_plain_robot(env) and digest(_utils(env)) in KNOWN


def _is_plain_robot(env: gym.Env) -> bool:
    name = getattr(_utils(env), "__name__", "")
    return name == "gymnasium_robotics.utils.mujoco_utils"


def _utils(env: gym.Env) -> Any:
    utils = getattr(env.unwrapped, "_utils", None)
    return None if isinstance(utils, FastUtils) else utils


def digest(utils: Any) -> str:
    """A fingerprint of the functions that would be replaced."""
    sources = [inspect.getsource(getattr(utils, name)) for name in REPLACED]
    return hashlib.sha256("".join(sources).encode()).hexdigest()[:16]


class FastUtils:
    """`gymnasium_robotics.utils.mujoco_utils` for one model, with cached addresses."""

    def __init__(self, utils: Any, model: Any, joint_names: tuple[str, ...]):
        """Finds the addresses.

        Args:
          utils: the original module, used for everything that is not replaced.
          model: the environment's MjModel.
          joint_names: all joints in the environment's order.
        """
        import mujoco

        self._utils, self._jac_site = utils, mujoco.mj_jacSite
        joints = [model.joint(name) for name in joint_names if name.startswith("robot")]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._qvel = np.array([joint.dofadr[0] for joint in joints])
        self._sites = {model.site(n).name: n for n in range(model.nsite)}
        self._jacobian = np.zeros((3, model.nv))
        self._welds = _mocap_welds(model, int(mujoco.mjtEq.mjEQ_WELD))
        self._n_mocap = 7 * model.nmocap
        transmissions = model.jnt_qposadr[model.actuator_trnid[:, 0]]
        self._actuators = [
            (n, int(transmissions[n]) if model.actuator_biastype[n] else None)
            for n in range(model.nu)
        ]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._utils, name)

    def robot_get_obs(self, model, data, joint_names):
        """Positions and velocities of the robot's joints, in the order of the names."""
        return data.qpos[self._qpos], data.qvel[self._qvel]

    def get_site_xpos(self, model, data, name):
        """A site's position [3], as a view."""
        return data.site_xpos[self._sites[name]]

    def get_site_xmat(self, model, data, name):
        """A site's rotation [3, 3], as a view."""
        return data.site_xmat[self._sites[name]].reshape(3, 3)

    def get_site_xvelp(self, model, data, name):
        """A site's linear velocity [3]."""
        self._jac_site(model, data, self._jacobian, None, self._sites[name])
        return self._jacobian @ data.qvel

    def get_site_xvelr(self, model, data, name):
        """A site's angular velocity [3]."""
        self._jac_site(model, data, None, self._jacobian, self._sites[name])
        return self._jacobian @ data.qvel

    def ctrl_set_action(self, model, data, action):
        """Writes the part of an action for the actuators; positions are relative."""
        ctrl, qpos = data.ctrl, data.qpos
        for (n, address), value in zip(self._actuators, action[self._n_mocap :]):
            ctrl[n] = value if address is None else qpos[address] + value

    def mocap_set_action(self, model, data, action):
        """Moves the mocap bodies by an action, starting at their welded bodies."""
        if not self._n_mocap:
            return
        moves = action[: self._n_mocap].reshape(-1, 7)
        position, rotation = data.mocap_pos, data.mocap_quat
        for mocap, body in self._welds:
            position[mocap], rotation[mocap] = data.xpos[body], data.xquat[body]
        position += moves[:, :3]
        rotation += moves[:, 3:]


def _mocap_welds(model: Any, weld: int) -> list[tuple[int, int]]:
    """(mocap id, body id) of every weld between a mocap body and another."""
    pairs = []
    for kind, one, other in zip(model.eq_type, model.eq_obj1id, model.eq_obj2id):
        if int(kind) == weld:
            is_first = model.body_mocapid[one] != -1
            mocap, body = (one, other) if is_first else (other, one)
            pairs.append((int(model.body_mocapid[mocap]), int(body)))
    return pairs
