# %% [markdown]
# # HalfCheetah: PPO, a tiny sweep, and a film
#
# A cheetah with two legs learns to run.  Its reward is its speed, so there is no
# goal, and we use proximal policy optimisation (PPO).
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
# ## Train
#
# At 120,000 steps the cheetah already runs.  A whole training takes 3 million steps,
# which is five minutes on two cores.

# %%
result = baselines_her.train(
    alg="ppo", env="HalfCheetah", num_timesteps=120_000, n_cycles=20, n_test_rollouts=4
)

# %%
baselines_her.plot([result.log_path], out="curve.png")
Image("curve.png")

# %% [markdown]
# The deviation of the actions falls as the policy becomes certain.
#
# ## A tiny sweep
#
# Which learning rate is best?  A sweep answers such questions by many short
# trainings.  Three of 40,000 steps prove nothing, but they show what a real one of
# fifty would print: each trial with its settings and its value, and the best settings
# as a command.

# %%
space = """
[lr]
low = 1e-4
high = 3e-3
log = true
"""
with open("space.toml", "w") as file:
    file.write(space)
command(
    *("sweep", "--alg=ppo", "--env=HalfCheetah", "--space=space.toml", "--out=sweep"),
    *("--trials=3", "--num_timesteps=40_000", "--lr_schedule=constant"),
    *("--n_cycles=6", "--n_test_rollouts=4"),
)

# %% [markdown]
# `sweep.csv` has a row for each trial.

# %%
with open("sweep/sweep.csv") as file:
    print(file.read())

# %% [markdown]
# ## A film
#
# This is the policy of this notebook.  Drawing its 1,000 steps without a graphics
# card takes the longest of all.

# %%
command("play", str(result.best_policy), "--episodes=1", "--video=own.mp4")
Video("own.mp4", embed=True)

# %% [markdown]
# The policy in the package was trained for 3 million steps.  Add
# `--video=trained.mp4` to watch it, too.

# %%
command("play", "HalfCheetah", "--episodes=5")
