"""`baselines-her report RUN [RUN ...]`: a page about runs, in one file."""

import sys
from pathlib import Path

from ..cli.command import Parser, run_command
from ..runs.files import write_atomically
from ..runs.foreign import printable
from .collect import collect
from .page import page


def report(
    runs: list[Path], out: str | Path = "report.html", with_films: bool = True
) -> Path:
    """Writes a page about runs and returns its path.

    Args:
      runs: run folders, or folders that contain run folders.
      out: the file to write; one that exists is replaced.
      with_films: put the latest film of each run into the page.

    Raises:
      ValueError: there is no run with rows, or a file is damaged.
    """
    out = Path(out).expanduser()
    if out.suffix != ".html":
        raise ValueError(f"out must end with .html, found {printable(out)}.")
    found = collect([Path(run).expanduser() for run in runs], with_films)
    names = ", ".join(dict.fromkeys(run.facts["environment"] for run in found))
    write_atomically(out, page(found, f"Runs in {names}").encode())
    return out


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = Parser(prog="report", description=__doc__, allow_abbrev=False)
    parser.add_argument("runs", nargs="+", type=Path, help="run folders, or above them")
    parser.add_argument("--out", default="report.html", help="default: report.html")
    parser.add_argument("--no_films", action="store_true", help="leave films out")
    return run_command(_report, **vars(parser.parse_args(arguments)))


def _report(runs: list[Path], out: str, no_films: bool) -> None:
    print(f"wrote {printable(report(runs, out, not no_films))}")


if __name__ == "__main__":
    sys.exit(main())
