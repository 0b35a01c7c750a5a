"""Runs a named list of trainings, one after the other.

    python experiment/benchmark.py demos              # run or continue it
    python experiment/benchmark.py demos --show       # list it, with what is done
    python experiment/benchmark.py demos --only pick_demos_seed1

Every run has a folder logs/benchmark/<list>/<run>_seed<n>.  After training, its final
policy plays 100 episodes, whose outcome is in `evaluation.json`.  That file,
`progress.csv` and `config.json` are kept under results.  A run found there is never
repeated; to repeat the results, give another folder: `--results mine`.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from baselines_her.cli.command import Parser, run_command
from baselines_her.play import rollouts
from baselines_her.rollout import evaluation_of, mean_metrics
from baselines_her.runs.files import write_atomically
from baselines_her.runs.policy_file import load_policy
from baselines_her.settings.fields import nearest
from baselines_her.types import Episodes, FlatEpisodes

LISTS_FILE = Path(__file__).with_name("benchmarks.json")
EVALUATION, EPISODES = "evaluation.json", 100
KEPT = "config.json", "progress.csv", EVALUATION  # the last one marks a finished run
IN_THE_AIR = 0.03  # metres: a goal this far above the lowest one is in the air


def runs_of(name: str, lists: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """(folder name, flags) of every run in a list, first seeds first."""
    runs: dict[str, dict[str, Any]] = lists[name]
    seeds = max(len(run["seeds"]) for run in runs.values())
    return [
        (f"{label}_seed{seed}", [*run["flags"].split(), f"--seed={seed}"])
        for n in range(seeds)
        for label, run in runs.items()
        for seed in run["seeds"][n : n + 1]
    ]


def keep(folder: Path, results: Path) -> None:
    """Copies the files by which a finished run is judged."""
    results.mkdir(parents=True, exist_ok=True)
    for name in KEPT:
        shutil.copyfile(folder / name, results / name)


def train(folder: Path, flags: list[str]) -> None:
    """Trains, or continues training; raises an error if that fails."""
    if (folder / "FINISHED").exists():
        return
    command = [sys.executable, "-m", "baselines_her.run", *flags]
    process = subprocess.Popen([*command, f"--log_path={folder}"])
    try:
        code = process.wait()
    except KeyboardInterrupt:  # the training got the same Ctrl-C and saves first
        process.wait()
        raise
    if code:
        raise RuntimeError(f"the training in {folder} ended with code {code}.")


def evaluate(
    folder: Path,
    variations: dict[str, dict[str, Any]] | None = None,
    env: str | None = None,
) -> dict[str, Any]:
    """Scores of the final policy and of the best one, and every episode of both.

    Args:
      folder: of the run.
      variations: name -> keywords of the environment; the final policy also plays
        `EPISODES` episodes in each of these environments.
      env: needed if a module registers it; policy files import no modules.
    """
    found: dict[str, Any] = {"episodes": EPISODES}
    for name in "latest", "best":
        policy = load_policy(folder / f"policy_{name}.pkl")
        usual = policy.header["config"].get("env_kwargs")
        episodes = rollouts(policy, env, episodes=EPISODES, env_kwargs=usual)
        kind = by_return if isinstance(episodes, FlatEpisodes) else by_success
        found |= {f"{name}{k}": v for k, v in kind(episodes).items()}
        found[f"{name}_each"] = each(episodes)
    latest = load_policy(folder / "policy_latest.pkl")
    for name, keywords in (variations or {}).items():
        text = json.dumps(keywords)
        episodes = rollouts(latest, env, episodes=EPISODES, env_kwargs=text)
        kind = by_return if isinstance(episodes, FlatEpisodes) else by_success
        found |= {f"{name}{k}": v for k, v in kind(episodes).items()}
    return found


def each(episodes: Episodes | FlatEpisodes) -> dict[str, list[Any]]:
    """One entry per episode: its goal and success, or its return and length."""
    outcome = evaluation_of(episodes)
    if isinstance(episodes, FlatEpisodes):
        return {"return": outcome.returns.tolist(), "length": outcome.lengths.tolist()}
    return {
        "goal": np.round(episodes.goal.astype(float), 4).tolist(),
        "success": episodes.success[:, -1].astype(int).tolist(),
        "success_any": episodes.success.any(axis=1).astype(int).tolist(),
    }


def text_of(found: dict[str, Any]) -> str:
    """JSON with a line for each entry."""
    lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in found.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def by_success(episodes: Episodes) -> dict[str, float]:
    """Success at the last step ("") and at any step, also by the goal's height."""
    at_end, at_any = evaluation_of(episodes)
    heights = {f"_{k}": v for k, v in by_height(episodes).items()}
    return {"": at_end, "_any": at_any, **heights}


def by_return(episodes: FlatEpisodes) -> dict[str, float]:
    """Mean ("") and other statistics of the returns, and the mean length."""
    returns = episodes.returns
    return {
        "": float(returns.mean()),
        "_median": float(np.median(returns)),
        "_min": float(returns.min()),
        "_max": float(returns.max()),
        "_length": float(episodes.lengths.mean()),
        **{f"_{name}": mean for name, mean in mean_metrics(episodes).items()},
    }


def by_height(episodes: Episodes) -> dict[str, float]:
    """Success where the goal is in the air and on the table, if there are both."""
    if episodes.goal.shape[1] != 3:  # not a position, so it has no height
        return {}
    height = episodes.goal[:, 2] - episodes.goal[:, 2].min()
    is_high = height > IN_THE_AIR
    if not is_high.any():  # the lowest goal itself never counts as high
        return {}
    success = episodes.success[:, -1]
    return {
        "air": float(np.mean(success[is_high])),
        "table": float(np.mean(success[~is_high])),
    }


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    lists = json.loads(LISTS_FILE.read_text())
    parser = Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help=", ".join(lists))
    parser.add_argument("--out", type=Path, default=Path("logs/benchmark"))
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--only", nargs="+", help="run only these runs of the list")
    parser.add_argument("--show", action="store_true", help="run nothing")
    return run_command(_run_list, lists, parser.parse_args(arguments))


def chosen(
    runs: list[tuple[str, list[str]]], only: list[str] | None
) -> list[tuple[str, list[str]]]:
    """The runs that `only` names, or all runs; raises an error for an unknown name."""
    known = [label for label, _ in runs]
    for label in only or []:
        if label not in known:
            raise ValueError(f"there is no run {label}{nearest(label, known)}")
    return [run for run in runs if not only or run[0] in only]


def _run_list(lists: dict[str, Any], options: argparse.Namespace) -> None:
    if options.name not in lists:
        hint = nearest(options.name, lists)
        raise ValueError(f"there is no list {options.name}{hint}")
    for label, flags in chosen(runs_of(options.name, lists), options.only):
        folder = options.out / options.name / label
        results = options.results / options.name / label
        done = (results / EVALUATION).exists()
        print(f"{'done' if done else 'to do':6} {label}: {' '.join(flags)}", flush=True)
        if done or options.show:
            continue
        train(folder, flags)
        run = lists[options.name][label.rpartition("_seed")[0]]
        env = next(flag[6:] for flag in flags if flag.startswith("--env="))
        found = evaluate(folder, run.get("evaluate"), env if ":" in env else None)
        write_atomically(folder / EVALUATION, text_of(found).encode())
        keep(folder, results)
        scores = {k: v for k, v in found.items() if not isinstance(v, dict)}
        print(f"       {scores}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
