"""Act with an exported policy, without TensorFlow and without baselines_her.

    baselines-her export FetchPickAndPlace --to=numpy --out=arm.py
    python examples/deploy_numpy.py arm.py

The robot here is Gymnasium's simulation; put yours in its place.
"""

import importlib.util
import sys

import gymnasium as gym
import gymnasium_robotics
import numpy as np


def load(path):
    """The exported file as a module."""
    spec = importlib.util.spec_from_file_location("policy", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(path, env_id="FetchPickAndPlace-v4", episodes=20):
    policy, successes = load(path), 0
    gym.register_envs(gymnasium_robotics)
    robot = gym.make(env_id)
    for episode in range(int(episodes)):
        seen, _ = robot.reset(seed=episode)
        is_over = False
        while not is_over:
            action = policy.act(seen["observation"], seen["desired_goal"])
            if not np.isfinite(action).all():
                raise SystemExit("the policy's action must be finite: stop the robot")
            seen, _, _, is_over, info = robot.step(action)
        successes += int(info["is_success"])
    print(f"{successes} of {episodes} episodes succeed")


if __name__ == "__main__":
    main(*sys.argv[1:])
