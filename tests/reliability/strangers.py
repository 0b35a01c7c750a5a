"""Malicious pickles through playing, resuming and importing demonstrations.

python tests/reliability/strangers.py: none may run, take over 1 GB, or 2 seconds.
Each is tried in a process of its own, as a policy file, as an array of a legacy
demonstration file, and as manifest and state of a checkpoint.
"""

import io
import pickle
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

TRAP = "trap_was_run"
SHELL = f"touch {TRAP}"
CODE = f"open({TRAP!r}, 'w')"
READERS = ("policy", "legacy", "manifest", "state")


def text(value):
    """Opcodes that push a string."""
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def call(module, name, *arguments):
    """A protocol-4 program that calls module.name(*arguments)."""
    pushed = b"".join(a if isinstance(a, bytes) else text(a) for a in arguments)
    return b"\x80\x04" + text(module) + text(name) + b"\x93(" + pushed + b"tR."


def reduced(function, arguments, state=None):
    """A pickle of an object that reduces to a call."""

    class Reduces:
        def __reduce__(self):
            return (
                (function, arguments)
                if state is None
                else (
                    function,
                    arguments,
                    state,
                )
            )

    return pickle.dumps(Reduces(), protocol=4)


def laughs(levels):
    """Lists of ten references to the list before: 10^levels elements if walked."""
    program = b"\x80\x04](K\x01e\x94"
    for n in range(levels):
        program += b"](" + b"h" + bytes([n]) + (b"h" + bytes([n])) * 9 + b"e\x94"
    return program + b"."


def payloads():
    """Name -> bytes."""
    core = np._core.multiarray
    dtype = pickle.dumps(np.dtype("f8"), protocol=4)[2:-1]
    return {
        "os.system": call("os", "system", SHELL),
        "posix.system": call("posix", "system", SHELL),
        "os.popen": call("os", "popen", SHELL),
        "subprocess.getoutput": call("subprocess", "getoutput", SHELL),
        "pty.spawn": call("pty", "spawn", "/usr/bin/env"),
        "builtins.eval": call("builtins", "eval", CODE),
        "builtins.exec": call("builtins", "exec", CODE),
        "builtins.open": call("builtins", "open", TRAP, "w"),
        "__import__": call("builtins", "__import__", "this"),
        "getattr chain": call("builtins", "getattr", b"cos\n", "system").replace(
            b"cos\n", b"cos\nsystem\n"
        ),
        "dotted name": call("os", "path.os.system", SHELL),
        "operator.attrgetter": call("operator", "attrgetter", "system"),
        "functools.partial": call("functools", "partial", b"cos\nsystem\n", SHELL),
        "numpy.load": call("numpy", "load", "evil.npy"),
        "numpy.core.load": call("numpy.core.multiarray", "fromfile", "evil"),
        "numpy runstring": call(
            "numpy.testing._private.utils", "runstring", CODE, "{}"
        ),
        "numpy memmap": call("numpy", "memmap", TRAP, "u1", "w+"),
        "runpy.run_path": call("runpy", "run_path", "evil.py"),
        "runpy._run_code": call("runpy", "_run_code", CODE, b"}"),
        "pickle.loads": call("pickle", "loads", b"C\x01."),
        "nested pickle": reduced(pickle.loads, (call("os", "system", SHELL),)),
        "cloudpickle.loads": call("cloudpickle", "loads", b"C\x01."),
        "marshal": call("marshal", "loads", b"C\x01N"),
        "types.FunctionType": call("types", "FunctionType", b"N", b"}"),
        "ctypes": call("ctypes", "string_at", b"K\x00"),
        "shutil.rmtree": call("shutil", "rmtree", "nothing"),
        "codecs.open": call("codecs", "open", TRAP, "w"),
        "code.interact": call("code", "interact"),
        "EXT1": b"\x80\x04\x82\x01.",
        "EXT4": b"\x80\x04\x84\x01\x00\x00\x00.",
        "PERSID": b"\x80\x04Pevil\n.",
        "BINPERSID": b"\x80\x04" + text("evil") + b"Q.",
        "INST": b"\x80\x04(" + text(SHELL) + b"ios\nsystem\n.",
        "OBJ": b"\x80\x04(cos\nsystem\n" + text(SHELL) + b"o.",
        "NEWOBJ": b"\x80\x04cos\nsystem\n" + text(SHELL) + b"\x85\x81.",
        "huge array": reduced(np.ndarray, ((10**12,),)),
        "huge reconstruct": reduced(core._reconstruct, (np.ndarray, (2**40,), b"b")),
        "array state without data": reduced(
            core._reconstruct,
            (np.ndarray, (0,), b"b"),
            (1, (10**12,), np.dtype("f8"), False, b""),
        ),
        "forged object pointers": reduced(
            core._reconstruct,
            (np.ndarray, (0,), b"b"),
            (1, (1,), np.dtype("O"), False, b"\x41" * 8),
        ),
        "scalar of objects": reduced(core.scalar, (np.dtype("O"), b"\x41" * 8)),
        "huge void dtype": call("numpy", "dtype", "V999999999999"),
        "dtype state": b"\x80\x04" + dtype + b"(K\x03" + text("<") + b"}}}}}tb.",
        "BINBYTES8": b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b".",
        "LONG4": b"\x80\x04\x8b" + (2**31 - 1).to_bytes(4, "little") + b".",
        "FRAME": b"\x80\x04\x95" + (2**63).to_bytes(8, "little") + b".",
        "LONG_BINPUT": b"\x80\x04]r\xff\xff\xff\x7f.",
        "deep lists": b"\x80\x04" + b"](" * 200_000 + b"e" * 200_000 + b".",
        "deep tuples": b"\x80\x04)" + b"\x85" * 500_000 + b".",
        "billion laughs": laughs(12),
        "doubling": b"\x80\x04]" + b"2" * 1_000_000 + b"0" * 1_000_000 + b".",
    }


def write_npz(path, **members):
    """An npz whose object members are these pickles; others are arrays."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, value in members.items():
            sink = io.BytesIO()
            if isinstance(value, bytes):
                header = {"descr": "|O", "fortran_order": False, "shape": (2, 51)}
                np.lib.format.write_array_header_1_0(sink, header)
                sink.write(value)
            else:
                np.save(sink, value)
            file.writestr(f"{name}.npy", sink.getvalue())


def place(reader, payload, folder):
    """Puts the payload where the reader will meet it; returns the reader's path."""
    if reader == "policy":
        (folder / "policy.pkl").write_bytes(payload)
        return folder / "policy.pkl"
    if reader == "legacy":
        acs = np.zeros((2, 50, 4))
        write_npz(folder / "demos.npz", acs=acs, obs=payload, info=payload)
        return folder / "demos.npz"
    (folder / "checkpoint").mkdir()
    manifest = folder / "checkpoint" / "manifest.json"
    if reader == "manifest":
        manifest.write_bytes(payload)
    else:
        from baselines_her.replay.buffer import ReplayBuffer
        from baselines_her.runs.checkpoint import Checkpoints
        from baselines_her.types import EnvSpec

        spec = EnvSpec("E-v0", 1, 1, 1, (1.0,), 5, -1.0, 0.0)
        made = Checkpoints(manifest.parent, ReplayBuffer(spec, 10))
        made.save({"weights": np.zeros(3)}, {}, 1)
        write_npz(manifest.parent / "state_1.npz", weights=payload)
    return manifest.parent


def read(reader, path):
    """The reading process: refuses in a sentence, and tells its own time and peak."""
    if reader == "policy":
        from baselines_her.runs.policy_file import load_policy as call_it
    elif reader == "legacy":
        from baselines_her.runs.demo_file import load_demos as call_it
    else:
        from baselines_her.replay.buffer import ReplayBuffer
        from baselines_her.runs.checkpoint import Checkpoints
        from baselines_her.types import EnvSpec

        spec = EnvSpec("E-v0", 1, 1, 1, (1.0,), 5, -1.0, 0.0)

        def call_it(path):
            Checkpoints(Path(path), ReplayBuffer(spec, 10)).load()

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    outcome = "ACCEPTED"
    try:
        call_it(path)
    except ValueError as error:
        outcome = "refused" if "\n" not in str(error) else "MANY LINES"
    except BaseException as error:
        outcome = f"TRACEBACK {error!r}"
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{outcome}|{seconds}|{(peak - before) / 1e3}")


def main():
    """Tries all; the exit code tells whether all held."""
    found = payloads()
    bad, slowest, largest = 0, 0.0, 0.0
    for name, payload in found.items():
        for reader in READERS:
            with tempfile.TemporaryDirectory() as folder:
                path = place(reader, payload, Path(folder))
                (Path(folder) / "evil.py").write_text(CODE)
                command = [sys.executable, __file__, reader, str(path)]
                done = subprocess.run(
                    command, cwd=folder, capture_output=True, text=True, check=False
                )
                ran = (Path(folder) / TRAP).exists()
            if done.returncode or ran:
                print(f"FAILED {name} as {reader}: {done.returncode} {done.stderr}")
                bad += 1
                continue
            outcome, seconds, megabytes = done.stdout.strip().split("|")
            slowest = max(slowest, float(seconds))
            largest = max(largest, float(megabytes))
            if outcome != "refused" or float(seconds) > 2 or float(megabytes) > 1000:
                print(f"FAILED {name} as {reader}: {done.stdout}")
                bad += 1
    print(
        f"{len(found)} pickles x {len(READERS)} readers: {bad} failed, slowest "
        f"{slowest:.2f} s, at most {largest:.0f} MB"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(read(*sys.argv[1:]) if len(sys.argv) > 1 else main())
