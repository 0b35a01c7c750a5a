"""Packaging: ranges here, the tested set in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

EXTRAS = {
    "video": ["imageio>=2.31", "imageio-ffmpeg>=0.4.9"],
    "plot": ["matplotlib>=3.7"],
    "tensorboard": ["tensorboard>=2.16"],
    "mpi": ["mpich>=4.2"],
    "demos": ["minari>=0.5"],
    "test": [
        "pytest>=8",
        "pytest-xdist>=3.6",
        "hypothesis>=6.100",
        "ruff>=0.6",
        "mypy>=1.11",
    ],
}
EXTRAS["all"] = sorted({line for extra in EXTRAS.values() for line in extra})

setup(
    name="baselines-her",
    version="0.1.0",
    description="Hindsight experience replay in TensorFlow 2: goal-reaching robot "
    "skills from sparse rewards",
    long_description=Path("README.md").read_text(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["baselines_her", "baselines_her.*"]),
    package_data={"baselines_her": ["py.typed"]},
    install_requires=[
        "tensorflow>=2.16,<2.22",
        "gymnasium>=1.0,<2",
        "gymnasium-robotics>=1.3,<2",
        "mujoco>=3.3,<3.12",
        "numpy>=1.26",
        "mpi4py>=4.0",
        "cloudpickle>=3.0",
        "rich>=13",
        "threadpoolctl>=3",
    ],
    extras_require=EXTRAS,
)
