"""A process, started as a module, that steps some of a vector's environments.

It watches the shared table.  While steps follow each other it looks without pause,
because waking a process takes longer than a step.  If no step has come for a while (the
learner is busy), it naps and reads jobs from its standard input, as a player does.
"""

import time
import traceback
from pathlib import Path
from typing import Any

import cloudpickle

from ..envs.faults import TOLD
from ..envs.make import EnvFactory
from ..types import FlatSpec
from .player import inbox_of, send, take_over_pipes
from .streams import SeedOf, Streams, Table

PATIENCE = 2e-3  # seconds without a step before it naps
NAP, LONGEST_NAP = 1e-4, 1e-3


class Stepper:
    """The jobs, as methods called by name."""

    def __init__(self, factory: EnvFactory, spec: FlatSpec, *_: Any):
        self._factory, self._spec = factory, spec

    def open(
        self,
        path: str,
        n: int,
        processes: int,
        place: int,
        share: range,
        seed_of: SeedOf,
    ) -> None:
        """Maps the table and builds this process's share of the environments."""
        self.table, self.place = Table(Path(path), self._spec, n, processes), place
        self._streams = Streams(self._factory, self._spec, self.table, share, seed_of)
        self.begin = self._streams.begin
        self.step = self._streams.step
        self.last = int(self.table.command[0])

    def is_asked(self) -> bool:
        """Whether a step is waiting to be taken."""
        return hasattr(self, "table") and self.table.command[0] != self.last


def main() -> None:
    """Takes steps and answers jobs (method, arguments) until the input ends."""
    jobs, answers = take_over_pipes()
    inbox = inbox_of(jobs)
    stepper, seen = Stepper(*cloudpickle.loads(inbox.get())), time.perf_counter()
    nap = NAP
    while True:
        if stepper.is_asked():
            try:
                stepper.step()
                stepper.last = int(stepper.table.command[0])
                stepper.table.done[stepper.place] = stepper.last
            except BaseException as error:
                send(answers, _fault(error))
                stepper.last = int(stepper.table.command[0])
                stepper.table.done[stepper.place] = -1
            seen, nap = time.perf_counter(), NAP
        elif time.perf_counter() - seen > PATIENCE:
            if inbox.empty():
                time.sleep(nap)
                nap = min(1.1 * nap, LONGEST_NAP)
                continue
            job = inbox.get()
            if job is None:
                return
            try:
                method, arguments = cloudpickle.loads(job)
                answer = "result", getattr(stepper, method)(*arguments)
            except BaseException as error:
                answer = _fault(error)
            send(answers, answer)


def _fault(error: BaseException) -> tuple[str, Any]:
    if isinstance(error, (*TOLD, ValueError)):
        return "told", error
    return "error", traceback.format_exc()


if __name__ == "__main__":
    main()
