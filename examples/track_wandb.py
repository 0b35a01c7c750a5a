"""Follow a training in Weights & Biases: `python examples/track_wandb.py`.

Needs `pip install wandb`.  With WANDB_MODE=offline nothing is sent.
"""

import sys

import wandb

import baselines_her
from baselines_her.cli.flags import parse_flags


class WandB(baselines_her.Callback):
    """Sends the settings, the columns of each epoch and the best policy."""

    def __init__(self, project):
        self.project = project

    def on_start(self, run):
        self.tracked = wandb.init(
            project=self.project, name=run.folder.name, config=run.config
        )

    def on_epoch(self, run, row):
        self.tracked.log(row, step=run.env_steps)

    def on_end(self, run):
        best = run.folder / "policy_best.pkl"
        if best.exists():
            self.tracked.save(best, base_path=run.folder)
        self.tracked.finish()


if __name__ == "__main__":
    flags = {"env": "FetchReach", **parse_flags(sys.argv[1:])}
    baselines_her.train(callbacks=[WandB("baselines_her")], **flags)
