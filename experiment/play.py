"""Plays a policy file: `python experiment/play.py policy_best.pkl`."""

import os
import sys

from baselines_her.play import main

if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())  # module:Id may be there, as with python -m
    sys.exit(main())
