"""Maps of mazes: one dot for each subgoal that was chosen."""

import gymnasium as gym
import gymnasium_robotics
import numpy as np
import pytest

from experiment.maze_map import draw, play

gym.register_envs(gymnasium_robotics)


class Walker:
    """A policy whose subgoal changes every 100 steps."""

    def __init__(self, levels):
        self.subgoals = np.zeros((levels - 1, 2), np.float32)
        self.steps = 0

    def start(self, rng):
        return self

    def __call__(self, observation, achieved, goal):
        self.subgoals[:1] = 0.1 * (self.steps // 100)
        self.steps += 1
        return np.array([1.0, 0.0], np.float32)


def test_a_course_has_every_place_and_each_subgoal_once():
    env = gym.make("PointMaze_UMaze-v3")
    course = play(env, Walker(levels=2), seed=4)
    assert course.path.shape == (301, 2)
    np.testing.assert_allclose(course.subgoals[:, 0], [0.0, 0.1, 0.2], atol=1e-6)
    assert course.goal.shape == (2,)


def test_walls_are_drawn_where_the_maze_has_them():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    env = gym.make("PointMaze_UMaze-v3")
    ax = figure.subplots()
    draw(ax, env.unwrapped.maze, play(env, Walker(levels=2), seed=4))
    walls = {tuple(np.round(wall.get_xy(), 3)) for wall in ax.patches}
    assert len(walls) == sum(map(sum, env.unwrapped.maze.maze_map))
    assert (-2.5, 1.5) in walls  # the cell of row 0 and column 0, from x and y
    assert (-0.5, -0.5) in walls and (0.5, -0.5) not in walls  # row 2, columns 2, 3


def test_a_policy_of_one_level_is_refused():
    with pytest.raises(ValueError, match="several levels, found one"):
        play(gym.make("PointMaze_UMaze-v3"), Walker(levels=1), seed=0)


def test_the_cells_are_those_of_the_training(tmp_path, monkeypatch):
    from experiment import maze_map

    cells = '{"reset_cell": [1, 1], "goal_cell": [3, 1]}'
    header = {"spec": {"env_id": "PointMaze_UMaze-v3"}, "config": {}}
    walker, seen = Walker(levels=2), []

    def played(env, policy, seed):
        seen.append(env.reset(seed=seed)[0]["desired_goal"])
        return play(env, policy, seed)

    monkeypatch.setattr(maze_map, "load_policy", lambda path: walker)
    monkeypatch.setattr(maze_map, "play", played)
    for options, are_fixed in (None, False), (cells, True):
        walker.header = {**header, "config": {"reset_options": options}}
        arguments = ["p.pkl", f"--out={tmp_path / 'map.png'}", "--episodes=4"]
        assert maze_map.main(arguments) == 0
        apart = np.abs(np.array(seen[-4:]) - [-1, -1]).max()  # the cell's middle
        assert (apart < 0.3) == are_fixed
