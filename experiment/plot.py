"""Draws curves of runs: `python experiment/plot.py RUN_OR_FOLDER... --out fig.png`."""

import sys

from baselines_her.runs.plot import main

if __name__ == "__main__":
    sys.exit(main())
