"""Policy files: `.pkl` with builtins only, which cannot contain code.

`pickle.load` gives {"format", "version", "header": <json>, "arrays": <npz bytes>,
"sha256"}.  We read them with `safe_pickle` instead, and check the digest, the header,
and every array against the header's dimensions.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..algorithms import DEFAULT, entry
from ..config import Config, from_saved, to_flags
from ..settings.fields import nearest
from ..types import fields_of
from .arrays import DAMAGE, pack, read_file, reason_of, sha256_of, unpack
from .files import write_atomically
from .safe_pickle import MAX_BYTES, dump_flat, load_flat

POLICIES = Path(__file__).parents[1] / "policies"  # trained, part of the package
FORMAT = "baselines_her policy"
VERSIONS = 1, 2  # 2: of several levels (alg=hac)
LONGEST_ID = 200  # characters


class PolicyFile(NamedTuple):
    """A policy file that has been read and checked."""

    header: dict[str, Any]
    arrays: dict[str, np.ndarray]
    spec: Any  # of the algorithm in the header
    config: Config


def write_policy(
    path: str | Path,
    spec: Any,
    config: Config,
    arrays: dict[str, np.ndarray],
    facts: dict[str, Any],
) -> None:
    """Writes a policy file.

    Args:
      path: the file's path; an existing file is replaced atomically.
      spec: the environment's dimensions, a NamedTuple.
      config: the resolved settings of the run.
      arrays: the result of `Algorithm.arrays()`.
      facts: versions, steps, success: anything that JSON can hold.

    Raises:
      ValueError: an array holds a number that is not finite.
      OSError: the file cannot be written.
    """
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(
                f"a policy must hold finite numbers, but {name} does not: {path} is "
                "not written.  Lower the learning rates."
            )
    content = {
        "alg": config.run.alg,
        "spec": fields_of(spec),
        "config": to_flags(config),
        **facts,
    }
    header = json.dumps(content, allow_nan=False)
    packed = pack(arrays)
    fields: dict[str, str | bytes | int] = {
        "format": FORMAT,
        "version": entry(config.run.alg).file_version,
        "header": header,
        "arrays": packed,
        "sha256": _digest(header, packed),
    }
    write_atomically(path, dump_flat(fields))


def read_policy(path: str | Path) -> PolicyFile:
    """Reads a policy file; executes and imports nothing that the file names.

    Args:
      path: a `.pkl`, or the name of a policy of this package, as `FetchPush`.

    Raises:
      ValueError: the file is not a complete, undamaged policy file; the message names
        the file and the reason.
      OSError: the file cannot be read at all.
    """
    path = policy_path(path)
    try:
        return _parse(read_file(path, MAX_BYTES))
    except DAMAGE as error:
        raise ValueError(f"{path} is not a policy file: {reason_of(error)}") from None


def policy_path(name: str | Path) -> Path:
    """The path of a policy file, which may be the name of a policy in this package.

    Raises:
      ValueError: it is a single word, but neither a file nor such a name.
    """
    path = Path(name).expanduser()
    if path.is_file() or path.suffix or len(path.parts) > 1:
        return path
    known = sorted(file.stem for file in POLICIES.glob("*.pkl"))
    if path.name not in known:
        raise ValueError(
            f"policy must be a file (.pkl) or one of {', '.join(known)}, found "
            f"'{name}'{nearest(path.name, known)}"
        )
    return POLICIES / f"{path.name}.pkl"


def read_start(path: str | Path, alg: str) -> PolicyFile:
    """Reads the policy that a training starts from; see `read_policy` for its errors.

    Raises:
      ValueError: it was trained by an algorithm other than `alg`.
    """
    file = read_policy(path)
    if file.config.run.alg != alg:
        raise ValueError(
            f"load_path must hold a policy of alg={alg}, found one of "
            f"{file.config.run.alg}."
        )
    return file


def load_policy(path: str | Path, **options: bool) -> Any:
    """The greedy policy in a file, ready to act; see `read_policy` for its errors.

    Args:
      path: a `.pkl` written by a run, or the name of a policy of this package.
      **options: for her `use_target`: act with the target network (default: what the
        run evaluated, `test_with_polyak`); for ppo `stochastic`: draw actions.
    """
    header, arrays, spec, config = read_policy(path)
    known = entry(config.run.alg).options
    for name in options:
        if name not in known:
            raise ValueError(
                f"a policy of alg={config.run.alg} has no option {name}: it has "
                f"{' and '.join(known)}."
            )
    return entry(config.run.alg).policy(arrays, spec, config, header, **options)


def _parse(data: bytes) -> PolicyFile:
    content = load_flat(data)
    if content["format"] != FORMAT:
        raise ValueError(f"its format is {content['format']!r}")
    if content["version"] not in VERSIONS:
        raise ValueError(
            f"its version is {content['version']}, this package reads "
            f"{' and '.join(map(str, VERSIONS))}"
        )
    if content["sha256"] != _digest(content["header"], content["arrays"]):
        raise ValueError("its digest does not match: the file is damaged")
    header = json.loads(content["header"])
    if not isinstance(header.get("versions", {}), dict):
        raise ValueError("its versions must be names and numbers")
    alg = header.get("alg", DEFAULT)  # files of 0.1.0 do not name it
    algorithm, config = entry(alg), from_saved({**header["config"], "alg": alg})
    if content["version"] != algorithm.file_version:
        raise ValueError(
            f"its version is {content['version']}, but those of alg={config.run.alg} "
            f"have {algorithm.file_version}"
        )
    spec = algorithm.read_spec(header["spec"])
    if not spec.env_id.isprintable() or len(spec.env_id) > LONGEST_ID:
        raise ValueError("its environment id is not a printable name")
    arrays = unpack(content["arrays"], algorithm.shapes(spec, config))
    for name, array in arrays.items():
        if name.endswith("/n_rows") and not (array == 0 or array >= 1):
            raise ValueError(f"{name} must be 0 or at least 1")
    return PolicyFile(header, arrays, spec, config)


def _digest(header: str, arrays: bytes) -> str:
    return sha256_of([header.encode(), b"\0", arrays])
