"""What a launcher tells the processes that it starts; read without any MPI."""

import os
from collections.abc import Mapping

RANKS = "PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK"
SIZES = "PMI_SIZE", "OMPI_COMM_WORLD_SIZE"  # MPICH, Intel MPI, Slurm; Open MPI
PREFIXES = "PMI", "OMPI_", "MPI_", "HYD", "SLURM_PMI"  # of their variables


def launched_rank() -> int:
    """This process's number among those that were launched together, or 0."""
    return max(int(os.environ.get(name, 0)) for name in RANKS)


def launched_size() -> int | None:
    """How many they are; 1 without a launcher, None if it does not tell."""
    told = [int(os.environ[name]) for name in SIZES if name in os.environ]
    if not told and "PMIX_RANK" in os.environ:
        return None
    return max(told, default=1)


def without_launcher(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables for a child that is none of the launched."""
    return {k: v for k, v in environment.items() if not k.startswith(PREFIXES)}
