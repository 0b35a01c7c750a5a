"""The rows of a run: progress.csv, progress.json (one object a line), TensorBoard."""

import csv
import io
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .files import write_atomically

# docs/metrics.md tells what each column means and how it is computed.
COLUMNS = (
    "epoch",
    "steps/env",
    "steps/episodes",
    "steps/updates",
    "steps/skipped",
    "test/success_rate",
    "test/success_any",
    "test/mean_Q",
    "train/success_rate",
    "loss/critic",
    "loss/policy",
    "loss/action_l2",
    "loss/bc",
    "q/target",
    "demos/q",
    "demos/passed",
    "per/weight",
    "stats/o_mean",
    "stats/o_std",
    "stats/g_mean",
    "stats/g_std",
    "time/collect",
    "time/update",
    "time/sample",
    "time/wait",
    "time/exchange",
    "time/total",
)

Row = dict[str, float]


def merged(rows: list[Row]) -> Row:
    """One row for several: sums of seconds, means of all else."""
    one = {}
    for name in rows[0]:
        total = np.sum if name.startswith("time/") else np.mean
        one[name] = float(total([row[name] for row in rows]))
    return one


class Writer(Protocol):
    """Takes the rows of a run, one per epoch."""

    def write(self, row: Row) -> None:
        """Writes one row."""

    def close(self) -> None:
        """Nothing follows."""


class CsvWriter:
    """progress.csv: the columns of `COLUMNS`, whole rows only."""

    def __init__(self, folder: Path, rows: list[Row]):
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
        path = folder / "progress.csv"
        write_atomically(path, text.getvalue().encode())
        self._file = path.open("a", newline="")
        self._writer = csv.DictWriter(self._file, COLUMNS)

    def write(self, row: Row) -> None:
        """Writes one row and hands it to the system."""
        self._writer.writerow(row)
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class JsonWriter:
    """progress.json: one JSON object a line."""

    def __init__(self, folder: Path, rows: list[Row]):
        path = folder / "progress.json"
        write_atomically(path, "".join(map(self._line, rows)).encode())
        self._file = path.open("a")

    def write(self, row: Row) -> None:
        """Writes one line; a number that is not finite becomes null."""
        self._file.write(self._line(row))
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _line(self, row: Row) -> str:
        finite = {k: v if math.isfinite(v) else None for k, v in row.items()}
        return json.dumps(finite) + "\n"


class TensorBoardWriter:
    """tb/: scalars against env steps.

    By `tensorboard.summary.Writer`: tf.summary raises where TensorBoard is missing.
    """

    def __init__(self, folder: Path, rows: list[Row]):
        from tensorboard.summary import Writer as EventWriter

        shutil.rmtree(folder / "tb", ignore_errors=True)
        self._writer: Any = EventWriter(str(folder / "tb"))
        for row in rows:
            self.write(row)

    def write(self, row: Row) -> None:
        """Writes one scalar for each column."""
        for name, value in row.items():
            self._writer.add_scalar(name, value, int(row["steps/env"]))
        self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        self._writer.close()


class NullWriter:
    """Stands where TensorBoard is not installed."""

    def write(self, row: Row) -> None:
        """Writes nothing."""

    def close(self) -> None:
        """Nothing to close."""


class Careful:
    """A writer whose failure is told once and does not stop the training."""

    def __init__(self, writer: Writer, tell: Callable[[str], None]):
        self._writer, self._tell = writer, tell
        self._works = True

    def write(self, row: Row) -> None:
        """Writes one row, unless it has failed before."""
        if self._works:
            self._try(lambda: self._writer.write(row))

    def close(self) -> None:
        """Closes the file."""
        self._try(self._writer.close)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            if self._works:
                name = type(self._writer).__name__
                self._tell(f"warning: {name} fails and is left alone: {error}")
            self._works = False


def open_writers(
    folder: Path, rows: list[Row], tell: Callable[[str], None]
) -> list[Writer]:
    """The writers of a run folder, with the rows of a resumed run written again.

    Args:
      folder: the run's.
      rows: the ones before the checkpoint; whatever follows them is cut.
      tell: takes a warning when a writer fails later on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writers: list[Writer] = [CsvWriter(folder, rows), JsonWriter(folder, rows)]
    try:
        writers.append(TensorBoardWriter(folder, rows))
    except ImportError:
        writers.append(NullWriter())
    return [Careful(writer, tell) for writer in writers]
