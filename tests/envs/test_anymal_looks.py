"""Meshes for films are where the other model has them, and change no physics."""

import gymnasium as gym
import mujoco
import numpy as np
import pytest

import baselines_her.envs.anymal  # noqa: F401  registers the environments
from baselines_her.envs.anymal import looks, terrain

LEGS = {"LF": (1, 1), "RF": (1, -1), "LH": (-1, 1), "RH": (-1, -1)}
CUBE = """v 0 0 0
v 0.1 0 0
v 0 0.05 0
v 0 0 0.02
f 1 3 2
f 1 2 4
f 1 4 3
f 2 3 4
"""
LEG = """
<body name="{leg}_HIP" pos="{hip}" quat="0 0 0 -2">
  <geom class="visual" mesh="part" pos="0.01 0.02 0.03" quat="1 0 0 1"/>
  <geom type="sphere" size="0.02" group="3"/>
  <body name="{leg}_THIGH" pos="{thigh}" quat="1 0 1 0">
    <geom class="visual" mesh="part"/>
    <body name="{leg}_SHANK" pos="{shank}">
      <geom class="visual" mesh="part" material="green"/>
    </body>
  </body>
</body>
"""


def text_of(numbers):
    return " ".join(map(str, numbers))


def menagerie(folder, missing=""):
    """A model with other axes of its links, as mujoco_menagerie has one."""
    legs = "".join(
        LEG.format(
            leg=leg,
            hip=text_of((0.3 * x, 0.1 * y, 0)),
            thigh=text_of((-0.06 * x, -0.08 * y, 0)),  # the hip is turned around z
            shank=text_of((0.285, -0.1 * y, 0)),
        )
        for leg, (x, y) in LEGS.items()
    )
    model = f"""
    <mujoco>
      <compiler meshdir="assets"/>
      <default><default class="visual">
        <geom type="mesh" group="2" contype="0" conaffinity="0"/>
      </default></default>
      <asset>
        <mesh file="part.obj"/><material name="green" rgba="0 1 0 1"/>
      </asset>
      <worldbody><body name="base" pos="0 0 3" quat="0 0 0 1">
        <geom class="visual" mesh="part" pos="0.2 0 0"/>{legs}
      </body></worldbody>
    </mujoco>"""
    place = folder / "anybotics_anymal_c"
    (place / "assets").mkdir(parents=True)
    (place / "assets" / "part.obj").write_text(CUBE)
    (place / "anymal_c.xml").write_text(model.replace(missing or "?", "other"))
    return folder


def places(model):
    """Every mesh relative to the base when all joint angles are 0: [3] and [9]."""
    data = mujoco.MjData(model)
    data.qpos[:] = 0
    if model.nq:
        data.qpos[3] = 1.0
    mujoco.mj_kinematics(model, data)
    base = model.body("base").id
    turn = data.xmat[base].reshape(3, 3)
    meshes = np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_MESH)
    found = []
    for n in meshes:
        at = turn.T @ (data.geom_xpos[n] - data.xpos[base])
        axes = turn.T @ data.geom_xmat[n].reshape(3, 3)
        found.append(np.concatenate([at, axes.ravel()]))
    return np.array(found)


def test_meshes_stand_where_the_other_model_has_them(tmp_path):
    path = looks.find(str(menagerie(tmp_path)))
    other = mujoco.MjModel.from_xml_path(str(path))
    model = terrain.build("flat", path)
    found, wanted = places(model), places(other)
    assert found.shape == wanted.shape == (13, 12)
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_only_meshes_are_drawn(tmp_path):
    model = terrain.build("flat", looks.find(str(menagerie(tmp_path))))
    is_mesh = model.geom_type == mujoco.mjtGeom.mjGEOM_MESH
    of_robot = model.geom_bodyid > 0
    assert (model.geom_rgba[of_robot & ~is_mesh, 3] == 0).all()
    assert (model.geom_matid[of_robot & ~is_mesh] == -1).all()
    green = model.geom_matid[is_mesh] == model.material("green").id
    assert green.sum() == 4


def test_meshes_change_no_physics(tmp_path, monkeypatch):
    def played(render_mode):
        env = gym.make("baselines_her/AnymalCStep-v0", render_mode=render_mode)
        obs = [env.reset(seed=1)[0]]
        rng = np.random.default_rng(0)
        obs += [env.step(rng.uniform(-1, 1, 12))[0] for _ in range(20)]
        return env.unwrapped.model.nmesh, np.array(obs)

    monkeypatch.setenv("MENAGERIE_ROOT", str(menagerie(tmp_path)))
    (none, plain), (some, dressed) = played(None), played("rgb_array")
    assert (none, some) == (0, 1)
    np.testing.assert_array_equal(plain, dressed)


def test_a_wrong_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path))
    with pytest.raises(ValueError, match="MENAGERIE_ROOT must be a copy of mujoco_men"):
        gym.make("baselines_her/AnymalC-v0", render_mode="rgb_array")
    menagerie(tmp_path, missing="RH_SHANK")
    with pytest.raises(ValueError, match="must have the link RH_SHANK, found none"):
        gym.make("baselines_her/AnymalC-v0", render_mode="rgb_array")
