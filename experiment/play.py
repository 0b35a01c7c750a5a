"""Plays a policy file: `python experiment/play.py policy_best.pkl`."""

import sys

from baselines_her.play import main

if __name__ == "__main__":
    sys.exit(main())
