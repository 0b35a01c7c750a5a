# %% [markdown]
# # ANYmal C: play, train, change the reward
#
# A robot with four legs is told how fast to walk.  This notebook plays a trained
# policy, trains one of its own for a minute, and varies a weight of the reward.
#
# It takes three minutes.  To open this notebook in Colab, upload it there (*File*,
# *Upload notebook*), and upload the package's wheel, which `python -m build` makes,
# to the files of the session.

# %%
import glob
import importlib.util
import os
import subprocess
import sys
import tempfile

if importlib.util.find_spec("baselines_her") is None:  # in Colab
    (wheel,) = glob.glob("baselines_her-*.whl")
    os.system("apt-get install -qq libegl1 libegl-mesa0 libgl1-mesa-dri")
    os.system(f"pip install -q '{wheel}[video,plot]'")
os.chdir(tempfile.mkdtemp())  # for run folders

from IPython.display import Image, Video  # noqa: E402

import baselines_her  # noqa: E402


def command(*words):
    """Runs `baselines-her WORDS` and shows what it prints."""
    words = [sys.executable, "-m", "baselines_her", *words]
    print(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


# %% [markdown]
# ## Play
#
# `--metrics` reports the speed and its error, the share of falls, and the cost of
# transport, the energy per weight and metre.

# %%
command("play", "AnymalC", "--episodes=10", "--command=1.0,0,0", "--metrics")

# %%
command(
    *("play", "AnymalC", "--episodes=1", "--command=1.0,0,0", "--video=walk.mp4"),
    '--env_kwargs={"seconds": 4}',
)
Video("walk.mp4", embed=True)

# %% [markdown]
# ## Train
#
# A whole training takes 4 million steps.  After 400,000 the robot takes its first
# steps.

# %%
result = baselines_her.train(
    "AnymalC", alg="ppo", num_timesteps=400_000, n_cycles=12, n_test_rollouts=4
)

# %%
columns = ["test/return", "test/length", "ppo/std"]
terms = ["reward/velocity", "reward/tilt", "reward/air_time"]
baselines_her.plot([result.log_path], out="curve.png", columns=columns + terms)
Image("curve.png")

# %% [markdown]
# Each term of the reward has a column `reward/TERM`: its sum over an episode.
#
# ## What does a term do?
#
# `env_kwargs` changes the task.  The term `planted` costs something while no foot makes
# a step.  What is learned without it?

# %%
without = baselines_her.train(
    "AnymalC",
    alg="ppo",
    num_timesteps=400_000,
    n_cycles=12,
    n_test_rollouts=4,
    env_kwargs='{"weights": {"planted": 0}}',
)
columns = ["reward/velocity", "test/length"]
runs = [result.log_path, without.log_path]
baselines_her.plot(runs, out="both.png", columns=columns, labels=["with", "without"])
Image("both.png")
