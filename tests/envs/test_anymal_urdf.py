"""The model against the robot's published description, where that is installed.

`pip install example-robot-data`, or EXAMPLE_ROBOT_DATA names the folder `robots`.
"""

import os
import sysconfig
import xml.etree.ElementTree as xml
from pathlib import Path

import mujoco
import numpy as np
import pytest

from baselines_her.envs.anymal import terrain
from baselines_her.envs.anymal.model import JOINTS, LEGS

INSTALLED = "cmeel.prefix/share/example-robot-data/robots"
ROBOTS = Path(
    os.environ.get("EXAMPLE_ROBOT_DATA")
    or Path(sysconfig.get_paths()["purelib"]) / INSTALLED
)
FILE = ROBOTS / "anymal_c_simple_description/urdf/anymal.urdf"
pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason="example-robot-data is not installed"
)


def numbers(element, name):
    text = None if element is None else element.get(name)
    return np.array((text or "0 0 0").split(), float)


def turned(rpy):
    roll, pitch, yaw = rpy
    quat, matrix = np.zeros(4), np.zeros(9)
    mujoco.mju_euler2Quat(quat, np.array([roll, pitch, yaw]), "XYZ")
    mujoco.mju_quat2Mat(matrix, quat)
    return matrix.reshape(3, 3)


class Description:
    """The links of the URDF in the base's axes, each with all that is fixed to it."""

    def __init__(self, path):
        root = xml.parse(path).getroot()
        self.joints = {j.get("name"): j for j in root.findall("joint")}
        self.places = {"base": (np.zeros(3), np.eye(3))}
        self.owner = {"base": "base"}
        waiting = list(self.joints.values())
        while waiting:
            joint = waiting.pop(0)
            parent = joint.find("parent").get("link")
            if parent not in self.places:
                waiting.append(joint)
                continue
            self._place(joint, parent)
        self.parts = {}
        for link in root.findall("link"):
            self._add(link)

    def _place(self, joint, parent):
        child, origin = joint.find("child").get("link"), joint.find("origin")
        place, matrix = self.places[parent]
        self.places[child] = (
            place + matrix @ numbers(origin, "xyz"),
            matrix @ turned(numbers(origin, "rpy")),
        )
        moves = joint.get("type") == "revolute"
        self.owner[child] = child if moves else self.owner[parent]

    def _add(self, link):
        inertial, name = link.find("inertial"), link.get("name")
        if inertial is None:
            return
        mass = float(inertial.find("mass").get("value"))
        place, matrix = self.places[name]
        centre = place + matrix @ numbers(inertial.find("origin"), "xyz")
        own = inertial.find("inertia").attrib
        keys = [["ixx", "ixy", "ixz"], ["ixy", "iyy", "iyz"], ["ixz", "iyz", "izz"]]
        inertia = np.array([[float(own[k]) for k in row] for row in keys])
        matrix = matrix @ turned(numbers(inertial.find("origin"), "rpy"))
        whole = mass, centre, matrix @ inertia @ matrix.T
        self.parts.setdefault(self.owner[name], []).append(whole)

    def body(self, link):
        """(mass, centre of mass, inertia around it), in the base's axes."""
        parts = self.parts[link]
        mass = sum(m for m, _, _ in parts)
        centre = sum(m * c for m, c, _ in parts) / mass
        inertia = np.zeros((3, 3))
        for m, c, own in parts:
            d = c - centre
            inertia += own + m * ((d @ d) * np.eye(3) - np.outer(d, d))
        return mass, centre, inertia


@pytest.fixture(scope="module")
def description():
    return Description(FILE)


@pytest.fixture(scope="module")
def ours():
    model = terrain.build("flat")
    data = mujoco.MjData(model)
    data.qpos[:7] = [0, 0, 0, 1, 0, 0, 0]
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    return model, data


BODIES = [
    "base",
    *(f"{leg}_{part}" for leg in LEGS for part in "HIP THIGH SHANK".split()),
]


@pytest.mark.parametrize("name", BODIES)
def test_masses_and_inertias_are_those_of_the_description(description, ours, name):
    model, data = ours
    mass, centre, inertia = description.body(name)
    body = model.body(name)
    assert body.mass[0] == pytest.approx(mass, abs=0.001)
    np.testing.assert_allclose(data.body(name).xipos, centre, atol=3e-4)
    axes = data.body(name).ximat.reshape(3, 3)
    found = axes @ np.diag(body.inertia) @ axes.T
    np.testing.assert_allclose(found, inertia, atol=1e-4)


@pytest.mark.parametrize("name", JOINTS)
def test_joints_are_where_the_description_has_them(description, ours, name):
    model, data = ours
    joint = description.joints[name]
    place, matrix = description.places[joint.find("child").get("link")]
    np.testing.assert_allclose(data.joint(name).xanchor, place, atol=2e-4)
    axis = matrix @ numbers(joint.find("axis"), "xyz")
    np.testing.assert_allclose(data.joint(name).xaxis, axis, atol=1e-6)
    limit = joint.find("limit")
    wanted = [float(limit.get("lower")), float(limit.get("upper"))]
    np.testing.assert_allclose(model.joint(name).range, wanted, atol=0.01)
    assert float(limit.get("effort")) == model.actuator(name).forcerange[1]
