"""Prints results as a Markdown table: `python experiment/table.py results/pick`."""

import sys

from baselines_her.runs.table import main

if __name__ == "__main__":
    sys.exit(main())
