"""Follow a training in MLflow: `python examples/track_mlflow.py`.

Needs `pip install mlflow`.  MLFLOW_TRACKING_URI says where the records go; by default
they stay on this machine.
"""

import sys

import mlflow

import baselines_her
from baselines_her.cli.flags import parse_flags


class MLflow(baselines_her.Callback):
    """Records the settings, the columns of each epoch and the best policy."""

    def on_start(self, run):
        mlflow.set_experiment("baselines_her")
        mlflow.start_run(run_name=run.folder.name)
        mlflow.log_params(run.config)

    def on_epoch(self, run, row):
        mlflow.log_metrics(row, step=run.env_steps)

    def on_end(self, run):
        best = run.folder / "policy_best.pkl"
        if best.exists():
            mlflow.log_artifact(str(best))
        mlflow.end_run()


if __name__ == "__main__":
    flags = {"env": "FetchReach", **parse_flags(sys.argv[1:])}
    baselines_her.train(callbacks=[MLflow()], **flags)
