"""Train, and later train on in the same folder: `python examples/resume.py`.

The longer run has the same bits as one that was never interrupted.  From the command
line: `python -m baselines_her.run --resume=FOLDER --num_timesteps=8000`.
"""

import sys

import baselines_her
from baselines_her.cli.flags import parse_flags

if __name__ == "__main__":
    flags = {"num_timesteps": 4000, **parse_flags(sys.argv[1:])}
    first = baselines_her.train("FetchReach", **flags)
    longer = 2 * flags["num_timesteps"]
    second = baselines_her.train(resume=str(first.log_path), num_timesteps=longer)
    print(f"{len(first.rows)} epochs, then {len(second.rows)} in {second.log_path}")
