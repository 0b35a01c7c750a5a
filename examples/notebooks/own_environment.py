# %% [markdown]
# # Your own goal environment
#
# We write an environment that breaks five rules of hindsight experience replay, and
# repair one after the other until the checker is content.  Then we train in it.
#
# It takes a minute.  To open this notebook in Colab, upload it there (*File*, *Upload
# notebook*), and upload the package's wheel, which `python -m build` makes, to the
# files of the session.

# %%
import glob
import importlib.util
import os
import tempfile

if importlib.util.find_spec("baselines_her") is None:  # in Colab
    (wheel,) = glob.glob("baselines_her-*.whl")
    os.system(f"pip install -q '{wheel}[plot]'")
os.chdir(tempfile.mkdtemp())  # for the run folders

import gymnasium as gym  # noqa: E402
import numpy as np  # noqa: E402
from IPython.display import Image  # noqa: E402

import baselines_her  # noqa: E402

# %% [markdown]
# ## The first attempt
#
# A drone on a line flies to a height.  The action is its acceleration.  This
# environment works with Gymnasium, but not with hindsight.


# %%
class Drone(gym.Env):
    """Flies to a height between 0 and 1."""

    action_space = gym.spaces.Box(-1.0, 1.0, (1,), np.float32)
    observation_space = gym.spaces.Box(-10.0, 10.0, (3,), np.float64)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.height = self.speed = 0.0
        self.goal = np.random.uniform(0.2, 0.8)  # noqa: NPY002
        return self.seen(), {}

    def step(self, action):
        self.speed = 0.8 * self.speed + 0.05 * float(action[0])
        self.height += self.speed
        reward = self.compute_reward(self.height, self.goal, {})
        return self.seen(), reward, reward == 0.0, False, {}

    def compute_reward(self, achieved_goal, desired_goal, info):
        return 0.0 if abs(achieved_goal - desired_goal) < 0.05 else -1.0

    def seen(self):
        return np.array([self.height, self.speed, self.goal])


def try_it(kind):
    """Trains for a moment, and prints what the checker says if it refuses."""
    try:
        baselines_her.train(
            "Drone",
            make_env=lambda: gym.wrappers.TimeLimit(kind(), 25),
            num_timesteps=250,
            n_cycles=5,
            quiet=True,
        )
    except (ValueError, RuntimeError) as error:
        print(f"{kind.__name__}: {error}")
    else:
        print(f"{kind.__name__}: nothing to complain about")


try_it(Drone)


# %% [markdown]
# Hindsight must be able to replace the goal, so the observation is a `Dict` with
# three parts.


# %%
class WithGoals(Drone):
    """Tells the goal apart from the rest of the observation."""

    observation_space = gym.spaces.Dict(
        observation=gym.spaces.Box(-10.0, 10.0, (2,), np.float64),
        achieved_goal=gym.spaces.Box(-10.0, 10.0, (1,), np.float64),
        desired_goal=gym.spaces.Box(-10.0, 10.0, (1,), np.float64),
    )

    def seen(self):
        return {
            "observation": np.array([self.height, self.speed]),
            "achieved_goal": np.array([self.height]),
            "desired_goal": np.array([self.goal]),
        }


try_it(WithGoals)


# %% [markdown]
# The success of a step belongs into `info`.


# %%
class WithSuccess(WithGoals):
    """Says after each step whether the goal is reached."""

    def step(self, action):
        seen, reward, terminated, truncated, _ = super().step(action)
        return seen, reward, terminated, truncated, {"is_success": reward == 0.0}


try_it(WithSuccess)


# %% [markdown]
# All randomness must come from `self.np_random`, so that a seed always gives the same
# episode.


# %%
class Repeatable(WithSuccess):
    """Draws its goal from the generator that `reset` seeds."""

    def reset(self, *, seed=None, options=None):
        gym.Env.reset(self, seed=seed)
        self.height = self.speed = 0.0
        self.goal = self.np_random.uniform(0.2, 0.8)
        return self.seen(), {}


try_it(Repeatable)


# %% [markdown]
# `compute_reward` is called with many rows of goals at once.


# %%
class WithRows(Repeatable):
    """Computes the rewards of many rows."""

    def compute_reward(self, achieved_goal, desired_goal, info):
        apart = np.abs(np.asarray(achieved_goal) - np.asarray(desired_goal))
        apart = apart[..., 0] if apart.ndim else apart  # [B, 1] -> [B]
        return -(apart >= 0.05).astype(np.float32)


try_it(WithRows)


# %% [markdown]
# The checker plays a few random episodes, and this time it found nothing.  But the
# training did: an episode must not end at a success, because hindsight needs to see
# what happens after it.


# %%
class Good(WithRows):
    """Ends by its time limit only."""

    def step(self, action):
        seen, reward, _, truncated, info = super().step(action)
        return seen, reward, False, truncated, info


try_it(Good)


# %% [markdown]
# ## Train
#
# The checker is content.  `tuned`, the default preset, acts at random for its first
# 10,000 steps.  This run is shorter, so we lower that.


# %%
def make():
    """A drone with its time limit."""
    return gym.wrappers.TimeLimit(Good(), max_episode_steps=25)


result = baselines_her.train(
    "Drone", make_env=make, num_timesteps=5000, random_steps=500, n_cycles=20
)
success = baselines_her.evaluate(result.policy, make, episodes=50).success_last
print(f"success: {success:.2f}")

# %%
baselines_her.plot([result.log_path], out="curve.png")
Image("curve.png")
