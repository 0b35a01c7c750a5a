"""The versions of packages, and combinations of them that cannot work."""

import os
import platform
from importlib import metadata

PACKAGES = (
    "baselines-her",
    "tensorflow",
    "numpy",
    "mujoco",
    "gymnasium",
    "gymnasium-robotics",
)


def package_versions() -> dict[str, str]:
    """Name -> version of Python and of every package that changes results."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        found = version(name) or (
            version("tensorflow-cpu") if name == "tensorflow" else ""
        )
        versions[name] = found or "not installed"
    return versions


def version(package: str) -> str | None:
    """The installed version, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def numbers(text: str) -> tuple[int, int]:
    """Major and minor: "3.11.0" -> (3, 11)."""
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def mujoco_problem() -> str | None:
    """One sentence with the cure if the installed mujoco breaks Fetch and Hand."""
    found = version("mujoco")
    if found is None:
        return "mujoco is not installed.  Run: pip install 'mujoco>=3.3,<3.12'"
    if version("mujoco-core") and numbers(found) < (4, 0):
        return (
            f"mujoco {found} is installed over parts of mujoco 4, which breaks both.  "
            "Run: pip uninstall -y mujoco mujoco-core mujoco-studio && "
            "pip install 'mujoco>=3.3,<3.12'"
        )
    if not (3, 3) <= numbers(found) < (3, 12):
        return (
            f"gymnasium-robotics needs mujoco >= 3.3 and < 3.12, found {found}.  Run: "
            "pip uninstall -y mujoco mujoco-core mujoco-studio && "
            "pip install 'mujoco>=3.3,<3.12'"
        )
    return None


def physics_generation(mujoco_version: str) -> str | None:
    """The generation of the physics: simulations agree within one; 3.7 changed it."""
    try:
        return "mujoco >= 3.7" if numbers(mujoco_version) >= (3, 7) else "mujoco < 3.7"
    except (ValueError, AttributeError):
        return None


def total_memory() -> int | None:
    """This machine's memory in bytes, or None if unknown."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
