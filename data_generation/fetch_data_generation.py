"""Writes demonstrations: the same as `python -m baselines_her.demos.generate`."""

import sys

from baselines_her.demos.generate import main

if __name__ == "__main__":
    sys.exit(main())
