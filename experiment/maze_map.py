"""Draws paths and subgoals of a policy with several levels on the map of a maze.

    python experiment/maze_map.py logs/hac/PointMaze_UMaze-v3_0/policy_best.pkl \\
        --out=maze.png

Each panel is one episode, in the cells that training had: the path (line), the goal
(star), and the subgoals that level 0 was given (dots, numbered in the order of their
choice).
"""

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium as gym
import gymnasium_robotics
import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from baselines_her.cli.command import Parser, run_command
from baselines_her.envs.options import with_options
from baselines_her.runs.policy_file import load_policy

gym.register_envs(gymnasium_robotics)


class Course(NamedTuple):
    """One episode on the map; places are in metres."""

    path: np.ndarray  # [T+1, 2]
    subgoals: np.ndarray  # [N, 2] for level 0, one for each decision
    goal: np.ndarray  # [2]


def play(env: gym.Env, policy: Any, seed: int) -> Course:
    """Plays a greedy episode.

    Raises:
      ValueError: the policy has one level.
    """
    act = policy.start(np.random.default_rng(seed))
    if not hasattr(act, "subgoals") or len(act.subgoals) == 0:
        raise ValueError("the policy must have several levels, found one.")
    obs, _ = env.reset(seed=seed)
    path, subgoals, done = [obs["achieved_goal"]], [], False
    while not done:
        parts = (obs["observation"], obs["achieved_goal"], obs["desired_goal"])
        action = act(*(np.asarray(part, np.float32) for part in parts))
        subgoals.append(act.subgoals[0].copy())
        obs, _, terminated, truncated, _ = env.step(action)
        path.append(obs["achieved_goal"])
        done = terminated or truncated
    changed = [True, *(a.any() for a in np.diff(subgoals, axis=0) != 0)]
    chosen = np.array(subgoals)[changed]
    return Course(np.array(path), chosen, obs["desired_goal"])


def draw(ax: Any, maze: Any, course: Course) -> None:
    """Draws the walls and one episode."""
    size = maze.maze_size_scaling
    for row, cells in enumerate(maze.maze_map):
        for column, cell in enumerate(cells):
            if cell == 1:
                x, y = maze.cell_rowcol_to_xy(np.array([row, column]))
                corner = x - size / 2, y - size / 2
                ax.add_patch(Rectangle(corner, size, size, color="0.8", lw=0))
    ax.plot(*course.path.T, lw=1.5)
    ax.plot(*course.path[0], "o", ms=5, color="tab:blue")
    ax.plot(*course.goal, "*", ms=13, color="tab:red")
    for n, subgoal in enumerate(course.subgoals, 1):
        ax.plot(*subgoal, "o", ms=10, color="tab:green", alpha=0.35, mew=0)
        ax.annotate(str(n), subgoal, ha="center", va="center", fontsize=6)
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.autoscale_view()


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("policy", type=Path)
    parser.add_argument("--out", type=Path, default=Path("maze.png"))
    parser.add_argument("--episodes", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0, help="of the first episode")
    return run_command(_draw_all, **vars(parser.parse_args(arguments)))


def _draw_all(policy: Path, out: Path, episodes: int, seed: int) -> None:
    actor = load_policy(policy)
    options = actor.header["config"].get("reset_options")
    env = with_options(gym.make(actor.header["spec"]["env_id"]), options)
    columns = min(episodes, 3)
    rows = -(-episodes // columns)
    figure = Figure(figsize=(3 * columns, 3 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    maze: Any = env.unwrapped
    for n in range(episodes):
        draw(axes[n], maze.maze, play(env, actor, seed + n))
    figure.savefig(out, dpi=110)
    print(f"wrote {out}")


if __name__ == "__main__":
    sys.exit(main())
