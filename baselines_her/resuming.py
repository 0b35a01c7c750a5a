"""Going on with a run: what a checkpoint holds, when it is written, how it is read."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .config import Config
from .epochs import Epochs
from .off_policy import OffPolicy
from .runs.checkpoint import Checkpoints
from .runs.console import Console
from .runs.folder import FREE, differing_settings, read_config
from .stopping import Stop
from .versions import package_versions

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
        clock: Callable[[], float] = time.monotonic,
    ):
        """Takes what a checkpoint is made of; see `training.train`."""
        self._config, self._checkpoints = config, checkpoints
        self._algorithm, self._epochs, self._stop = algorithm, epochs, stop
        self._clock, self._last = clock, clock()

    def after_cycle(self) -> None:
        """Ends the run if somebody asked for that, or saves if it is time."""
        self._stop.raise_if_asked()
        if self._clock() - self._last >= self._config.loop.checkpoint_interval:
            self.save()

    def rescue(self) -> bool:
        """Saves when the run is being ended, unless a cycle is half done."""
        if self._algorithm.is_whole:
            self.save()
        return self._algorithm.is_whole

    def save(self) -> None:
        """Writes a checkpoint."""
        arrays, counters = self._algorithm.state()
        facts = {
            "config": self._config.to_flags(),
            "versions": package_versions(),
            "counters": counters,
            "epochs": self._epochs.state(),
        }
        self._checkpoints.save(arrays, facts, self._algorithm.n_cycles)
        self._last = self._clock()

    def restore(self, console: Console) -> None:
        """Takes up the folder's checkpoint, if there is one.

        Raises:
          ValueError: it is damaged or does not fit.
        """
        saved = self._checkpoints.load()
        if saved is None:
            console.say("no checkpoint yet: the run begins again")
            return
        try:
            self._require_same(saved.facts["config"])
            self._algorithm.load_state(saved.arrays, saved.facts["counters"])
            self._epochs.load_state(saved.facts["epochs"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the checkpoint does not fit this run: {error}") from None
        made, here = saved.facts["versions"], package_versions()
        for name in SAME:
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
    own = {"log_path": log_path, "resume": None, "save_path": None}
    return env or told, {**flags, **own, **given}
