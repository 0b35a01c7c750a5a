# %% [markdown]
# # A first run
#
# We train a robot arm to move its gripper to a point, draw the curve of its success,
# and film it.
#
# It takes a minute.  To open this notebook in Colab, upload it there (*File*, *Upload
# notebook*), and upload the package's wheel, which `python -m build` makes, to the
# files of the session.

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
os.chdir(tempfile.mkdtemp())  # for the run folder

from IPython.display import Image, Video  # noqa: E402

import baselines_her  # noqa: E402

# %% [markdown]
# ## Train
#
# The reward is -1 at every step and 0 where the gripper is within 5 cm of the goal.
# Each row below is an epoch: some training, then 20 test episodes.  `success` is the
# share of test episodes that are at the goal at their last step.

# %%
result = baselines_her.train("FetchReach", num_timesteps=5000, seed=0)

# %% [markdown]
# ## Look at the curve
#
# Success rises within the first 2,000 steps.  *Mean Q* is what the critic predicts;
# it rises with success.

# %%
baselines_her.plot([result.log_path], out="curve.png")
Image("curve.png")

# %% [markdown]
# ## Measure
#
# Twenty episodes are few.  A hundred tell more.

# %%
policy = baselines_her.load_policy(result.best_policy)
at_the_end, at_any_step = baselines_her.evaluate(policy, episodes=100)
print(f"success at the last step {at_the_end:.2f}, at any step {at_any_step:.2f}")

# %% [markdown]
# ## Film it
#
# The film is made by a process of its own, with the command that you would type in a
# terminal: `baselines-her play POLICY --episodes=5 --video=reach.mp4`.

# %%
play = [sys.executable, "-m", "baselines_her", "play", str(result.best_policy)]
subprocess.run([*play, "--episodes=5", "--video=reach.mp4"], check=True)
Video("reach.mp4", embed=True)

# %% [markdown]
# ## Next
#
# `baselines_her.train("FetchPush")` learns to push a block.
# It takes about five minutes, and Ctrl-C (*Interrupt*) saves a checkpoint.
