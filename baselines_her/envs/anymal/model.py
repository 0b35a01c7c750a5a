"""The robot's model: joints, actuators, sensors, and where they stand in arrays.

Facts of ANYmal C are in `anymal_c.xml`.  Each joint is held at a target angle by a
spring and a damper (Kp 80 Nm/rad, Kd 2 Nm s/rad), with a torque of at most 80 Nm.
"""

from pathlib import Path

import mujoco
import numpy as np

LEGS = "LF", "RF", "LH", "RH"  # left and right, front and hind
JOINTS = tuple(f"{leg}_{joint}" for leg in LEGS for joint in ("HAA", "HFE", "KFE"))
STANDING = np.array([0, 0.4, -0.8] * 2 + [0, -0.4, 0.8] * 2)  # [12] rad
HEIGHT = 0.549  # metres from the ground to the base's centre in that pose
FOOT_RADIUS = 0.03

# Where quantities stand in qpos [19], qvel [18] and sensordata [25].
ANGLES, SPEEDS = slice(7, 19), slice(6, 18)
FEET, LIMBS, BASE, TORQUES = slice(0, 4), slice(4, 12), 12, slice(13, 25)

FILE = Path(__file__).with_name("anymal_c.xml")


def specification() -> mujoco.MjSpec:
    """The robot on flat ground, to which terrain can be added."""
    return mujoco.MjSpec.from_file(str(FILE))
