"""Hostile demonstration files and arguments for `python -m baselines_her.demos`."""

import io
import json
import os
import struct
import zipfile

import numpy as np
from hostile import child
from pickled_npz import pickled, write_npz

from baselines_her.runs.arrays import sha256_of

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"
N, T, A, S = 2, 50, 4, 40  # of FetchReach, but for the states
OBS, GOAL = 10, 3
LACKS = object()


def good_arrays():
    """Arrays of two episodes of FetchReach."""
    return {
        "obs": np.zeros((N, T + 1, OBS), "<f4"),
        "achieved": np.zeros((N, T + 1, GOAL), "<f4"),
        "goal": np.zeros((N, GOAL), "<f4"),
        "action": np.zeros((N, T, A), "<f4"),
        "success": np.zeros(N, "|b1"),
        "seed": np.zeros(N, "<i8"),
        "state0": np.zeros((N, S), "<f8"),
    }


def npz(members):
    """Archive bytes of name -> array or npy bytes."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        for name, member in members.items():
            if isinstance(member, np.ndarray):
                held = io.BytesIO()
                np.save(held, member)
                member = held.getvalue()
            file.writestr(f"{name}.npy", member)
    return sink.getvalue()


def demos_bytes(arrays=None, **facts):
    """A file of ours with a digest that holds, whatever else is wrong with it."""
    held = {**good_arrays(), **(arrays or {})}
    held = {name: array for name, array in held.items() if array is not LACKS}
    stated = {
        "format": "baselines_her demonstrations",
        "version": 1,
        "env_id": "FetchReach-v4",
        "shapes": {n: list(a.shape) for n, a in held.items()},
        **facts,
    }
    stated = {name: fact for name, fact in stated.items() if fact is not LACKS}
    parts = [json.dumps(stated, sort_keys=True).encode()]
    for name in sorted(held):
        parts += name.encode() + b"\0", held[name].tobytes()
    meta = json.dumps({"sha256": sha256_of(parts), **stated}).encode()
    return npz({**held, "meta": np.frombuffer(meta, np.uint8)})


def meta_bytes(text):
    """A file whose meta text is this one."""
    return npz({**good_arrays(), "meta": np.frombuffer(text.encode(), np.uint8)})


def saved(data, *flags, command="info"):
    """A case: the command with a file of these bytes, or of what `data` returns."""

    def make(folder):
        content = data() if callable(data) else data
        (folder / "demos.npz").write_bytes(content)
        return [command, folder / "demos.npz", *flags]

    return make


def placed(put):
    """A case: `info` of what `put` makes at a path."""

    def make(folder):
        put(folder / "demos.npz")
        return ["info", folder / "demos.npz"]

    return make


def converted(target, *flags):
    """A case: a good file, converted to `target`."""

    def make(folder):
        (folder / "demos.npz").write_bytes(demos_bytes())
        return ["convert", folder / "demos.npz", target.format(folder=folder), *flags]

    return make


def sparse(size, end=b""):
    """Puts a file of this size that takes no room on the disk."""

    def put(path):
        with path.open("wb") as file:
            file.truncate(size)
            file.seek(size - len(end))
            file.write(end)

    return put


def long_directory():
    """The end of a zip archive whose list of members is 1.8 GB long."""
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 1_800_000_000, 0, 0)


def many_members():
    """200,000 members without content."""
    name, n = b"a" * 8, 200_000
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", *[0] * 18)
    entry = entry[:28] + struct.pack("<H", len(name)) + entry[30:] + name
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, n * len(entry), 0, 0)
    return entry * n + end


def encrypted():
    """The flag of encryption in every entry of the list."""
    data = bytearray(demos_bytes())
    at = data.find(b"PK\1\2")
    while at >= 0:
        data[at + 8] |= 1
        at = data.find(b"PK\1\2", at + 1)
    return bytes(data)


def npy(header, body=b"", version=b"\x01\x00"):
    """An npy file with this header."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + body


def with_obs(header, version=b"\x01\x00"):
    """A file whose observations have this npy header."""
    facts = {"format": "baselines_her demonstrations", "version": 1, "sha256": ""}
    facts["shapes"] = {n: list(a.shape) for n, a in good_arrays().items()}
    meta = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    return npz({**good_arrays(), "obs": npy(header, b"x" * 80, version), "meta": meta})


def twice():
    """An archive with two arrays of one name."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as file:
        for name in "obs.npy", "obs":
            file.writestr(name, b"")
    return sink.getvalue()


def deflated(name):
    """An archive whose member is a bomb: 200 MB of zeros in 200 kB."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        with file.open(f"{name}.npy", "w") as member:
            for _ in range(200):
                member.write(bytes(10**6))
    return sink.getvalue()


def legacy_bytes(**changes):
    """A file of OpenAI baselines, with changed members."""
    step = {
        "observation": np.zeros(OBS),
        "achieved_goal": np.zeros(GOAL),
        "desired_goal": np.zeros(GOAL),
    }
    members = {
        "acs": np.zeros((N, T, A)),
        "obs": pickled(np.array([[step] * (T + 1)] * N, object)),
        "info": pickled(np.array([[{"is_success": 1.0}] * T] * N, object)),
        **changes,
    }
    sink = io.BytesIO()
    write_npz(sink, members)
    return sink.getvalue()


def shapes_with(shape):
    """The stated shapes, with another one of obs."""
    return {**{n: list(a.shape) for n, a in good_arrays().items()}, "obs": shape}


def minari_damaged(folder):
    """A Minari dataset whose metadata are no JSON."""
    place = os.path.join(os.environ["MINARI_DATASETS_PATH"], "bad", "bad-v0", "data")
    os.makedirs(place)
    with open(os.path.join(place, "metadata.json"), "w") as file:
        file.write("{")
    return ["convert", "minari:bad/bad-v0", folder / "out.npz"]


nan = np.full((N, T, A), np.nan, "<f4")
large = np.full((N, T, A), 3e38, "<f4")
far = np.where(np.arange(T + 1)[:, None] % 2, 3e38, -3e38).astype("<f4")
program = b"\x80\x04cos\nsys\x1b[2Jtem\n."
longer = {
    "obs": np.zeros((N, 61, OBS), "<f4"),
    "achieved": np.zeros((N, 61, GOAL), "<f4"),
    "action": np.zeros((N, 60, A), "<f4"),
}
NOT = "is not a demonstration file: "
HEADER = "{'descr': '<f4', 'fortran_order': %s, 'shape': (2, 51, 10)}"

# name -> (the case, a part of the sentence that refuses it; None: it is harmless)
FILES = {
    "no file, escapes in its name": (
        lambda folder: ["info", folder / f"a{ESCAPES}.npz"],
        NOT + "there is no such file",
    ),
    "a folder": (placed(lambda path: path.mkdir()), NOT + "it is a folder"),
    "a pipe": (placed(os.mkfifo), "not a regular file"),
    "an endless device": (
        placed(lambda path: path.symlink_to("/dev/zero")),
        "not a regular file",
    ),
    "a terminal": (placed(lambda path: path.symlink_to("/dev/tty")), NOT),
    "a link to itself": (placed(lambda path: path.symlink_to(path)), "demos.npz"),
    "a sparse file of 3 GB": (placed(sparse(3 * 10**9)), "it is longer than"),
    "a sparse file of 2 GB": (placed(sparse(2 * 10**9)), "not a zip archive"),
    "a list of members of 1.8 GB": (
        placed(sparse(2 * 10**9, long_directory())),
        "its list of arrays is too long",
    ),
    "a list of 200,000 members": (saved(many_members), "arrays is too long"),
    "nothing": (saved(b""), "not a zip archive"),
    "half a file": (saved(demos_bytes()[:3000]), "not a zip archive"),
    "random bytes": (saved(np.random.default_rng(0).bytes(10**5)), "zip archive"),
    "a pickle": (saved(b"\x80\x04cos\nsystem\n."), "not a zip archive"),
    "an archive of nothing": (saved(npz({})), "it lacks 'meta'"),
    "a bomb": (saved(lambda: deflated("meta")), "meta is compressed or too long"),
    "an encrypted archive": (saved(encrypted()), "meta cannot be read"),
    "two arrays of one name": (saved(twice()), "names an array twice"),
    "a way upwards": (saved(npz({"../../x": np.zeros(1)})), "it lacks 'meta'"),
}
META = {
    "no JSON": (saved(meta_bytes("{" + ESCAPES)), NOT),
    "deep JSON": (saved(meta_bytes("[" * 500_000)), NOT),
    "a number of 100,000 digits": (saved(meta_bytes("1" * 100_000)), NOT),
    "a list": (saved(meta_bytes("[1]")), "its meta text is not that"),
    "bytes that are no UTF-8": (
        saved(npz({"meta": np.full(100, 255, np.uint8)})),
        NOT,
    ),
    "2 MB of meta": (saved(meta_bytes(" " * 2**21)), "too long"),
    "another format": (saved(demos_bytes(format="x")), "its meta text is not that"),
    "no version": (saved(demos_bytes(version=LACKS)), "it lacks 'version'"),
    "escapes as version": (saved(demos_bytes(version=ESCAPES)), "its version is"),
    "no shapes": (saved(demos_bytes(shapes=LACKS)), "it lacks 'shapes'"),
    "shapes in a list": (saved(demos_bytes(shapes=[1])), "entries of the wrong kind"),
    "a negative shape": (
        saved(demos_bytes(shapes=shapes_with([-2, 51, 10]))),
        "impossible shape",
    ),
    "a huge shape": (
        saved(demos_bytes(shapes=shapes_with([2**31 - 1] * 3))),
        "obs is too large",
    ),
    "a shape of 100,000 numbers": (
        saved(demos_bytes(shapes=shapes_with([0] * 100_000))),
        "impossible shape",
    ),
    "a shape of text": (
        saved(demos_bytes(shapes=shapes_with(ESCAPES))),
        "impossible shape",
    ),
    "a shape that is a number": (saved(demos_bytes(shapes=shapes_with(7))), NOT),
    "another digest": (saved(demos_bytes(sha256="0" * 64)), "digest does not match"),
    "versions that are numbers": (
        saved(demos_bytes(versions={"mujoco": 3})),
        "entries of the wrong kind",
    ),
    "a number as environment": (saved(demos_bytes(env_id=7)), "env_id must be text"),
    "an environment of 100,000 letters": (
        saved(demos_bytes(env_id="x" * 100_000)),
        "env_id must be text",
    ),
    "escapes as environment": (saved(demos_bytes(env_id=ESCAPES)), None),
    "escapes as fact": (saved(demos_bytes(**{ESCAPES: [ESCAPES]})), None),
    "escapes as versions": (saved(demos_bytes(versions={ESCAPES: ESCAPES})), None),
    "a fact of 500,000 letters": (saved(demos_bytes(generator="x" * 500_000)), None),
    "a fact of several lines": (saved(demos_bytes(generator="a\nepisodes 9")), None),
}
ARRAYS = {
    "an array more": (saved(demos_bytes({"more": np.zeros(3)})), "not the expected"),
    "an array less": (saved(demos_bytes({"goal": LACKS})), "not the expected"),
    "objects": (
        saved(with_obs("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}")),
        "obs must have shape",
    ),
    "columns first": (saved(with_obs(HEADER % True)), "Fortran order"),
    "another npy version": (
        saved(with_obs(HEADER % False, b"\x02\x00")),
        "obs cannot be read",
    ),
    "a header that is a program": (
        saved(with_obs("__import__('os').system('touch trap')")),
        "obs cannot be read",
    ),
    "a header without its bytes": (saved(with_obs(HEADER % False)), "holds 80 bytes"),
    "a number that is none": (saved(demos_bytes({"action": nan})), "not finite"),
    "numbers near the largest": (
        saved(demos_bytes({"action": large, "achieved": np.array([far[:, :1]] * N)
                           .repeat(GOAL, axis=2)})),
        None,
    ),
    "goals of another length": (
        saved(demos_bytes({"goal": np.zeros((N, 7), "<f4")})),
        "achieved must have shape",
    ),
    "no episodes": (
        saved(demos_bytes({"seed": np.zeros(0, "<i8")})),
        "impossible shape",
    ),
    "fewer states than episodes": (
        saved(demos_bytes({"state0": np.zeros((1, S))})),
        "state0 must hold 2 states",
    ),
}  # fmt: skip
LEGACY = {
    "legacy: a bomb": (saved(lambda: deflated("acs")), "packed more tightly"),
    "legacy: ragged actions": (
        saved(legacy_bytes(acs=pickled(np.array([[], [1]], object)))),
        "its episodes differ in length",
    ),
    "legacy: a program": (saved(legacy_bytes(obs=((N,), program))), "which is not run"),
    "legacy: numbers too large": (
        saved(legacy_bytes(acs=np.full((N, T, A), 1e300))),
        "not finite in action",
    ),
    "legacy: no observations": (
        saved(npz({"acs": np.zeros((N, T, A))})),
        "it lacks 'obs'",
    ),
}
COMMANDS = {
    "replay: no such environment": (
        saved(demos_bytes(env_id=f"Fetch{ESCAPES}"), command="replay"),
        "env must be an id",
    ),
    "replay: a module that a file names": (
        saved(demos_bytes(env_id="this:X-v0"), command="replay"),
        "--env=this:X-v0",
    ),
    "replay: no goal environment": (
        saved(demos_bytes(env_id="CartPole-v1"), command="replay"),
        "must be a Dict",
    ),
    "replay: states of another model": (
        saved(demos_bytes(), command="replay"),
        "a start state must have",
    ),
    "replay: other dimensions": (
        saved(demos_bytes({"action": np.zeros((N, T, 7), "<f4")}), command="replay"),
        "must fit FetchReach-v4",
    ),
    "replay: more steps": (
        saved(demos_bytes(longer), command="replay"),
        "must fit FetchReach-v4",
    ),
    "replay: no states": (
        saved(demos_bytes({"state0": LACKS}), command="replay"),
        "replaying needs start states",
    ),
    "replay: no episodes": (
        saved(demos_bytes(), "--episodes=0", command="replay"),
        "episodes must be at least 1",
    ),
    "replay: a film of another kind": (
        saved(demos_bytes(), "--video=x.exe", command="replay"),
        "video must end in",
    ),
    "convert: to a folder": (converted("{folder}"), "irectory"),
    "convert: no such environment": (
        converted("{folder}/x.npz", f"--env=x{ESCAPES}"),
        "env must be an id",
    ),
}
LIKE = "must look like push/human-v0"
MINARI = {
    f"convert: to {target!r}": (converted(f"minari:{target}"), LIKE)
    for target in (
        *("push", "", "../up/x-v0", "/tmp/x-v0", "a/../../x-v0", "x/..-v0", "a/x-v0"),
        *(f"a{ESCAPES}-v0", "x-v0/", "a\nb-v0", "x-v" + "9" * 5000, "~/x-v0"),
    )
} | {
    "convert: from a way upwards": (
        lambda folder: ["convert", "minari:../../etc/x-v0", folder / "x.npz"],
        LIKE,
    ),
    "convert: from a dataset that is not there": (
        lambda folder: ["convert", "minari:push/human-v0", folder / "x.npz"],
        "no local dataset push/human-v0",
    ),
    "convert: from a damaged dataset": (minari_damaged, "bad/bad-v0 cannot be read"),
    "convert: to Minari with other dimensions": (
        saved(
            demos_bytes({"action": np.zeros((N, T, 7), "<f4")}),
            "minari:push/x-v0",
            command="convert",
        ),
        "must fit FetchReach-v4",
    ),
}
CASES = {**FILES, **META, **ARRAYS, **LEGACY, **COMMANDS, **MINARI}

if __name__ == "__main__":
    from baselines_her.demos.__main__ import main

    child(
        main,
        {name: case for name, (case, _) in CASES.items()},
        converted("minari:good/good-v0"),
    )
