"""A page that says what a policy file expects and gives, for whoever deploys it."""

from pathlib import Path
from typing import Any

from ..acting.chain import Chain
from ..runs.files import write_atomically
from ..runs.foreign import printable
from ..runs.intervals import wilson
from ..runs.policy_file import PolicyFile

FETCH = (
    ("0-2", "gripper's position, world frame", "m"),
    ("3-5", "object's position, world frame", "m"),
    ("6-8", "object's position minus the gripper's", "m"),
    ("9-10", "positions of the two fingers", "m"),
    ("11-13", "object's rotation, Euler angles", "rad"),
    ("14-16", "object's velocity minus the gripper's, per step of the simulation", "m"),
    ("17-19", "object's angular velocity, per step of the simulation", "rad"),
    ("20-22", "gripper's velocity, per step of the simulation", "m"),
    ("23-24", "fingers' velocities, per step of the simulation", "m"),
)
FETCH_REACH = (FETCH[0], ("3-4", *FETCH[3][1:]), ("5-7", *FETCH[7][1:]),
               ("8-9", *FETCH[8][1:]))  # fmt: skip
FETCH_ACTION = (
    "Entries 0 to 2 move the gripper by up to 5 cm along x, y and z (1 is 5 cm); entry "
    "3 opens the fingers (above 0) or closes them (below 0).  The gripper points down."
)


def write_card(file: PolicyFile, chain: Chain, path: Path) -> list[Path]:
    """Writes the page as Markdown; returns its path."""
    parts = [_head(file), _inputs(file, chain), _output(file), _success(file)]
    text = "\n\n".join([*parts, _origin(file)]) + "\n"
    write_atomically(path, text.encode())
    return [path]


def _head(file: PolicyFile) -> str:
    name = printable(file.spec.env_id)
    return (
        f"# Policy for {name}\n\nTrained with baselines_her by {file.config.run.alg}."
    )


def _inputs(file: PolicyFile, chain: Chain) -> str:
    rows = [f"| {name} | {size} |" for name, size in chain.inputs.items()]
    if chain.is_relative:
        rows.append(f"| achieved_goal | {chain.inputs['desired_goal']} |")
    lines = ["## Inputs", "", "| input | numbers (float32) |", "|---|---|", *rows]
    layout = _layout(file.spec.env_id)
    if layout:
        lines += ["", "| entries of observation | meaning | unit |", "|---|---|---|"]
        lines += [f"| {where} | {what} | {unit} |" for where, what, unit in layout]
        lines += ["", "Goals are positions in metres in the world frame."]
    else:
        lines += ["", "The entries are those of the environment's observation."]
    return "\n".join(lines)


def _output(file: PolicyFile) -> str:
    spec: Any = file.spec
    limits = getattr(spec, "max_action", None)
    if limits is not None:
        shown = ", ".join(f"+-{m:g}" for m in limits)
    elif spec.low is None:
        shown = "without limits"
    else:
        shown = ", ".join(f"{a:g} to {b:g}" for a, b in zip(spec.low, spec.high))
    lines = ["## Output", "", f"An action of {spec.action_dim} numbers: {shown}."]
    if _is_fetch(spec.env_id):
        lines += ["", FETCH_ACTION, "", "One action every 0.04 s (25 Hz)."]
    return "\n".join(lines)


def _success(file: PolicyFile) -> str:
    lines, n = ["## What it achieves", ""], file.config.loop.n_test_rollouts
    rate, score = file.header.get("success_rate"), file.header.get("return")
    if isinstance(rate, int | float) and 0 <= rate <= 1:
        low, high = wilson(round(rate * n), n)
        lines.append(
            f"Success at the last step: {rate:.2f} (95 % interval {low:.2f} to "
            f"{high:.2f}, {n} episodes in simulation)."
        )
    elif isinstance(score, int | float):
        lines.append(f"Mean return: {score:,.1f} ({n} episodes in simulation).")
    else:
        lines.append("Not recorded.")
    return "\n".join(lines)


def _origin(file: PolicyFile) -> str:
    versions = file.header.get("versions", {})
    shown = ", ".join(f"{printable(k)} {printable(v)}" for k, v in versions.items())
    run = file.config.run
    return (
        f"## Origin\n\nPreset {printable(run.preset)}, seed {run.seed}; {shown}.  "
        "Physics differs between versions of mujoco, and between simulation and robot."
    )


def _is_fetch(env_id: str) -> bool:
    return env_id.rpartition(":")[2].startswith("Fetch")


def _layout(env_id: str) -> tuple[tuple[str, str, str], ...]:
    if not _is_fetch(env_id):
        return ()
    return FETCH_REACH if "FetchReach" in env_id else FETCH
