"""Hostile policy files and arguments for `python -m baselines_her.play`."""

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
from hostile import child

from baselines_her.runs.arrays import pack, sha256_of
from baselines_her.runs.safe_pickle import dump_flat

GOOD = Path(__file__).parents[1] / "fixtures" / "v0_1_0" / "run" / "policy_best.pkl"
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"
LACKS = object()


def changed(values, changes):
    """A dictionary with some entries replaced, and those that are `LACKS` removed."""
    return {k: v for k, v in {**values, **changes}.items() if v is not LACKS}


def policy_bytes(header=(), spec=(), config=(), arrays=(), **fields):
    """The good file with changes under a digest that fits."""
    content = pickle.loads(GOOD.read_bytes())
    found = json.loads(content["header"])
    found["spec"] = changed(found["spec"], dict(spec))
    found["config"] = changed(found["config"], dict(config))
    content["header"] = json.dumps(changed(found, dict(header)))
    if arrays:
        with np.load(io.BytesIO(content["arrays"])) as file:
            content["arrays"] = pack(changed(dict(file), dict(arrays)))
    content = changed(content, fields)
    digest = [content["header"].encode(), b"\0", content["arrays"]]
    content["sha256"] = fields.get("sha256", sha256_of(digest))
    return dump_flat(content)


def with_header(value):
    """The good file with this text as its header."""
    content = pickle.loads(GOOD.read_bytes())
    content["header"] = value
    content["sha256"] = sha256_of([value.encode(), b"\0", content["arrays"]])
    return dump_flat(content)


def with_arrays(data):
    """The good file with these bytes as its arrays."""
    content = pickle.loads(GOOD.read_bytes())
    content["arrays"] = data
    content["sha256"] = sha256_of([content["header"].encode(), b"\0", data])
    return dump_flat(content)


def placed(make, *arguments, name="policy.pkl"):
    """A case whose file is made by `make(path)`."""

    def case(folder):
        make(folder / name)
        return [folder / name, "--episodes=1", *arguments]

    return case


def saved(data, *arguments):
    """A case whose file holds these bytes, or what `data()` returns."""
    return placed(
        lambda path: path.write_bytes(data() if callable(data) else data), *arguments
    )


def with_(*arguments, **changes):
    """A case of a changed file."""
    return saved(lambda: policy_bytes(**changes), *arguments)


def sparse(size):
    """Makes a file of this size that takes no room on the disk."""

    def make(path):
        path.touch()
        os.truncate(path, size)

    return make


def bomb():
    """200 MB of zeros in 200 kB, under the name of an array."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        with file.open("actor/0/kernel.npy", "w") as member:
            for _ in range(200):
                member.write(bytes(10**6))
    return sink.getvalue()


def good():
    return GOOD.read_bytes()


kernel = np.zeros((13, 8), np.float32)
nan, large = np.full_like(kernel, np.nan), np.full_like(kernel, 1e30)
NOT = "is not a policy file: "
FILES = {
    "no file, escapes in its name": (
        lambda folder: [folder / f"a{ESCAPES}.pkl"],
        NOT + "there is no such file",
    ),
    "a folder": (placed(lambda path: path.mkdir()), NOT + "it is a folder"),
    "a pipe": (placed(os.mkfifo), "not a regular file"),
    "an endless device": (
        placed(lambda path: path.symlink_to("/dev/zero")),
        "not a regular file",
    ),
    "a link to itself": (placed(lambda path: path.symlink_to(path)), "policy.pkl"),
    "a sparse file of 3 GB": (placed(sparse(3 * 10**9)), "it is longer than"),
    "a sparse file of 100 MB": (placed(sparse(10**8)), NOT),
    "nothing": (saved(b""), NOT),
    "half a file": (saved(lambda: good()[:3000]), NOT),
    "bytes after the end": (saved(lambda: good() + b"x"), "bytes follow the end"),
    "random bytes": (saved(np.random.default_rng(0).bytes(10**5)), NOT),
    "a call": (saved(b"cos\nsystem\n(S'touch trap'\ntR."), NOT),
    "a global": (saved(b"\x80\x04\x8c\x02os\x8c\x06system\x93."), NOT),
    "200,000 nested lists": (saved(b"\x80\x04" + b"](" * 200_000 + b"."), NOT),
    "a length without bytes": (saved(b"\x80\x04}(\x8e" + b"\xff" * 8 + b"."), NOT),
    "escapes in an opcode": (saved(b"\x80\x04}(c" + ESCAPES.encode() + b"\n."), NOT),
}
FIELDS = {
    "no format": (with_(format=LACKS), "it lacks 'format'"),
    "another format": (with_(format=ESCAPES), "its format is"),
    "a format that is a number": (with_(format=7), "its format is 7"),
    "another version": (with_(version=2), "its version is 2"),
    "escapes as version": (with_(version=ESCAPES), "its version is"),
    "another digest": (with_(sha256="0" * 64), "digest does not match"),
    "a digest that is a number": (with_(sha256=7), "digest does not match"),
    "arrays that are no archive": (
        saved(lambda: with_arrays(b"x" * 100)),
        "not a zip archive",
    ),
    "a bomb": (saved(lambda: with_arrays(bomb())), NOT),
}
HEADERS = {
    "no JSON": (saved(lambda: with_header("{" + ESCAPES)), NOT),
    "deep JSON": (saved(lambda: with_header("[" * 500_000)), NOT),
    "a number of 100,000 digits": (saved(lambda: with_header("1" * 100_000)), NOT),
    "a list": (saved(lambda: with_header("[1]")), NOT),
    "no spec": (with_(header={"spec": LACKS}), "it lacks 'spec'"),
    "a spec that is a number": (with_(header={"spec": 7}), NOT),
    "no settings": (with_(header={"config": LACKS}), "it lacks 'config'"),
    "another algorithm": (with_(header={"alg": ESCAPES}), "alg must be one of"),
    "an algorithm that is a list": (with_(header={"alg": []}), NOT),
    "versions in a list": (with_(header={"versions": []}), "its versions must be"),
    "a negative dimension": (with_(spec={"obs_dim": -3}), "its dimensions must be"),
    "a huge dimension": (with_(spec={"obs_dim": 10**12}), "its dimensions must be"),
    "a dimension of text": (with_(spec={"goal_dim": ESCAPES}), "dimensions must be"),
    "an infinite limit": (
        with_(spec={"max_action": [float("inf")] * 4}),
        "its action limits must be positive",
    ),
    "100,000 limits": (
        with_(spec={"max_action": [1.0] * 100_000}),
        "of the wrong kind",
    ),
    "a number as environment": (with_(spec={"env_id": 7}), "of the wrong kind"),
    "escapes as environment": (with_(spec={"env_id": ESCAPES}), "not a printable name"),
    "a long environment": (with_(spec={"env_id": "x" * 10**5}), "not a printable name"),
    "a module as environment": (
        with_(spec={"env_id": "this:X-v0"}),
        "a module that only a file names",
    ),
    "another reward": (with_(spec={"reward_low": 7.0}), "of an unknown kind"),
    "an unknown setting": (with_(config={ESCAPES: 1}), "unknown setting"),
    "a billion units": (with_(config={"hidden": 10**9}), "hidden must be at most"),
    "16,000 units": (with_(config={"hidden": 16_000}), "must have shape"),
    "99 layers": (with_(config={"layers": 99}), "not those of its header"),
    "a number of units that is text": (with_(config={"hidden": ESCAPES}), "hidden"),
    "a clip that is not finite": (with_(config={"clip_obs": 1e999}), "clip_obs must"),
}
ARRAYS = {
    "an array more": (with_(arrays={"more": np.zeros(3)}), "not those of its header"),
    "an array less": (
        with_(arrays={"actor/0/kernel": LACKS}),
        "not those of its header",
    ),
    "an array with escapes in its name": (with_(arrays={ESCAPES: kernel}), NOT),
    "another shape": (
        with_(arrays={"actor/0/kernel": kernel.T.copy()}),
        "must have shape",
    ),
    "text": (with_(arrays={"actor/0/kernel": kernel.astype("U3")}), "must have shape"),
    "numbers that are none": (with_(arrays={"actor/0/kernel": nan}), "not finite"),
    "less than one row": (
        with_(arrays={"obs_norm/n_rows": np.array(0.5)}),
        "must be 0 or at least 1",
    ),
    "large weights": (with_(arrays={"actor/0/kernel": large}), None),
    "statistics of huge numbers": (
        with_(arrays={"obs_norm/sum": np.full(10, 1e300)}),
        "statistics must be of inputs within 200",
    ),
}


PLAY = {
    "play: no such environment": (saved(good, f"--env=x{ESCAPES}"), "env must be"),
    "play: another environment": (saved(good, "--env=FetchPush"), "Play it in the one"),
    "play: no goal environment": (saved(good, "--env=CartPole-v1"), "needs a goal"),
    "play: a module that is not there": (
        saved(good, "--env=not_there:X-v0"),
        "cannot be imported",
    ),
    "play: no episodes": (saved(good, "--episodes=0"), "episodes must be at least 1"),
    "play: a number that is none": (saved(good, "--episodes=x"), "--episodes"),
    "play: fewer episodes than none": (saved(good, "--episodes=-3"), "at least 1"),
    "play: two policies": (saved(good, "other.pkl"), "unrecognized arguments"),
    "play: an unknown flag": (saved(good, "--x"), "--x"),
    "play: a film of another kind": (saved(good, "--video=x.exe"), "video must end in"),
    "play: film and window": (saved(good, "--video=x.gif", "--render"), "exclude"),
    "play: no policy": (lambda folder: [], "policy"),
    "play: an empty name": (lambda folder: [""], "policy must be a file (.pkl) or"),
    "play: a folder": (
        lambda folder: [GOOD.parent],
        "it is a folder",
    ),
    "play: a file that is no policy": (
        lambda folder: [GOOD.parent / "config.json"],
        NOT,
    ),
}
CASES = {**FILES, **FIELDS, **HEADERS, **ARRAYS, **PLAY}

if __name__ == "__main__":
    from baselines_her.play import main

    child(main, {name: case for name, (case, _) in CASES.items()}, saved(good))
