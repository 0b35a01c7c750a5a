"""Hindsight experience replay in TensorFlow 2: learn goal-reaching from sparse rewards.

    train         trains a policy: the flags of the command line as arguments
    Result        what `train` returns: run folder, best policy, rows
    load_policy   reads a policy file
    Callback      follows a training: subclass it, pass objects as `callbacks=[...]`
    Policy        a policy: call it with an observation to get an action
    evaluate      plays episodes of a policy and measures its success
    load_demos    reads a file of demonstrations
    plot          draws the curves of runs

For example:

    result = baselines_her.train("FetchReach", num_timesteps=5000)
    policy = baselines_her.load_policy(result.best_policy)
    print(baselines_her.evaluate(policy).success_last)

Names are loaded on first use, so importing the package, printing `--help` and playing a
policy do not load TensorFlow.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .acting.policy import Policy
    from .demos.file import load_demos
    from .play import evaluate
    from .runs.callbacks import Callback
    from .runs.plot import plot
    from .runs.policy_file import load_policy
    from .training import Result, train

if sys.version_info < (3, 10):  # noqa: UP036  pip checks, a path does not
    raise SystemExit(
        f"baselines_her needs Python 3.10 or newer, found {sys.version.split()[0]}."
    )

_HOMES = {
    "Callback": "runs.callbacks",
    "Policy": "acting.policy",
    "Result": "training",
    "evaluate": "play",
    "load_demos": "demos.file",
    "plot": "runs.plot",
    "load_policy": "runs.policy_file",
    "train": "training",
}

__all__ = [
    "Callback",
    "Policy",
    "Result",
    "evaluate",
    "load_demos",
    "load_policy",
    "plot",
    "train",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'baselines_her' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
