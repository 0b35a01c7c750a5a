"""Trains a policy: the same flags as `python -m baselines_her.run`."""

import os
import sys

from baselines_her.run import main

if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())  # module:Id may be there, as with python -m
    sys.exit(main())
