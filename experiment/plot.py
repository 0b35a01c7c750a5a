"""Draws curves of runs: `python experiment/plot.py RUN_OR_FOLDER... --out fig.png`."""

import sys

from baselines_her.cli import Parser, refuse
from baselines_her.runs.plot import AXES, STATISTICS, plot


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("paths", nargs="+", help="run folders, or folders of some")
    parser.add_argument("--x", default="env_steps", help=" | ".join(AXES))
    parser.add_argument("--out", default="curves.png", help=".png, .svg or .pdf")
    parser.add_argument("--statistic", default="median", help=" | ".join(STATISTICS))
    parser.add_argument("--labels", nargs="+", help="one for each group")
    options = parser.parse_args(arguments)
    try:
        plot(options.paths, options.x, options.out, options.statistic, options.labels)
    except (ValueError, RuntimeError, OSError) as error:
        refuse(str(error))
    print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
