"""What a launcher tells the processes that it starts; read without any MPI."""

import os

LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE"),  # MPICH, Intel MPI, Slurm
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # Open MPI
)


def launched_size() -> int:
    """How many workers the launcher of this process started; 1 without a launcher."""
    return max(int(os.environ.get(size, 1)) for _, size in LAUNCHERS)


def launched_rank() -> int:
    """This process's number among them."""
    return max(int(os.environ.get(rank, 0)) for rank, _ in LAUNCHERS)
