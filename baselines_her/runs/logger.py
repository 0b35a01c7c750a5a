"""The rows of a run: progress.csv, progress.json (one object a line), TensorBoard."""

import csv
import json
import math
from pathlib import Path
from typing import Any, Protocol

# docs/metrics.md tells what each column means and how it is computed.
COLUMNS = (
    "epoch",
    "steps/env",
    "steps/episodes",
    "steps/updates",
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
    "stats/o_mean",
    "stats/o_std",
    "stats/g_mean",
    "stats/g_std",
    "time/collect",
    "time/update",
    "time/sample",
    "time/total",
)

Row = dict[str, float]


class Writer(Protocol):
    """Takes the rows of a run, one per epoch."""

    def write(self, row: Row) -> None:
        """Writes one row."""

    def close(self) -> None:
        """Nothing follows."""


class CsvWriter:
    """progress.csv: the columns of `COLUMNS`, whole rows only."""

    def __init__(self, folder: Path):
        self._file = (folder / "progress.csv").open("w", newline="")
        self._writer = csv.DictWriter(self._file, COLUMNS)
        self._writer.writeheader()
        self._file.flush()

    def write(self, row: Row) -> None:
        """Writes one row and hands it to the system."""
        self._writer.writerow(row)
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class JsonWriter:
    """progress.json: one JSON object a line."""

    def __init__(self, folder: Path):
        self._file = (folder / "progress.json").open("w")

    def write(self, row: Row) -> None:
        """Writes one line; a number that is not finite becomes null."""
        finite = {k: v if math.isfinite(v) else None for k, v in row.items()}
        self._file.write(json.dumps(finite) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class TensorBoardWriter:
    """tb/: scalars against env steps.

    By `tensorboard.summary.Writer`: tf.summary raises where TensorBoard is missing.
    """

    def __init__(self, folder: Path):
        from tensorboard.summary import Writer as EventWriter

        self._writer: Any = EventWriter(str(folder / "tb"))

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


def open_writers(folder: Path) -> list[Writer]:
    """The writers of a run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    writers: list[Writer] = [CsvWriter(folder), JsonWriter(folder)]
    try:
        writers.append(TensorBoardWriter(folder))
    except ImportError:
        writers.append(NullWriter())
    return writers
