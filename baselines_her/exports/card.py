"""A page that says what a policy file expects and gives, for whoever deploys it."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from ..acting.chain import Chain
from ..runs.files import write_atomically
from ..runs.foreign import printable
from ..runs.policy_file import PolicyFile

PACKAGES = "baselines-her", "numpy", "mujoco", "gymnasium", "gymnasium-robotics"
LONGEST_VERSION = 30  # characters

Rows = tuple[tuple[str, str, str], ...]
FETCH: Rows = (
    ("0-2", "gripper's position, world frame", "m"),
    ("3-5", "object's position, world frame", "m"),
    ("6-8", "object's position minus the gripper's", "m"),
    ("9-10", "positions of the two fingers", "m"),
    ("11-13", "object's rotation, Euler angles", "rad"),
    ("14-16", "object's velocity minus the gripper's, times 0.04 s", "m"),
    ("17-19", "object's angular velocity, times 0.04 s", "rad"),
    ("20-22", "gripper's velocity, times 0.04 s", "m"),
    ("23-24", "fingers' velocities, times 0.04 s", "m"),
)
FETCH_REACH: Rows = (
    FETCH[0],
    ("3-4", *FETCH[3][1:]),
    ("5-7", *FETCH[7][1:]),
    ("8-9", *FETCH[8][1:]),
)
MOVES = "Entries 0 to 2 move the gripper by up to 5 cm along x, y and z (1 is 5 cm).  "
OPENS = MOVES + "Entry 3 opens the fingers (above 0) or closes them (below 0).  "
CLOSED = MOVES + "Entry 3 has no effect: the fingers stay closed.  "
RATE = "The gripper points down.  One action every 0.04 s (25 Hz)."


class Task(NamedTuple):
    """What is known about the numbers of an environment."""

    obs_dim: int
    layout: Rows
    action: str


FETCH_TASKS = {
    "Reach": Task(10, FETCH_REACH, CLOSED + RATE),
    "Push": Task(25, FETCH, CLOSED + RATE),
    "Slide": Task(25, FETCH, CLOSED + RATE),
    "PickAndPlace": Task(25, FETCH, OPENS + RATE),
}
FETCH_ID = re.compile(r"Fetch(Reach|Push|Slide|PickAndPlace)(Dense)?-v\d+")


def write_card(file: PolicyFile, chain: Chain, path: Path) -> list[Path]:
    """Writes the page as Markdown; returns its path."""
    task = _task(file)
    parts = [_head(file), _inputs(file, chain, task), _output(file, task)]
    text = "\n\n".join([*parts, _success(file), _origin(file)]) + "\n"
    write_atomically(path, text.encode())
    return [path]


def _task(file: PolicyFile) -> Task | None:
    """The task, if the file's sizes are its own; an id alone may be anybody's."""
    match = FETCH_ID.fullmatch(file.spec.env_id)
    if not match or file.config.run.alg != "her":
        return None
    task = FETCH_TASKS[match[1]]
    sizes = file.spec.obs_dim, file.spec.goal_dim, file.spec.action_dim
    return task if sizes == (task.obs_dim, 3, 4) else None


def _head(file: PolicyFile) -> str:
    alg = file.config.run.alg
    return (
        f"# Policy for {code(file.spec.env_id)}\n\nTrained with baselines_her by {alg}."
    )


def _inputs(file: PolicyFile, chain: Chain, task: Task | None) -> str:
    rows = [f"| {name} | {size} |" for name, size in chain.inputs.items()]
    if chain.is_relative:
        rows.append(f"| achieved_goal | {chain.inputs['desired_goal']} |")
    lines = ["## Inputs", "", "| input | numbers (float32) |", "|---|---|", *rows]
    if task:
        lines += ["", "| entries of observation | meaning | unit |", "|---|---|---|"]
        lines += [f"| {where} | {what} | {unit} |" for where, what, unit in task.layout]
        lines += ["", "Goals are positions in metres in the world frame."]
    else:
        lines += ["", "The entries are those of the environment's observation."]
        if file.config.run.alg == "ppo":
            lines += ["The parts of a Dict are joined in the order of their names."]
    return "\n".join(lines)


def _output(file: PolicyFile, task: Task | None) -> str:
    spec: Any = file.spec
    limits = getattr(spec, "max_action", None)
    if limits is not None:
        shown = ", ".join(f"+-{m:g}" for m in limits)
    elif spec.low is None:
        shown = "without limits"
    else:
        shown = ", ".join(f"{a:g} to {b:g}" for a, b in zip(spec.low, spec.high))
    lines = ["## Output", "", f"An action of {spec.action_dim} numbers: {shown}."]
    return "\n".join([*lines, *(["", task.action] if task else [])])


def _success(file: PolicyFile) -> str:
    lines, n = ["## What it achieves", ""], file.config.loop.n_test_rollouts
    rate, score = file.header.get("success_rate"), file.header.get("return")
    if isinstance(rate, int | float) and 0 <= rate <= 1:
        lines.append(f"Success at the last step: {rate:.2f} ({n} episodes).")
    elif isinstance(score, int | float):
        lines.append(f"Mean return: {score:,.1f} ({n} episodes).")
    else:
        return "\n".join([*lines, "Not recorded."])
    lines.append(
        "Measured in simulation during training.  The best policy of a training is "
        "chosen by this number, which is therefore optimistic; play 100 episodes for a "
        "rate with its interval."
    )
    return "\n".join(lines)


def _origin(file: PolicyFile) -> str:
    versions = file.header.get("versions", {})
    known = [(k, code(versions[k], LONGEST_VERSION)) for k in PACKAGES if k in versions]
    shown = ", ".join(f"{name} {version}" for name, version in known)
    run = file.config.run
    return (
        f"## Origin\n\nPreset {code(run.preset)}, seed {run.seed}; {shown}.  Physics "
        "differs between versions of mujoco, and between simulation and robot."
    )


def code(text: object, longest: int = 200) -> str:
    """The text as code in Markdown: links and HTML in it have no effect."""
    return f"`{printable(text, longest).replace('`', chr(39))}`"
