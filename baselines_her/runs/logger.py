"""Writes the rows of a run: progress.csv, progress.json, TensorBoard."""

import csv
import io
import json
import math
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ..types import Row
from .files import write_atomically


class Writer(Protocol):
    """Writes the rows of a run, one per epoch."""

    def write(self, row: Row) -> None:
        """Writes one row."""

    def close(self) -> None:
        """Called after the last row."""


class CsvWriter:
    """progress.csv: the algorithm's columns; every row is complete."""

    def __init__(self, folder: Path, columns: list[str], rows: list[Row]):
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(rows)
        path = folder / "progress.csv"
        write_atomically(path, text.getvalue().encode())
        self._file = path.open("a", newline="")
        self._writer = csv.DictWriter(self._file, columns)

    def write(self, row: Row) -> None:
        """Writes one row and flushes it."""
        self._writer.writerow(row)
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class JsonWriter:
    """progress.json: one JSON object per line."""

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
    """tb/: scalars against env steps, as plain values.

    It uses TensorBoard's record format directly: tf.summary writes tensors, in which
    `EventAccumulator.Scalars` finds nothing, and TensorBoard's `EventFileWriter` writes
    from its own thread, whose errors are lost.
    """

    def __init__(self, folder: Path, rows: list[Row]):
        """Opens a new event file in tb/; old ones are removed.

        Raises:
          ImportError: TensorBoard is not installed.
          OSError: tb/ cannot be written, or is a link, which could lead anywhere.
        """
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = Event, Summary
        place = folder / "tb"
        if place.is_symlink():
            raise OSError(f"{place} is a link")
        if place.is_dir():
            shutil.rmtree(place)
        place.mkdir()
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}"
        self._records: Any = RecordWriter((place / name).open("wb"))
        self._add(Event(file_version="brain.Event:2", wall_time=time.time()))
        for row in rows:
            self.write(row)

    def write(self, row: Row) -> None:
        """Writes one scalar for each column."""
        value = self._summary.Value
        values = [value(tag=name, simple_value=x) for name, x in row.items()]
        summary = self._summary(value=values)
        step = int(row["steps/env"])
        self._add(self._event(step=step, wall_time=time.time(), summary=summary))

    def close(self) -> None:
        """Closes the file."""
        self._records.close()

    def _add(self, event: Any) -> None:
        self._records.write(event.SerializeToString())
        self._records.flush()


class NullWriter:
    """Takes the place of TensorBoard's writer if that is not available."""

    def write(self, row: Row) -> None:
        """Writes nothing."""

    def close(self) -> None:
        """Does nothing."""


class Careful:
    """A writer whose failure is reported once and does not stop training."""

    def __init__(self, writer: Writer, say: Callable[[str], None]):
        self._writer, self._say = writer, say
        self._works = True

    def write(self, row: Row) -> None:
        """Writes one row, unless the writer has failed before."""
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
                self._say(f"warning: {name} failed and is no longer used: {error}")
            self._works = False


def open_writers(
    folder: Path, columns: list[str], rows: list[Row], say: Callable[[str], None]
) -> list[Writer]:
    """The writers of a run folder; rows of a resumed run are written again.

    Args:
      folder: the run's folder, which must exist.
      columns: the columns of progress.csv.
      rows: the rows before the checkpoint; later rows are removed.
      say: called with a warning when a writer fails, now or later.
    """
    files = CsvWriter(folder, columns, rows), JsonWriter(folder, rows)
    board = _open_board(folder, rows, say)
    return [Careful(writer, say) for writer in (*files, board)]


def _open_board(
    folder: Path, rows: list[Row], say: Callable[[str], None]
) -> TensorBoardWriter | NullWriter:
    """TensorBoard's writer, or a null writer if it is missing or cannot write."""
    try:
        return TensorBoardWriter(folder, rows)
    except ImportError:
        return NullWriter()
    except Exception as error:
        say(f"warning: TensorBoardWriter failed and is no longer used: {error}")
        return NullWriter()
