"""The arrays of a policy file as safetensors, with its header as metadata."""

import json
from pathlib import Path

import numpy as np

from ..runs.files import write_atomically
from ..runs.policy_file import PolicyFile


def write_safetensors(file: PolicyFile, path: Path) -> list[Path]:
    """Writes every array of the policy file, networks for training included.

    Raises:
      RuntimeError: the package `safetensors` is missing.
    """
    try:
        from safetensors.numpy import save
    except ImportError:
        raise RuntimeError(
            "the export to safetensors needs the package safetensors.  Install it: pip "
            "install 'baselines-her[export]'."
        ) from None
    arrays = {name: np.array(a, order="C") for name, a in file.arrays.items()}
    metadata = {k: v if isinstance(v, str) else json.dumps(v) for k, v in
                file.header.items()}  # fmt: skip
    write_atomically(path, save(arrays, metadata))
    return [path]
