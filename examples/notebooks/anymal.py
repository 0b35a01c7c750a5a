# %% [markdown]
# # ANYmal C: play, train, sweep
#
# A robot with four legs is told how fast to walk.  This notebook plays a trained
# policy, trains one of its own for a minute, and runs a tiny sweep.
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
    os.system(f"pip install -q '{wheel}[video,plot,sweep]'")
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
# ## A tiny sweep
#
# Which discount is best?  Two trainings of 100,000 steps prove nothing, but they show
# what a real sweep prints: each trial with its settings and its value, and the best
# settings as a command.

# %%
space = """
[gamma]
low = 0.97
high = 0.995
"""
with open("space.toml", "w") as file:
    file.write(space)
command(
    *("sweep", "--alg=ppo", "--env=AnymalC", "--space=space.toml", "--out=sweep"),
    *("--trials=2", "--num_timesteps=100_000", "--n_cycles=6", "--n_test_rollouts=2"),
)

# %% [markdown]
# `sweep.csv` has a row for each trial.

# %%
with open("sweep/sweep.csv") as file:
    print(file.read())
