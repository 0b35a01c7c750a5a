"""`baselines-her sweep --env=HalfCheetah --alg=ppo --trials=60 --num_timesteps=1e6`.

Flags that are not the sweep's own, such as --preset=tuned, go to every training.  The
same command again continues the sweep.
"""

import argparse
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from ..algorithms import Entry, entry
from ..cli.command import Parser, run_command
from ..cli.flags import parse_flags
from ..config import fields_of, from_flags, require_effects, to_flags
from ..envs.make import resolve_id
from ..runs.foreign import printable
from ..versions import available_cores
from .objective import Budget, Objective
from .results import (
    complete,
    confirm,
    recommended,
    settings_of,
    write_page,
    write_table,
)
from .space import Dimension, default_space, read_space, widened
from .study import Sweep, begin_with_preset, open_study
from .training import end_with_parent
from .trials import line_of, run_trials

HELPER_SEEDS = 100_003  # apart, so that helpers draw other values
SAMPLERS, PRUNERS = ("tpe", "random", "grid"), ("median", "halving", "none")


class Counts(NamedTuple):
    """`3x5`: the best 3 settings on 5 fresh seeds each."""

    best: int
    seeds: int


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    options, rest = _parser().parse_known_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    return run_command(_sweep, options, rest, arguments)


def _sweep(options: argparse.Namespace, rest: list[str], arguments: list[str]) -> None:
    sweep = sweep_of(options, parse_flags(rest))
    name = f"{sweep.given.get('alg', 'her')}_{sweep.given['env']}"
    folder = options.out or Path("sweeps") / name.replace("/", "_").replace(":", "_")
    n_trials, counts = n_trials_of(options, sweep), counts_of(options.confirm)
    with storage_errors(options.storage or folder):
        study = open_study(sweep, folder, options.storage)
        if not options.helper:
            begin_with_preset(study, sweep)
        jobs = 1 if options.helper else options.jobs
        others = [_start(arguments, n) for n in range(1, jobs)]

        def on_trial(trial: Any) -> None:
            print(line_of(trial), flush=True)
            write_table(study, sweep, folder / "sweep.csv")

        try:
            run_trials(study, sweep, folder, n_trials, on_trial)
            for process in others:
                process.wait()
        finally:
            for process in others:
                process.terminate()
            for process in others:
                process.wait()
        if options.helper:
            return
        write_table(study, sweep, folder / "sweep.csv")
        best = complete(study)
        if not best:
            raise RuntimeError(
                "a trial must be completed, but none was: see the errors in "
                f"{folder / 'sweep.csv'}, and log.txt beside each run."
            )
        print(f"best: {best[0].value:.4g}, trial {best[0].number}")
        found = settings_of(best[0], sweep)
        if counts.best:
            found = confirm(study, sweep, folder, *counts)
        print(recommended(found, sweep))
        print(f"wrote {printable(write_page(study, sweep, folder))}")


def sweep_of(options: argparse.Namespace, flags: dict[str, Any]) -> Sweep:
    """The sweep that a command line describes.

    Raises:
      ValueError: an option or a flag is wrong.
    """
    if options.seeds < 1 or options.trials < 1 or options.jobs < 1:
        raise ValueError("trials, seeds and jobs must be at least 1.")
    if (options.minutes is None) == ("num_timesteps" not in flags):
        raise ValueError("a sweep needs --minutes or --num_timesteps, and not both.")
    if options.minutes is not None and not options.minutes > 0:
        raise ValueError(f"minutes must be above 0, found {options.minutes:g}.")
    if options.hang is not None and not options.hang > 0:
        raise ValueError(f"hang must be above 0, found {options.hang:g}.")
    if options.level is not None and options.minutes is None:
        raise ValueError("level counts minutes: give --minutes, not --num_timesteps.")
    config = to_flags(from_flags(**flags))
    if options.minutes is not None and config.get("lr_schedule") == "linear":
        raise ValueError(
            "a linear learning rate ends with num_timesteps, which --minutes leaves "
            "open.  Give --num_timesteps, or another --lr_schedule."
        )
    steps = flags.pop("num_timesteps", None)
    for name in "seed", "log_path", "stop_at", "resume", "play", "save_path":
        if name in flags:
            raise ValueError(f"a sweep sets {name} itself: drop --{name}.")
    flags = {**flags, "env": resolve_id(flags.get("env", "FetchReach"))}
    algorithm = entry(flags.get("alg", "her"))
    require_effects(from_flags(**flags), flags)
    named = options.space != "default"
    own = to_flags(from_flags(**flags))
    space = (
        read_space(options.space, algorithm)
        if named
        else [widened(d, own.get(d.name)) for d in default_space(algorithm)]
    )
    space = left_of(space, flags, algorithm)
    if not space:
        raise ValueError("every setting of the space is given: nothing is left to try.")
    if options.level is not None and not options.level > 0:
        raise ValueError(f"level must be above 0, found {options.level:g}.")
    return Sweep(
        given=flags,
        space=space,
        budget=Budget(steps or float("inf"), options.minutes or float("inf")),
        objective=Objective(options.level),
        n_seeds=options.seeds,
        sampler=options.sampler,
        sampler_seed=options.sampler_seed + HELPER_SEEDS * options.helper,
        pruner=options.pruner,
        hang_minutes=options.hang or patience(options.minutes),
        machine=machine_of(options.jobs, algorithm),
    )


def patience(minutes: float | None) -> float:
    """Minutes without an evaluation after which a training counts as hanging."""
    return 30.0 if minutes is None else max(5.0, 2.0 * minutes)


def machine_of(jobs: int, algorithm: Entry) -> dict[str, int]:
    """Flags that share the cores out among jobs; none if there is one job."""
    if jobs == 1:
        return {}
    cores = max(1, available_cores() // jobs)
    wanted = {"learner_threads": cores, "steppers": cores, "collectors": cores - 1}
    return {k: v for k, v in wanted.items() if k in fields_of(algorithm.settings)}


def left_of(
    space: list[Dimension], flags: dict[str, Any], algorithm: Entry
) -> list[Dimension]:
    """The dimensions that given flags do not decide, and their possible choices."""
    given = {*algorithm.expand(flags)}
    if "nminibatches" in given:
        given.add("batch_size")
    found = []
    for dimension in space:
        if dimension.name in given:
            continue
        possible = [c for c in dimension.choices if _fits({**flags, dimension.name: c})]
        if not dimension.choices or len(possible) > 1:
            found.append(dimension._replace(choices=tuple(possible)))
    return found


def _fits(flags: dict[str, Any]) -> bool:
    try:
        from_flags(**flags)
    except ValueError:
        return False
    return True


def n_trials_of(options: argparse.Namespace, sweep: Sweep) -> int:
    """The number of trials; a grid has no more than its points."""
    size = 1
    for dimension in sweep.space:
        size *= len(dimension.choices)
    return min(options.trials, size) if sweep.sampler == "grid" else options.trials


def counts_of(text: str | None) -> Counts:
    """`3x5` as numbers; None: nothing is confirmed.

    Raises:
      ValueError: it is not two numbers.
    """
    if text is None:
        return Counts(0, 0)
    best, mark, seeds = text.partition("x")
    if not (mark and best.isdigit() and seeds.isdigit() and int(best) * int(seeds)):
        raise ValueError(
            f"confirm must be the best N on M seeds, as 3x5, found {text!r}."
        )
    return Counts(int(best), int(seeds))


class storage_errors:
    """Turns the errors of a storage into one sentence."""

    def __init__(self, storage: Any):
        self._storage = storage

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, ImportError) and "DB access module" in str(error):
            missing = getattr(error.__cause__, "name", None) or "of its driver"
            raise RuntimeError(
                f"the sweep's storage needs the Python package {missing}.  Install it: "
                f"pip install {missing}"
            ) from None
        names = {c.__module__.partition(".")[0] for c in (kind.__mro__ if kind else ())}
        if names & {"optuna", "sqlalchemy", "sqlite3"}:
            shown = re.sub("//[^@/]*@", "//...@", printable(self._storage))  # passwords
            reason = str(_root(error)).strip().splitlines() or [kind.__name__]
            raise RuntimeError(
                f"the sweep's storage {shown} cannot be used: "
                f"{printable(reason[0].rstrip('.'), 300)}.  What has ended is kept; "
                "the same command continues."
            ) from None


def _root(error: BaseException) -> BaseException:
    """The error that is behind an error: Optuna's own speak of anything."""
    return error if error.__cause__ is None else _root(error.__cause__)


def _start(arguments: list[str], number: int) -> subprocess.Popen:
    """Another process that works on the same study."""
    words = [*arguments, f"--helper={number}"]
    return subprocess.Popen(
        [sys.executable, "-m", "baselines_her.sweep", *words],
        start_new_session=True,
        preexec_fn=end_with_parent if sys.platform == "linux" else None,
    )


def _parser() -> Parser:
    parser = Parser(
        prog="sweep",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--space", default="default", metavar="FILE", help="TOML; default: the usual")
    add("--trials", type=int, default=50, help="of the whole sweep (default: 50)")
    add("--seeds", type=int, default=1, help="trainings of a trial (default: 1)")
    add("--minutes", type=float, help="of a training; or give --num_timesteps")
    add("--level", type=float, help="minimise the minutes to this score")
    add("--pruner", choices=PRUNERS, default="median", help="default: median")
    add("--sampler", choices=SAMPLERS, default="tpe", help="default: tpe")
    add("--sampler_seed", type=int, default=0, help="default: 0")
    add("--storage", metavar="URL", help="default: a file in the sweep's folder")
    add("--out", type=Path, metavar="FOLDER", help="default: sweeps/<alg>_<env>")
    add("--jobs", type=int, default=1, help="trials at the same time (default: 1)")
    add("--confirm", metavar="NxM", help="train the best N again, on M fresh seeds")
    words = "end a training without an evaluation for so long (default: 30; with "
    add("--hang", type=float, metavar="MINUTES", help=f"{words}--minutes: twice that)")
    add("--helper", type=int, default=0, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
