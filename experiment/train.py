"""Trains a policy: the same flags as `python -m baselines_her.run`."""

import sys

from baselines_her.run import main

if __name__ == "__main__":
    sys.exit(main())
