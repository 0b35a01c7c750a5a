"""Going on with a run: what a checkpoint holds, when it is written, how it is read."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..algorithms.her import OffPolicy
from ..config import Config
from ..parallel.communicator import Solo
from ..versions import package_versions
from .checkpoint import Checkpoints
from .console import Console
from .folder import DEFAULTS, FREE, differing_settings, read_config
from .loop import Epochs
from .stopping import Stop

# packages on which the bits depend
SAME = ("tensorflow", "numpy", "mujoco", "gymnasium", "gymnasium-robotics")


class Saver:
    """Writes checkpoints, on time and when somebody asks the run to end."""

    def __init__(
        self,
        config: Config,
        checkpoints: Checkpoints,
        algorithm: OffPolicy,
        epochs: Epochs,
        stop: Stop,
        comm=Solo(),
        clock: Callable[[], float] = time.monotonic,
    ):
        """Takes what a checkpoint is made of; see `training.train`."""
        self._config, self._checkpoints = config, checkpoints
        self._algorithm, self._epochs = algorithm, epochs
        self._stop, self._comm = stop, comm
        self._clock, self._last = clock, clock()

    def after_cycle(self) -> None:
        """Ends the run if somebody asked for that, or saves if it is time.

        All workers do the same, by the first one's clock.
        """
        is_due = self._clock() - self._last >= self._config.loop.checkpoint_interval
        if self._agree(is_due):
            self.save()

    def end_if_asked(self) -> None:
        """Ends the run on all workers if one was asked to."""
        self._agree(False)

    def rescue(self) -> bool:
        """Saves when the run is being ended, unless a cycle is half done."""
        together = self._comm.size == 1 or self._stop.is_agreed
        can_save = self._algorithm.is_whole and together
        if can_save:
            self.save()
        return can_save

    def save(self) -> None:
        """Writes a checkpoint."""
        arrays, counters = self._algorithm.state()
        facts = {
            "config": self._config.to_flags(),
            "versions": package_versions(),
            "counters": counters,
            "epochs": self._epochs.state(),
        }
        own = self._algorithm.own_state()
        number = self._algorithm.n_cycles
        self._checkpoints.save(arrays, facts, number, own)
        self._last = self._clock()

    def _agree(self, is_due: bool) -> bool:
        """The first worker's `is_due`, unless somebody was asked to end."""
        told = self._comm.gather((self._stop.signal, is_due))
        self._stop.agree([number for number, _ in told])
        return told[0][1]

    def restore(self, console: Console) -> None:
        """Takes up the folder's checkpoint, if there is one.

        Raises:
          ValueError: it is damaged or does not fit.
        """
        saved = self._checkpoints.load()
        if saved is None:
            console.say("no checkpoint yet: the run begins again")
            return
        facts = saved.facts
        try:
            self._require_same(facts["config"])
            self._algorithm.load_state(saved.arrays, facts["counters"])
            if saved.own is None:
                self._algorithm.take_dealt()
            else:
                self._algorithm.load_own_state(saved.own)
            self._epochs.load_state(facts["epochs"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the checkpoint does not fit this run: {error}") from None
        if saved.own is None:
            console.say(
                f"the run had {_count(saved.n_workers)} and goes on with "
                f"{_count(self._comm.size)}: its episodes are dealt out among them"
            )
        made, here = facts["versions"], package_versions()
        threads = "learner_threads"  # XLA's sums depend on their number
        made[threads] = str(facts["config"][threads])
        here[threads] = str(self._config.machine.learner_threads)
        for name in (*SAME, threads):
            if made.get(name) != here[name]:
                console.say(
                    f"warning: the run began with {name} {made.get(name)}, this is "
                    f"{here[name]}: its bits may differ"
                )
        steps = self._algorithm.n_env_steps
        console.say(f"goes on after {steps:,} env steps")
        console.resumes(steps)

    def _require_same(self, found: dict[str, Any]) -> None:
        differing = differing_settings(found, self._config)
        if differing:
            raise ValueError(
                f"the checkpoint must be of this run, found one with other settings "
                f"({differing}).  Remove the folder `checkpoint`, or use another."
            )


def _count(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


def resumed_knobs(
    knobs: dict[str, Any], env: str | None, has_maker: bool
) -> tuple[str | None, dict[str, Any]]:
    """Environment and settings of a training, with `resume` looked up.

    Raises:
      ValueError: a setting is given that cannot change when a run goes on, or the
        run's environment must be repeated.
    """
    folder = knobs.get("resume")
    if folder is None:
        return env, knobs
    given = {k: v for k, v in knobs.items() if k != "resume"}
    if given.pop("log_path", None) not in (None, folder):
        raise ValueError("a run goes on in its own folder: drop --log_path.")
    fixed = sorted(set(given) - set(FREE))
    if fixed:
        raise ValueError(
            f"a run goes on with its own settings, found --{fixed[0]}.  Only "
            f"{', '.join(sorted(set(FREE) - {'log_path', 'resume'}))} may be given."
        )
    flags = read_config(folder)
    told = flags.pop("env", None)
    if not isinstance(told, str):
        raise ValueError(f"{folder}/config.json names no environment.")
    if ":" in told and env is None and not has_maker:
        raise ValueError(
            f"the run names {told}, and a module is not imported on a file's word.  If "
            f"you trust it, repeat it: --env={told}"
        )
    log_path = str(Path(folder).expanduser())
    # the file's word writes no file outside the run's own folder
    own = {"log_path": log_path, "resume": None, "save_path": None, "num_cpu": None}
    usual = {k: v for k, v in DEFAULTS.items() if k != "env"}  # what came after the run
    return env or told, {**usual, **flags, **own, **given}
