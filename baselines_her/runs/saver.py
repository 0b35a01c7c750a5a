"""Decides what a checkpoint holds and when it is written; continues runs from one."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ..algorithms import DEFAULT, entry
from ..config import Config, plain, to_flags
from ..parallel.communicator import Solo
from ..types import Algorithm, Communicator
from ..versions import package_versions
from .arrays import DAMAGE, reason_of
from .checkpoint import Checkpoints
from .console import Console
from .facts import require_facts
from .folder import FREE, differing_settings, read_config, require_usable
from .foreign import printable
from .stopping import Stop

# packages on which the bits depend
SAME = ("tensorflow", "numpy", "mujoco", "gymnasium", "gymnasium-robotics")
ROOM = 2**20  # bytes
LONGEST = 100  # most characters of a version that are shown
THREADS = "learner_threads"  # XLA's sums depend on their number


class Stateful(Protocol):
    """The loop, as a checkpoint sees it."""

    def state(self) -> dict[str, Any]:
        """The state, as JSON can hold it."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Restores what `state()` returned."""


class Saver:
    """Writes checkpoints, regularly and when the run is asked to end."""

    def __init__(
        self,
        config: Config,
        checkpoints: Checkpoints,
        algorithm: Algorithm,
        loop: Stateful,
        stop: Stop,
        columns: set[str],
        comm: Communicator = Solo(),
        clock: Callable[[], float] = time.monotonic,
    ):
        """Takes the parts of a checkpoint; see `training.train`."""
        self._columns = columns
        self._config, self._checkpoints = config, checkpoints
        self._algorithm, self._loop = algorithm, loop
        self._stop, self._comm = stop, comm
        self._clock, self._last = clock, clock()

    def after_iteration(self) -> None:
        """Ends the run if it was asked to, or saves if it is time.

        All workers do the same, by the first worker's clock.
        """
        is_due = self._clock() - self._last >= self._config.loop.checkpoint_interval
        if self._agree(is_due):
            self.save()

    def end_if_asked(self) -> None:
        """Ends the run on all workers if one of them was asked to."""
        self._agree(False)

    def rescue(self) -> bool:
        """Saves when the run is about to end; returns whether that was possible.

        It is not possible while an iteration is half done, or if the other workers do
        not know that the run ends.
        """
        together = self._comm.size == 1 or self._stop.is_agreed
        if not (self._stop.is_whole and together):
            return False
        try:
            self.save()
        except (OSError, RuntimeError):  # report what ends the run, not this error
            return False
        return True

    def save(self) -> None:
        """Writes a checkpoint."""
        arrays, counters = self._algorithm.state()
        facts = {
            "config": to_flags(self._config),
            "versions": package_versions(),
            "counters": counters,
            "epochs": self._loop.state(),
        }
        own = self._algorithm.own_state()
        number = self._algorithm.n_iterations
        self._checkpoints.save(arrays, facts, number, own)
        self._last = self._clock()

    def _agree(self, is_due: bool) -> bool:
        """The first worker's `is_due`; raises if any worker was asked to end."""
        found = self._comm.gather((self._stop.signal, is_due))
        self._stop.agree([number for number, _ in found])
        return found[0][1]

    def restore(self, console: Console) -> None:
        """Restores the folder's checkpoint, if there is one.

        Raises:
          ValueError: it is damaged or does not fit.
        """
        saved = self._checkpoints.load(self._room())
        if saved is None:
            console.say("no checkpoint yet: the run starts from the beginning")
            return
        facts = saved.facts
        try:
            require_facts(facts, self._algorithm, self._config, self._columns)
        except DAMAGE as error:
            raise _misfit(error) from None
        self._require_same(facts["config"])
        try:
            self._algorithm.load_state(saved.arrays, facts["counters"])
            if saved.own is None:
                self._algorithm.take_dealt()
            else:
                self._algorithm.load_own_state(saved.own)
            self._loop.load_state(facts["epochs"])
            notes = self._version_notes(facts)
        except (LookupError, TypeError, AttributeError, ArithmeticError) as error:
            raise _misfit(error) from None
        if saved.own is None:
            console.say(
                f"the run had {_count(saved.n_workers)} and continues with "
                f"{_count(self._comm.size)}: its episodes are dealt out among them"
            )
        for note in notes:
            console.say(note)
        steps = self._algorithm.n_env_steps
        console.say(f"continues after {steps:,} env steps")
        console.resumes(steps)

    def _room(self) -> int:
        """The most bytes that the arrays of one state may take.

        That is twice the current ones.  A sampler may also keep something for each
        transition, which takes less than half of the transition itself.
        """
        arrays, _ = self._algorithm.state()
        ring = self._algorithm.ring
        room = ROOM + 2 * sum(array.nbytes for array in arrays.values())
        if ring is not None:
            one = ring.episodes(0, 1).values()
            room += ring.capacity * sum(array.nbytes for array in one) // 2
        return room

    def _version_notes(self, facts: dict[str, Any]) -> list[str]:
        made, here = dict(facts["versions"]), package_versions()
        made[THREADS] = str(facts["config"].get(THREADS))
        made = {name: printable(text, LONGEST) for name, text in made.items()}
        here[THREADS] = str(self._config.machine.learner_threads)
        return [
            f"warning: the run began with {name} {made.get(name)}, this is "
            f"{here[name]}: its bits may differ"
            for name in (*SAME, THREADS)
            if made.get(name) != here[name]
        ]

    def _require_same(self, found: dict[str, Any]) -> None:
        differing = differing_settings(found, self._config)
        if differing:
            raise ValueError(
                f"the checkpoint must be of this run, found one with other settings "
                f"({differing}).  Remove the folder `checkpoint`, or use another."
            )


def _misfit(error: BaseException) -> ValueError:
    return ValueError(f"the checkpoint does not fit this run: {reason_of(error)}")


def _count(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


def resumed_flags(
    flags: dict[str, Any], env: str | None, has_maker: bool
) -> tuple[str | None, dict[str, Any]]:
    """Environment and settings of a training, with `resume` looked up.

    Args:
      flags: the user's flags.
      env: the environment that the user named.
      has_maker: whether a function of the user builds the environment.

    Raises:
      ValueError: a given setting cannot change when a run continues, or the user must
        name the run's environment again.
    """
    folder = flags.get("resume")
    if folder is None:
        return env, flags
    given = {k: v for k, v in flags.items() if k != "resume"}
    if given.pop("log_path", None) not in (None, folder):
        raise ValueError("a run continues in its own folder: drop --log_path.")
    saved = read_config(folder)
    require_usable(Path(folder).expanduser())
    if given.get("alg") == saved.get("alg", DEFAULT):
        del given["alg"]
    fixed = sorted(set(given) - set(FREE))
    if fixed:
        raise ValueError(
            f"a run continues with its own settings, found --{fixed[0]}.  Only "
            f"{', '.join(sorted(set(FREE) - {'log_path', 'resume'}))} may be given."
        )
    name = saved.pop("env", None)
    if not isinstance(name, str):
        raise ValueError(f"{folder}/config.json names no environment.")
    if ":" in name and env is None and not has_maker:
        raise ValueError(
            f"the run names {name}, but a module that only a file names is not "
            f"imported.  If you trust it, give --env={name}"
        )
    log_path = str(Path(folder).expanduser())
    # the file must not make the run write outside its own folder
    own = {"log_path": log_path, "resume": None, "save_path": None, "num_cpu": None}
    settings = entry(saved.get("alg", DEFAULT)).settings
    usual = {k: v for k, v in plain(settings).items() if k != "env"}  # newer settings
    return env or name, {**usual, **saved, **own, **given}
