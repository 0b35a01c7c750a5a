"""One training of a sweep: a process of its own, watched until it ends or is ended."""

import ctypes
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..runs.files import write_atomically
from ..runs.folder import lock
from ..runs.foreign import printable
from ..runs.history import FINISHED
from .objective import Budget, Curve, Objective, reached_at, read_curve

PR_SET_PDEATHSIG = 1
POLL = 0.5  # seconds
SAVING = 60.0  # seconds that a process gets to save after it was asked to end
LOG, FLAGS = "log.txt", "flags.json"
SHOWN = 300  # characters of the last line of a log
SIGNALS = 130, 143  # codes of a training that Ctrl-C or SIGTERM ended
# Flags of the machine: a training may continue with others.
MACHINE = "learner_threads", "steppers", "collectors"


class Interrupted(RuntimeError):
    """A training was ended from outside; it can continue."""


class Watch:
    """Follows a process by the rows that it writes."""

    def __init__(
        self,
        folder: Path,
        budget: Budget,
        hang_minutes: float,
        on_curve: Callable[[Curve], None],
        objective: Objective = Objective(),
        clock: Callable[[], float] = time.monotonic,
    ):
        self._folder, self._budget, self._hang = folder, budget, 60.0 * hang_minutes
        self._on_curve, self._clock = on_curve, clock
        self._objective = objective
        self._n, self._since, self._is_live = -1, clock(), False

    def ends(self) -> bool:
        """Whether the process should end now: its level is reached or its time over.

        Calls `on_curve` if there are new rows; its errors end the training, too.  Time
        counts from row to row, also before the next row is there.

        Raises:
          RuntimeError: it has written no row for too long.
        """
        curve = read_curve(self._folder)
        if len(curve.steps) == self._n:
            waited = self._clock() - self._since
            if waited > self._hang:
                raise RuntimeError(
                    f"no evaluation for {self._hang / 60:g} minutes: the training "
                    "hangs, or --hang must be longer"
                )
            minutes = curve.minutes[-1] + waited / 60.0 if self._is_live else 0.0
            return bool(minutes >= self._budget.minutes)
        # a new row is of a process that runs now; one that continues may drop rows
        self._is_live = 0 <= self._n < len(curve.steps)
        self._n, self._since = len(curve.steps), self._clock()
        if self._n == 0:
            return False
        self._on_curve(curve)
        is_reached = reached_at(curve, self._objective, self._folder) is not None
        return is_reached or bool(curve.minutes[-1] >= self._budget.minutes)


def train(flags: dict[str, Any], folder: Path, watch: Watch) -> Curve:
    """Trains in `folder`, or continues there; returns the curve.

    The output goes to log.txt in the folder.  Ctrl-C, an error here, or the end of this
    process end the training, too: it saves a checkpoint, from which it can continue.

    Raises:
      Interrupted: a signal ended the training.
      RuntimeError: it failed or hangs; the message holds its last line.
      ValueError: the folder holds a training with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _require_same(folder, flags)
    _wait_for(folder)
    if (folder / FINISHED).exists() or watch.ends():
        return read_curve(folder)
    words = [f"--{k}={v}" for k, v in {**flags, "log_path": folder}.items()]
    command = [sys.executable, "-m", "baselines_her.run", *words]
    with (folder / LOG).open("a") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches it once: from here
            preexec_fn=end_with_parent if sys.platform == "linux" else None,
        )
        try:
            was_ended = _wait(process, watch)
        finally:
            _end(process)
    if process.returncode and not was_ended:
        is_signal = process.returncode < 0 or process.returncode in SIGNALS
        raise (Interrupted if is_signal else RuntimeError)(
            f"the training in {folder} ended with code {process.returncode}: "
            f"{_last_line(folder / LOG)}"
        )
    return read_curve(folder)


def _require_same(folder: Path, flags: dict[str, Any]) -> None:
    """Raises ValueError if the folder holds a training with other flags."""
    lasting = {k: v for k, v in flags.items() if k not in MACHINE}
    path, own = folder / FLAGS, json.loads(json.dumps(lasting))
    if not path.exists():
        write_atomically(path, json.dumps(own).encode())
    elif json.loads(path.read_text()) != own:
        raise ValueError(
            f"{printable(folder)} must be new or hold this training, found one with "
            "other settings.  Choose another --out."
        )


def _wait_for(folder: Path) -> None:
    """Waits while a training that has lost its sweep saves and ends there."""
    end = time.monotonic() + SAVING
    while True:
        try:
            with lock(folder):
                return
        except ValueError:
            if time.monotonic() > end:
                raise
            time.sleep(POLL)


def end_with_parent() -> None:
    """Makes Linux end this process when its parent is killed: it saves then."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait(process: subprocess.Popen, watch: Watch) -> bool:
    """Waits until the process has ended; returns whether it was asked to."""
    while True:
        try:
            process.wait(POLL)
            return False
        except subprocess.TimeoutExpired:
            if watch.ends():
                return True


def _end(process: subprocess.Popen) -> None:
    """Asks the process to save and end, and kills it if it does not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(SAVING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1][-SHOWN:] if lines else "it printed nothing"
