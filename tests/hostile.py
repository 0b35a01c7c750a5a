"""Many hostile inputs to a command, tried in one process that measures itself.

A case makes its files in a folder of its own and returns the command's arguments.
"""

import contextlib
import io
import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

TIMEOUT = 60  # seconds until a case is ended; it must take far less
ROOM = 2 * 2**30  # bytes of address space beyond what the imports take


class Late(BaseException):
    """Raised in a case that does not end; no handler of errors catches it."""


def attempt(main, arguments):
    """What a command line does with these arguments: code, output, seconds of CPU."""
    out, err = io.StringIO(), io.StringIO()
    started = time.process_time()  # of work: the machine may be busy with others
    signal.setitimer(signal.ITIMER_REAL, TIMEOUT)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(argument) for argument in arguments])
    except SystemExit as error:
        code = error.code
    except BaseException as error:
        code = f"TRACEBACK {error!r}"[:300]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = time.process_time() - started
    return {
        "code": code,
        "out": out.getvalue(),
        "err": err.getvalue(),
        "seconds": seconds,
    }


def peak():
    """Megabytes that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def child(main, cases, warm_up):
    """Tries all cases below the folder that the command line names; prints JSON."""

    def late(*_):
        raise Late

    signal.signal(signal.SIGALRM, late)
    root = Path(sys.argv[1])
    (root / "warm-up").mkdir(parents=True)
    found = {"warm-up": attempt(main, warm_up(root / "warm-up"))}
    size = int(Path("/proc/self/statm").read_text().split()[0])
    limit = size * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for n, (name, make) in enumerate(cases.items()):
        folder = root / str(n)
        folder.mkdir()
        arguments = make(folder)
        before = peak()
        found[name] = attempt(main, arguments)
        found[name]["megabytes"] = peak() - before
    print("\n" + json.dumps(found))


def results(script, folder, environment, *arguments):
    """What `child` found, when `script` is run in a process of its own."""
    done = subprocess.run(
        [sys.executable, script, *arguments, folder],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def require_harmless(found, sentence):
    """A case was refused with a sentence that holds this one, or accepted (None)."""
    assert found["code"] == (0 if sentence is None else 2), found
    assert all(c.isprintable() or c == "\n" for c in found["out"] + found["err"])
    if sentence is None:
        assert found["err"] == ""
    else:
        assert found["err"].startswith("error: ")
        assert sentence in found["err"]
        assert found["err"].count("\n") == 1
        assert len(found["err"]) < 1000
        assert found["out"] == ""
    assert found["seconds"] < 2.0
    assert found["megabytes"] < 300
