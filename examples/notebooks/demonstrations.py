# %% [markdown]
# # Demonstrations
#
# Lifting a block is hard to find by chance.  A scripted expert shows it a hundred
# times, and we compare what a short training learns with and without these
# demonstrations.
#
# It takes two minutes.  To open this notebook in Colab, upload it there (*File*,
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
os.chdir(tempfile.mkdtemp())  # for files and run folders

from IPython.display import Image, Video  # noqa: E402

import baselines_her  # noqa: E402


def command(*words):
    """Runs `baselines-her WORDS` and shows what it prints."""
    words = [sys.executable, "-m", "baselines_her", *words]
    print(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


# %% [markdown]
# ## Record
#
# The expert knows where the block is, and does not learn.  The block and the goal are
# elsewhere in every episode.

# %%
command("generate", "--env=FetchPickAndPlace", "--episodes=100", "--out=demos.npz")
command("demos", "info", "demos.npz")

# %% [markdown]
# The file holds plain arrays: [episode, step, entry].

# %%
demos = baselines_her.load_demos("demos.npz")
print("actions", demos.action.shape, "success", demos.success.mean())

# %% [markdown]
# The gripper's height in the first three demonstrations: it goes down, closes, and
# lifts, unless the goal is on the table.

# %%
import matplotlib.pyplot as plt  # noqa: E402

figure, axis = plt.subplots(figsize=(6, 3))
axis.plot(demos.obs[:3, :, 2].T)
axis.set(xlabel="step", ylabel="height of the gripper in m")
plt.show()

# %% [markdown]
# ## Train with them
#
# Part of every batch comes from the demonstrations, and the policy copies their
# actions.  `demo_file` alone chooses the preset `tuned_demos`, which lifts the block
# after about 100,000 steps.  Here we take `laptop_demos`, which makes a tenth of its
# updates, for 40,000 steps, with smaller networks and batches.  Usually both copy only
# those actions that the critic prefers to its own (the Q-filter).  At the very start
# the critic is still wrong, so for this short training we copy all of them.

# %%
STEPS = 40_000
small = {"hidden": 128, "batch_size": 256, "num_timesteps": STEPS}
taught = baselines_her.train(
    "FetchPickAndPlace",
    demo_file="demos.npz",
    preset="laptop_demos",
    demo_batch_size=64,
    q_filter=False,
    log_path="taught",
    **small,
)

# %% [markdown]
# ## Train without them
#
# The same settings, but nothing to copy.

# %%
alone = baselines_her.train(
    "FetchPickAndPlace",
    preset="laptop",
    polyak=0.8,
    noise_eps=0.1,
    random_eps=0.1,
    log_path="alone",
    **small,
)

# %%
labels = ["without demonstrations", "with demonstrations"]
baselines_her.plot(["alone", "taught"], labels=labels, out="curve.png")
Image("curve.png")

# %%
for label, result in zip(labels, [alone, taught], strict=True):
    success = baselines_her.evaluate(result.policy, episodes=50).success_last
    print(f"{label}: success {success:.2f} after {STEPS:,} steps")

# %% [markdown]
# ## Watch it

# %%
command("play", str(taught.best_policy), "--episodes=4", "--video=lift.mp4")
Video("lift.mp4", embed=True)
