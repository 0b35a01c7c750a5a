"""Meshes for films: those of mujoco_menagerie, if the user has a copy of it.

They change nothing but pictures: they touch nothing and weigh nothing.
"""

from pathlib import Path

import mujoco
import numpy as np

FILE = Path("anybotics_anymal_c") / "anymal_c.xml"
SHOWN = 2  # the group of geoms that are drawn and touch nothing
BASE = "base"
IDENTITY = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])

Pose = tuple[np.ndarray, np.ndarray]  # [3] metres and a quaternion [4]


def find(root: str) -> Path:
    """The model in a copy of mujoco_menagerie.

    Raises:
      ValueError: it is not there.
    """
    path = Path(root).expanduser().absolute() / FILE
    if not path.exists():
        raise ValueError(
            f"MENAGERIE_ROOT must be a copy of mujoco_menagerie, found no {FILE} in it."
        )
    return path


def dress(spec: mujoco.MjSpec, path: Path) -> None:
    """Replaces what is drawn of the robot by the meshes of another model of it.

    Links are matched by their names.  Their axes may differ, so each mesh is placed
    where it is relative to the base when all joint angles are 0.

    Args:
      spec: our robot.
      path: the other model's file.

    Raises:
      ValueError: the other model lacks one of our links.
    """
    other = mujoco.MjSpec.from_file(str(path))
    theirs = {body.name: body for body in other.bodies}
    ours = [body for body in spec.bodies if body.name not in ("world", "")]
    for body in ours:
        if body.name not in theirs:
            raise ValueError(f"{FILE} must have the link {body.name}, found none.")
    _add_assets(spec, other, path.parent)
    for body in ours:
        for geom in body.geoms:
            geom.material, geom.rgba = "", [0.0, 0.0, 0.0, 0.0]
        frame = _inverse(_place(body))
        for geom in theirs[body.name].geoms:
            if geom.group == SHOWN:
                at = _joined(_place(theirs[body.name]), (geom.pos, _unit(geom.quat)))
                _add(body, geom, _joined(frame, at))


def _add(body: mujoco.MjsBody, geom: mujoco.MjsGeom, pose: Pose) -> None:
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=geom.meshname,
        material=geom.material,
        pos=pose[0],
        quat=pose[1],
        group=SHOWN,
        contype=0,
        conaffinity=0,
        mass=0.0,
    )


def _add_assets(spec: mujoco.MjSpec, other: mujoco.MjSpec, folder: Path) -> None:
    """Copies meshes, textures and materials, with whole paths to their files."""
    meshes, textures = folder / other.meshdir, folder / other.texturedir
    for mesh in other.meshes:
        name = mesh.name or Path(mesh.file).stem
        spec.add_mesh(name=name, file=str(meshes / mesh.file), scale=mesh.scale)
    for texture in other.textures:
        if texture.file:
            path = str(textures / texture.file)
            spec.add_texture(name=texture.name, type=texture.type, file=path)
    for material in other.materials:
        added = spec.add_material(name=material.name, rgba=material.rgba)
        for n, texture in enumerate(material.textures):
            added.textures[n] = texture


def _place(body: mujoco.MjsBody) -> Pose:
    """Where a link is relative to the base when all joint angles are 0."""
    if body.name == BASE:
        return IDENTITY
    return _joined(_place(body.parent), (body.pos, _unit(body.quat)))


def _unit(quat: np.ndarray) -> np.ndarray:
    return np.array(quat) / np.linalg.norm(quat)


def _joined(one: Pose, other: Pose) -> Pose:
    """The pose `other`, given relative to `one`, in the frame in which `one` is."""
    pos, quat = np.zeros(3), np.zeros(4)
    mujoco.mju_mulPose(pos, quat, *map(np.array, one), *map(np.array, other))
    return pos, quat


def _inverse(pose: Pose) -> Pose:
    pos, quat = np.zeros(3), np.zeros(4)
    mujoco.mju_negPose(pos, quat, *map(np.array, pose))
    return pos, quat
