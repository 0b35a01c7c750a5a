"""Launching workers: the variables that mpiexec sets, and `--num_cpu=N`."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

RANKS = "PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK"
SIZES = "PMI_SIZE", "OMPI_COMM_WORLD_SIZE"  # MPICH, Intel MPI, Slurm; Open MPI
OUTPUT_SECONDS = 5.0  # to wait for the last lines of a process that has ended
PREFIXES = "PMI", "OMPI_", "MPI_", "HYD", "SLURM_PMI"  # of the launchers' variables
REPORTS = "BASELINES_HER_REPORTS"  # names the folder in which workers report their end
KINDS = {  # of MPI: names in the version texts, and flags of mpiexec
    "MPICH": (("mpich", "hydra", "intel"), ()),
    "Open MPI": (
        ("open mpi", "open-mpi", "openrte"),
        ("--oversubscribe", "--bind-to", "none"),
    ),
}


def launched_rank() -> int:
    """This process's rank among those that were launched together, or 0."""
    return max(int(os.environ.get(name, 0)) for name in RANKS)


def launched_size() -> int | None:
    """The number of launched processes; 1 without a launcher, None if unknown."""
    sizes = [int(os.environ[name]) for name in SIZES if name in os.environ]
    if not sizes and "PMIX_RANK" in os.environ:
        return None
    return max(sizes, default=1)


def without_launcher(environment: Mapping[str, str]) -> dict[str, str]:
    """Environment variables for a child that is not one of the workers."""
    return {k: v for k, v in environment.items() if not k.startswith(PREFIXES)}


def relaunch(module: str, arguments: Sequence[str], n: int) -> int:
    """Runs `python -m module arguments` as n workers; returns the exit code.

    Ctrl-C and SIGTERM reach the workers through mpiexec, which also ends if this
    process is killed.

    Raises:
      RuntimeError: there is no MPI, or no mpiexec that matches it.
    """
    command = [*find_mpiexec(), "-n", str(n), sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryDirectory() as reports:
        process = subprocess.Popen(
            command,
            env={**without_launcher(os.environ), REPORTS: reports},
            start_new_session=True,  # so that Ctrl-C reaches it only once, through us
            preexec_fn=_end_with_parent,
            stdout=subprocess.PIPE,  # `| head` would end mpiexec, but not this process
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        with _passing_on_signals(process), _passing_on_output(process):
            code = process.wait()
        codes = _reported_codes(Path(reports))
    if any(codes.values()):  # mpiexec may return the signal that ended the others
        return next(code for code in codes.values() if code)
    missing = sorted(set(range(n)) - {*codes})
    # after os._exit(0), MPICH returns 0 or the signal with which it ended the others
    if missing and code in (0, signal.SIGKILL):
        names = " and ".join(f"rank {rank}" for rank in missing)
        print(f"error: {names} ended before the run did", file=sys.stderr)
        return 1
    return code if code >= 0 else 128 - code


def report_end(rank: int, code: int = 0) -> None:
    """Reports to the launching process that this worker ends with this exit code."""
    if REPORTS in os.environ:
        (Path(os.environ[REPORTS]) / str(rank)).write_text(str(code))


def _reported_codes(reports: Path) -> dict[int, int]:
    """Exit codes by rank; a worker that was ended while it wrote its own has 1."""
    paths = sorted(reports.iterdir(), key=lambda path: int(path.name))
    return {int(path.name): int(path.read_text() or 1) for path in paths}


def find_mpiexec() -> list[str]:
    """The mpiexec of the MPI library that mpi4py loads, with the flags it needs.

    Raises:
      RuntimeError: there is none.
    """
    library = _library()
    kind = next((k for k, (words, _) in KINDS.items() if _has(library, words)), None)
    if kind is None:
        raise RuntimeError(f"the MPI library is of an unknown kind: {library[:60]}.")
    words, flags = KINDS[kind]
    beside = Path(sys.executable).parent / "mpiexec"  # where pip puts it
    for candidate in str(beside), shutil.which("mpiexec"):
        if candidate and Path(candidate).exists():
            version = _output([candidate, "--version"])
            if _has(version, words):
                as_root = kind == "Open MPI" and os.geteuid() == 0
                extra = ["--allow-run-as-root"] if as_root else []
                return [candidate, *flags, *extra]
    raise RuntimeError(
        f"num_cpu needs the mpiexec of {kind}, the installed MPI library, but found "
        "none.  Install it, or run `pip install '.[mpi]'` for both."
    )


def _library() -> str:
    code = "from mpi4py import MPI; print(MPI.Get_library_version())"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=without_launcher(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        reason = (found.stderr.strip() or "no reason given").splitlines()[-1]
        raise RuntimeError(
            f"num_cpu needs MPI, which cannot be loaded ({reason}).  Run: pip install "
            "'.[mpi]'"
        )
    return found.stdout


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def _has(text: str, words: Sequence[str]) -> bool:
    return any(word in text.lower() for word in words)


@contextlib.contextmanager
def _passing_on_signals(process: subprocess.Popen):
    def pass_on(number, _):
        process.send_signal(number)

    def end(number, _):
        process.terminate()  # a launcher does not pass on SIGHUP

    kept = {n: signal.signal(n, pass_on) for n in (signal.SIGINT, signal.SIGTERM)}
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        kept[signal.SIGHUP] = signal.signal(signal.SIGHUP, end)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _passing_on_output(process: subprocess.Popen):
    def pass_on(source, target):
        for line in source:
            target.write(line)
            target.flush()

    pairs = (process.stdout, sys.stdout), (process.stderr, sys.stderr)
    threads = [threading.Thread(target=pass_on, args=p, daemon=True) for p in pairs]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join(OUTPUT_SECONDS)


def _end_with_parent() -> None:
    """On Linux: sends this process SIGTERM when its parent ends for any reason."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
