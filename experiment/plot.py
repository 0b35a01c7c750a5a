"""Draws curves of runs: `python experiment/plot.py RUN_OR_FOLDER... --out fig.png`."""

import argparse
import sys

from baselines_her.cli.command import Parser, run_command
from baselines_her.runs.plot import AXES, STATISTICS, plot


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("paths", nargs="+", help="run folders, or folders of some")
    parser.add_argument("--x", default="env_steps", help=" | ".join(AXES))
    parser.add_argument("--out", default="curves.png", help=".png, .svg or .pdf")
    parser.add_argument("--statistic", default="median", help=" | ".join(STATISTICS))
    parser.add_argument("--labels", nargs="+", help="one for each group")
    return run_command(_draw, parser.parse_args(arguments))


def _draw(options: argparse.Namespace) -> None:
    plot(options.paths, options.x, options.out, options.statistic, options.labels)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    sys.exit(main())
