"""`python -m baselines_her.exports policy.pkl --to=numpy`: files that act elsewhere."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..cli.command import Parser, run_command
from ..runs.foreign import printable
from ..runs.policy_file import POLICIES, load_policy, policy_path, read_policy
from .card import write_card
from .numpy_file import write_numpy
from .onnx_file import write_onnx
from .safetensors_file import write_safetensors

ENDINGS = {
    "numpy": ".py",
    "onnx": ".onnx",
    "safetensors": ".safetensors",
    "card": ".md",
}


def export(
    policy: str | Path,
    to: str = "numpy",
    out: str | Path | None = None,
    force: bool = False,
) -> list[Path]:
    """Writes a policy in another form; returns the paths of what was written.

    Args:
      policy: the policy's `.pkl`, or the name of a policy in this package.
      to: `numpy` (a .py that needs only NumPy, and an .npz), `onnx`, `safetensors`, or
        `card` (a page that describes inputs, output and origin).
      out: the file to write; default: beside the policy, with another ending (for
        a policy of this package: in the current folder).
      force: replace files that exist.

    Raises:
      ValueError: the policy file is damaged, `to` is unknown, or a file exists.
      RuntimeError: a package is missing.
    """
    if to not in ENDINGS:
        raise ValueError(f"to must be one of {', '.join(ENDINGS)}, found {to!r}.")
    policy = policy_path(policy)
    is_ours = (
        policy.resolve().parent == POLICIES.resolve()
    )  # nothing is written into the package
    beside = Path(policy.name) if is_ours else policy
    path = Path(out).expanduser() if out else beside.with_suffix(ENDINGS[to])
    if path.suffix != ENDINGS[to]:
        raise ValueError(f"out must end with {ENDINGS[to]}, found {path}.")
    endings = [path.suffix, *([".npz"] if to == "numpy" else [])]
    there = [p for p in map(path.with_suffix, endings) if p.exists()]
    if there and not force:
        raise ValueError(
            f"an export must not replace a file, but {there[0]} exists.  Choose "
            "another name with --out, or add --force."
        )
    file, chain = read_policy(policy), load_policy(policy).chain()
    title = f"A policy for {printable(file.spec.env_id)}, made by baselines_her"
    if to == "numpy":
        return write_numpy(chain, path, title)
    if to == "onnx":
        return write_onnx(chain, path, title)
    if to == "safetensors":
        return write_safetensors(file, path)
    return write_card(file, chain, path)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(
        prog="export", description="Write a policy in another form.", allow_abbrev=False
    )
    parser.add_argument("policy", help="policy file (.pkl), or a name: FetchPush")
    parser.add_argument(
        "--to", choices=ENDINGS, default="numpy", help="form (default: numpy)"
    )
    parser.add_argument("--out", metavar="FILE", help="default: beside the policy")
    parser.add_argument("--force", action="store_true", help="replace files that exist")
    return run_command(_export, **vars(parser.parse_args(arguments)))


def _export(say: Callable[[str], None] = print, **options: Any) -> None:
    for path in export(**options):
        say(f"wrote {path}")


if __name__ == "__main__":
    sys.exit(main())
