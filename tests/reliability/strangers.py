"""Malicious pickles through playing, resuming and importing demonstrations.

python tests/reliability/strangers.py: none may run, take over 1 GB, or 2 seconds.
Each is tried in a process of its own, as a policy file, as either array of a legacy
demonstration file, and as manifest and state of a checkpoint.
"""

import pickle
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from pickled_npz import pickled, write_npz

TRAP = "trap_was_run"
SHELL = f"touch {TRAP}"
CODE = f"open({TRAP!r}, 'w')"
READERS = ("policy", "legacy obs", "legacy info", "manifest", "state")


def text(value):
    """Opcodes that push a string."""
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def call(module, name, *arguments):
    """A protocol-4 program that calls module.name(*arguments)."""
    pushed = b"".join(a if isinstance(a, bytes) else text(a) for a in arguments)
    return b"\x80\x04" + text(module) + text(name) + b"\x93(" + pushed + b"tR."


def reduced(*parts):
    """A pickle of an object that reduces to (function, arguments) and maybe a state."""

    class Reduces:
        def __reduce__(self):
            return parts

    return pickle.dumps(Reduces(), protocol=4)


def laughs(levels):
    """Lists of ten references to the list before: 10^levels elements if walked."""
    program = b"\x80\x04](K\x01e\x94"
    for n in range(levels):
        program += b"](" + b"h" + bytes([n]) + (b"h" + bytes([n])) * 9 + b"e\x94"
    return program + b"."


def shaped(*shape):
    """An empty array of objects whose shape is what these opcodes push."""
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n)C\x01btR"
    dtype = b"cnumpy\ndtype\n(" + text("O8") + b"K\x00K\x01tR"
    state = b"(K\x01(" + b"".join(shape) + b"t" + dtype + b"\x89]tb."
    return b"\x80\x04" + array + state


def steps(value, n):
    """Two episodes of n references to one step, whose every entry is `value`."""
    names = "observation", "achieved_goal", "desired_goal", "is_success"
    return pickled(np.array([[dict.fromkeys(names, value)] * n] * 2, object))[1]


def ten_times(value, levels, kind):
    """10^levels references to one value, if walked."""
    for _ in range(levels):
        value = kind([value] * 10)
    return value


def objects(values):
    """An array of objects, whatever they are."""
    array = np.empty(len(values), object)
    for n, value in enumerate(values):
        array[n] = value
    return array


def calls():
    """Calls of what must not be called."""
    eval_it = call("builtins", "eval", CODE)
    found = {
        f"{module}.{name}": call(module, name, *arguments)
        for module, name, *arguments in [
            ("os", "system", SHELL),
            ("posix", "system", SHELL),
            ("os", "popen", SHELL),
            ("os", "path.os.system", SHELL),
            ("subprocess", "getoutput", SHELL),
            ("pty", "spawn", "/usr/bin/env"),
            ("builtins", "exec", CODE),
            ("builtins", "open", TRAP, "w"),
            ("builtins", "__import__", "this"),
            ("builtins", "getattr", b"cos\nsystem\n", "system"),
            ("operator", "attrgetter", "system"),
            ("functools", "partial", b"cos\nsystem\n", SHELL),
            ("numpy", "load", "evil.npy"),
            ("numpy.core.multiarray", "fromfile", "evil"),
            ("numpy.testing._private.utils", "runstring", CODE, "{}"),
            ("numpy", "memmap", TRAP, "u1", "w+"),
            ("runpy", "run_path", "evil.py"),
            ("runpy", "_run_code", CODE, b"}"),
            ("pickle", "loads", b"C\x01."),
            ("cloudpickle", "loads", b"C\x01."),
            ("marshal", "loads", b"C\x01N"),
            ("types", "FunctionType", b"N", b"}"),
            ("ctypes", "string_at", b"K\x00"),
            ("shutil", "rmtree", "nothing"),
            ("codecs", "open", TRAP, "w"),
            ("code", "interact"),
        ]
    }
    nested = reduced(pickle.loads, (call("os", "system", SHELL),))
    return {**found, "builtins.eval": eval_it, "nested pickle": nested}


def opcodes():
    """Opcodes that import, call, or ask somebody else."""
    return {
        "EXT1": b"\x80\x04\x82\x01.",
        "EXT4": b"\x80\x04\x84\x01\x00\x00\x00.",
        "PERSID": b"\x80\x04Pevil\n.",
        "BINPERSID": b"\x80\x04" + text("evil") + b"Q.",
        "INST": b"\x80\x04(" + text(SHELL) + b"ios\nsystem\n.",
        "OBJ": b"\x80\x04(cos\nsystem\n" + text(SHELL) + b"o.",
        "NEWOBJ": b"\x80\x04cos\nsystem\n" + text(SHELL) + b"\x85\x81.",
    }


def forgeries():
    """Arrays and dtypes that are not what they say."""
    core = np._core.multiarray
    dtype = pickle.dumps(np.dtype("f8"), protocol=4)[2:-1]
    array, eight = (np.ndarray, (0,), b"b"), b"\x41" * 8
    no_data = 1, (10**12,), np.dtype("f8"), False, b""
    pointers = 1, (1,), np.dtype("O"), False, eight
    return {
        "huge array": reduced(np.ndarray, ((10**12,),)),
        "huge reconstruct": reduced(core._reconstruct, (np.ndarray, (2**40,), b"b")),
        "array state without data": reduced(core._reconstruct, array, no_data),
        "forged object pointers": reduced(core._reconstruct, array, pointers),
        "scalar of objects": reduced(core.scalar, (np.dtype("O"), eight)),
        "huge void dtype": call("numpy", "dtype", "V999999999999"),
        "dtype state": b"\x80\x04" + dtype + b"(K\x03" + text("<") + b"}}}}}tb.",
    }


def sizes():
    """Lengths and depths without the bytes that would explain them."""
    return {
        "BINBYTES8": b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b".",
        "LONG4": b"\x80\x04\x8b" + (2**31 - 1).to_bytes(4, "little") + b".",
        "FRAME": b"\x80\x04\x95" + (2**63).to_bytes(8, "little") + b".",
        "LONG_BINPUT": b"\x80\x04]r\xff\xff\xff\x7f.",
        "long FLOAT": b"\x80\x04F" + b"x" * 10_000_000 + b"\n.",
        "deep lists": b"\x80\x04" + b"](" * 200_000 + b"e" * 200_000 + b".",
        "deep tuples": b"\x80\x04)" + b"\x85" * 500_000 + b".",
        "doubling": b"\x80\x04]" + b"2" * 1_000_000 + b"0" * 1_000_000 + b".",
    }


def shared():
    """One thing that is referred to many times, and grows if every one is followed."""
    big = np.random.default_rng(0).normal(size=200_000)
    times = b"J" + (2_000_000).to_bytes(4, "little")
    thousand = b"x" * 1000
    long_number = b"\x8a\xff" + b"\x7f" * 255 + b"\x94"
    return {
        "billion laughs": laughs(12),
        "one array in all observations": steps(big, 51),
        "one array in all successes": steps(big, 50),
        "array in nested tuples": steps(ten_times(big, 12, tuple), 51),
        "array in nested lists": steps(ten_times(big, 12, list), 51),
        "array in nested arrays": steps(ten_times(big, 12, objects), 51),
        "success in nested arrays": steps(ten_times(big, 12, objects), 50),
        "steps that are nested arrays": pickled(ten_times(big, 12, objects))[1],
        "list in itself": b"\x80\x04]\x94(" + b"h\x00" * 5_000 + b"e.",
        "text times a shape": shaped(text("x" * 1000), times),
        "bytes times a shape": shaped(b"B\xe8\x03\0\0" + thousand, times),
        "list times a shape": shaped(b"](" + b"N" * 1000 + b"e", times),
        "long numbers in a shape": shaped(long_number, b"h\x00" * 5_000),
    }


def payloads():
    """Name -> bytes."""
    return {**calls(), **opcodes(), **forgeries(), **sizes(), **shared()}


def place(reader, payload, folder):
    """Puts the payload where the reader will meet it; returns the reader's path."""
    if reader == "policy":
        (folder / "policy.pkl").write_bytes(payload)
        return folder / "policy.pkl"
    if reader.startswith("legacy"):
        obs, info = steps(np.zeros(3), 51), steps(1.0, 50)
        obs, info = (payload, info) if reader == "legacy obs" else (obs, payload)
        members = {"acs": np.zeros((2, 50, 4)), "obs": ((2, 51), obs)}
        write_npz(folder / "demos.npz", {**members, "info": ((2, 50), info)}, False)
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
        write_npz(manifest.parent / "state_1.npz", {"weights": ((3,), payload)})
    return manifest.parent


def read(reader, path):
    """The reading process: refuses in a sentence, and tells its own time and peak."""
    if reader == "policy":
        from baselines_her.runs.policy_file import load_policy as call_it
    elif reader.startswith("legacy"):
        from baselines_her.demos.file import load_demos as call_it
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
        is_short = "\n" not in str(error) and len(str(error)) < 1000
        outcome = "refused" if is_short else "NOT A SENTENCE"
    except BaseException as error:
        outcome = f"TRACEBACK {error!r}"
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{outcome}|{seconds}|{(peak - before) / 1e3}")


def attempt(reader, payload):
    """(outcome, seconds, megabytes) of one payload in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = place(reader, payload, Path(folder))
        (Path(folder) / "evil.py").write_text(CODE)
        command = [sys.executable, __file__, reader, str(path)]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "NO END", 60.0, 0.0
        if (Path(folder) / TRAP).exists():
            return "RAN", 0.0, 0.0
    if done.returncode:
        return f"DIED {done.returncode} {done.stderr}", 0.0, 0.0
    outcome, seconds, megabytes = done.stdout.strip().rsplit("|", 2)
    return outcome, float(seconds), float(megabytes)


def main():
    """Tries all; the exit code tells whether all held."""
    found, bad, slowest, largest = payloads(), 0, 0.0, 0.0
    controls = {"legacy obs": steps(np.zeros(3), 51), "legacy info": steps(1.0, 50)}
    for reader, harmless in controls.items():  # what is refused was read that far
        assert attempt(reader, harmless)[0] == "ACCEPTED", reader
    for name, payload in found.items():
        for reader in READERS:
            outcome, seconds, megabytes = attempt(reader, payload)
            slowest, largest = max(slowest, seconds), max(largest, megabytes)
            if outcome != "refused" or seconds > 2 or megabytes > 1000:
                print(f"FAILED {name} as {reader}: {outcome} {seconds} {megabytes}")
                bad += 1
    most = f"slowest {slowest:.2f} s, at most {largest:.0f} MB"
    print(f"{len(found)} pickles x {len(READERS)} readers: {bad} failed, {most}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(read(*sys.argv[1:]) if len(sys.argv) > 1 else main())
