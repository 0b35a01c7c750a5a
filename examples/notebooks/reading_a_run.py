# %% [markdown]
# # Reading a run
#
# What does a run folder say about a training?  We make two short runs, a good one and
# one that cannot learn, and find out from their files which is which and why.
#
# It takes a minute and a half.  To open this notebook in Colab, upload it there
# (*File*, *Upload notebook*), and upload the package's wheel, which `python -m build`
# makes, to the files of the session.

# %%
import csv
import glob
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

if importlib.util.find_spec("baselines_her") is None:  # in Colab
    (wheel,) = glob.glob("baselines_her-*.whl")
    os.system(f"pip install -q '{wheel}[plot]'")
os.chdir(tempfile.mkdtemp())  # for the run folders

from IPython.display import Image  # noqa: E402

import baselines_her  # noqa: E402


def command(*words):
    """Runs `baselines-her WORDS` and shows what it prints."""
    words = [sys.executable, "-m", "baselines_her", *words]
    print(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


# %%
both = {"num_timesteps": 4000, "quiet": True}
good = baselines_her.train("FetchReach", log_path="good", **both)
bad = baselines_her.train("FetchReach", log_path="bad", clip_obs=0.01, **both)

# %% [markdown]
# ## The folder

# %%
for path in sorted(Path("good").iterdir()):
    print(path.name)

# %% [markdown]
# `policy_best.pkl` is the policy with the highest test success.  `checkpoint` is what
# is needed to continue the run bit for bit.  `FINISHED` says that the training is
# complete.
#
# ## The settings
#
# `config.json` holds all of them.  What differs between two runs is the first thing
# to look at.

# %%
settings = [json.loads(Path(run, "config.json").read_text()) for run in ("good", "bad")]
first, second = (each["config"] for each in settings)
print(
    {name: (first[name], second[name]) for name in first if first[name] != second[name]}
)

# %% [markdown]
# ## The columns
#
# `progress.csv` has one row per epoch.  Four columns tell most of the story:
#
# - `test/success_rate`: the share of test episodes that end at their goal;
# - `test/success_any`: the share that are at the goal at some step.  Is it much
#   higher?  Then the policy reaches the goal and leaves it again;
# - `test/mean_Q`: what the critic expects.  It lies between -1 / (1 - gamma) = -50,
#   for a policy that never succeeds, and 0, give or take the critic's error;
# - `loss/critic`: how wrong the critic is about its own targets.

# %%
COLUMNS = (
    "steps/env",
    "test/success_rate",
    "test/success_any",
    "test/mean_Q",
    "loss/critic",
)


def show(run):
    """Prints the most telling columns of a run."""
    print(run, *COLUMNS, sep="\t")
    with open(Path(run, "progress.csv"), newline="") as file:
        for row in csv.DictReader(file):
            print("", *(f"{float(row[name]):.3g}" for name in COLUMNS), sep="\t")


show("good")
show("bad")

# %% [markdown]
# The bad run does not learn.  Its critic expects about -4, although nearly all of its
# episodes fail: it is far from the truth.  Its loss alone would not have told, since
# a critic loss only says whether the critic agrees with its own targets.
#
# The reason is in the settings: `clip_obs=0.01` clips positions in metres to a
# centimetre.  The networks cannot see where the gripper is, nor where it should be.
# The statistics of the inputs show it: all goals look like 0.01, and 0.01 is the
# smallest deviation that inputs are divided by (`norm_eps`).

# %%
for result in good, bad:
    mean, deviation = (result.rows[-1][f"stats/g_{name}"] for name in ("mean", "std"))
    print(f"{result.log_path}: goals {mean:.3f} +- {deviation:.4f}")

# %% [markdown]
# ## Curves, tables and a report
#
# Three commands show all of this at once.  `report` writes one page that you can send
# to somebody: it loads nothing from elsewhere.

# %%
labels = ["good", "clip_obs=0.01"]
baselines_her.plot(["good", "bad"], labels=labels, out="curve.png")
Image("curve.png")

# %%
command("runs", ".")
command("table", "good", "bad")
command("report", "good", "bad", "--out=report.html")
print(f"{Path('report.html').stat().st_size / 1000:.0f} kB")

# %% [markdown]
# ## Where the time goes
#
# If `time/update` is most of it, smaller networks or batches help.  If `time/collect`
# is, the environment is what you wait for.

# %%
rows = good.rows
for name in "time/collect", "time/sample", "time/update":
    seconds = sum(row[name] for row in rows)
    print(f"{name}: {seconds:.1f} s of {rows[-1]['time/total']:.1f} s")
