"""Commands for the user to copy: play a run's policy, continue the run."""

import shlex
from pathlib import Path

COMMAND = "python -m baselines_her.run"


def play_hint(policy: Path, env: str | None, has_maker: bool) -> str:
    """The command that plays a policy; with `make_env`, the call in Python.

    Args:
      policy: the policy file.
      env: the environment, if the command must name it again.
      has_maker: whether the user's own function builds the environment.
    """
    if has_maker:
        path = f"baselines_her.load_policy({str(policy)!r})"
        return f"Evaluate it: baselines_her.evaluate({path}, env=make_env)"
    return f"Play it: {COMMAND} --play --load_path={_quoted(policy)}{_env_flag(env)}"


def resume_hint(run: Path, env: str | None, has_maker: bool, n_workers: int) -> str:
    """The command that continues a run; with `make_env`, the call in Python.

    Args:
      run: the run's folder.
      env: the environment, if the command must name it again.
      has_maker: whether the user's own function builds the environment.
      n_workers: the number of workers.
    """
    several = n_workers > 1
    if has_maker:
        under = f" under mpiexec, with {n_workers} workers as before" * several
        call = f"baselines_her.train(make_env=make_env, resume={str(run)!r})"
        return f"Continue with: {call}{under}"
    workers = f" --num_cpu={n_workers} (or under mpiexec, as before)" * several
    return f"Continue with: {COMMAND} --resume={_quoted(run)}{_env_flag(env)}{workers}"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _env_flag(env: str | None) -> str:
    return "" if env is None else f" --env={shlex.quote(env)}"
