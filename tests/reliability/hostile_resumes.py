"""Hostile run folders for `python -m baselines_her.run --resume`."""

import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
from hostile import child

from baselines_her.runs.arrays import sha256_of

GOOD = Path(__file__).parents[1] / "fixtures" / "v0_1_0" / "run"
ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"
LACKS = object()
MANIFEST, STATE = "checkpoint/manifest.json", "checkpoint/state_4.npz"
EPISODES = "checkpoint/episodes_0.npz"


def run(damage, *arguments):
    """A case of a run folder after `damage(folder)`."""

    def case(folder):
        place = folder / "run"
        shutil.copytree(GOOD, place)
        damage(place)
        return [f"--resume={place}", "--quiet", "--num_timesteps=200", *arguments]

    return case


def set_in(values, path, value):
    """Sets, or removes, what lies at a path of keys."""
    *parents, last = path
    for key in parents:
        values = values[key]
    if value is LACKS:
        del values[last]
    else:
        values[last] = value


def write_manifest(place, manifest):
    """Writes a manifest under a digest that fits."""
    manifest = {k: v for k, v in manifest.items() if k != "sha256"}
    text = json.dumps(manifest, sort_keys=True).encode()
    manifest["sha256"] = sha256_of([text])
    (place / MANIFEST).write_text(json.dumps(manifest))


def manifest(*path, to):
    """A case in which one value of the manifest is another."""

    def damage(place):
        content = json.loads((place / MANIFEST).read_text())
        set_in(content, path, to)
        write_manifest(place, content)

    return run(damage)


def config(*path, to):
    """A case in which one value of config.json is another."""

    def damage(place):
        content = json.loads((place / "config.json").read_text())
        set_in(content, path, to)
        (place / "config.json").write_text(json.dumps(content))

    return run(damage)


def settings(**changes):
    """A case in which the run and its checkpoint have other settings."""

    def damage(place):
        for name, path in (
            ("config.json", ["config"]),
            (MANIFEST, ["facts", "config"]),
        ):
            content = json.loads((place / name).read_text())
            for key, value in changes.items():
                set_in(content, [*path, key], value)
            if name == MANIFEST:
                write_manifest(place, content)
            else:
                (place / name).write_text(json.dumps(content))

    return run(damage)


def counters(**changes):
    """A case in which the checkpoint has other counters."""

    def damage(place):
        content = json.loads((place / MANIFEST).read_text())
        content["facts"]["counters"] |= changes
        write_manifest(place, content)

    return run(damage)


def text(name, content):
    """A case in which a file holds this text."""
    return run(lambda place: (place / name).write_text(content))


def instead(name, make):
    """A case in which something else lies in the place of a file or folder."""

    def damage(place):
        path = place / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        make(path)

    return run(damage)


def sparse(size):
    """Makes a file of this size that takes no room on the disk."""

    def make(path):
        path.touch()
        os.truncate(path, size)

    return make


def link_to(target):
    return lambda path: path.symlink_to(target)


def array(name, value):
    """A case in which one array of the state is another, all digests fit."""

    def damage(place):
        with np.load(place / STATE) as file:
            arrays = {k: v for k, v in {**file, name: value}.items() if v is not LACKS}
        replace_arrays(place, arrays)

    return run(damage)


def replace_arrays(place, arrays):
    """Another state, as a writer of checkpoints would have left it."""
    np.savez(place / STATE, **arrays)
    digest = []
    for name in sorted(arrays):
        one = np.ascontiguousarray(arrays[name])
        digest += [f"{name} {one.dtype.str} {one.shape}\0".encode(), one.tobytes()]
    content = json.loads((place / MANIFEST).read_text())
    entry = content["workers"][0]["state"]
    entry["shapes"] = {k: list(v.shape) for k, v in arrays.items()}
    entry["dtypes"] = {k: v.dtype.str for k, v in arrays.items()}
    entry["sha256"] = sha256_of(digest)
    write_manifest(place, content)


def part(**changes):
    """A case in which the entry of the episodes is another."""

    def damage(place):
        content = json.loads((place / MANIFEST).read_text())
        content["workers"][0]["episodes"][0] |= changes
        write_manifest(place, content)

    return run(damage)


def overlapping(place):
    """The same episodes twice."""
    content = json.loads((place / MANIFEST).read_text())
    worker = content["workers"][0]
    shutil.copy(place / EPISODES, place / "checkpoint" / "episodes_2.npz")
    twice = {**worker["episodes"][0], "file": "episodes_2.npz", "first": 2, "last": 6}
    worker["episodes"].append(twice)
    worker["n_added"] = 6
    write_manifest(place, content)


def bomb(place):
    """A state whose one array is packed tightly."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        for name in json.loads((place / MANIFEST).read_text())["workers"][0]["state"][
            "shapes"
        ]:
            with file.open(f"{name}.npy", "w") as member:
                member.write(bytes(10**7))
    (place / STATE).write_bytes(sink.getvalue())


def infinite(place):
    """A number too large for a float, which JSON may hold."""
    path = place / MANIFEST
    content = json.loads(path.read_text())
    content["facts"]["epochs"]["rows"][0]["loss/bc"] = float("inf")
    write_manifest(place, content)
    path.write_text(path.read_text().replace("Infinity", "1e999"))


READ = "config.json cannot be read: "
WHOLE = "manifest.json is not a whole checkpoint: "
FIT = "the checkpoint does not fit this run: "
LEAVES = "must hold what a run with its settings could leave"
ROWS = ("facts", "epochs", "rows")
CONFIGS = {
    "config: none": (run(lambda place: (place / "config.json").unlink()), "no config"),
    "config: a pipe": (instead("config.json", os.mkfifo), "not a regular file"),
    "config: a device": (instead("config.json", link_to("/dev/zero")), "not a regular"),
    "config: a folder": (instead("config.json", Path.mkdir), "it is a folder"),
    "config: 3 GB": (instead("config.json", sparse(3 * 10**9)), "it is longer than"),
    "config: 4 MB of zeros": (instead("config.json", sparse(2**22)), READ),
    "config: nothing": (text("config.json", ""), READ),
    "config: escapes": (text("config.json", "{" + ESCAPES), READ),
    "config: deep": (text("config.json", "[" * 4_000_000), "values in"),
    "config: nested": (text("config.json", "[" * 900 + " " * 10**4), READ),
    "config: a list": (text("config.json", "[1]"), "must hold a JSON object"),
    "config: a long number": (text("config.json", '{"a": ' + "1" * 10**5 + "}"), READ),
    "config: NaN": (text("config.json", '{"a": NaN}'), "which is not a finite number"),
    "config: no command": (config("command", to=LACKS), "must hold command"),
    "config: resumed by a number": (config("resumed_by", to=5), "must be of type list"),
    "config: resumed by numbers": (config("resumed_by", to=[5]), "must list commands"),
    "config: settings in a list": (config("config", to=[]), "must be of type dict"),
    "config: no environment": (config("config", "env", to=LACKS), "no environment"),
    "config: a number as env": (config("config", "env", to=7), "env must be text"),
    "config: escapes as env": (config("config", "env", to=f"x{ESCAPES}"), "env must"),
    "config: a module as env": (
        config("config", "env", to="this:X-v0"),
        "a module that only a file names",
    ),
    "config: another algorithm": (config("config", "alg", to=[]), READ),
    "config: unknown setting": (config("config", ESCAPES, to=1), "unknown setting"),
    "config: infinite clip": (config("config", "clip_obs", to=1e999), READ),
    "config: a limit of time": (
        config("config", "collector_timeout", to=1e300),
        "collector_timeout must be at most",
    ),
}
SIZES = {
    "size: 1e9 units": (settings(hidden=10**9), "hidden must be at most"),
    "size: 5000 players": (settings(collectors=5000), "collectors must be at most"),
    "size: 1e12 episodes": (settings(num_env=10**12), "num_env must be at most"),
    "size: 20 layers of 16,000": (
        settings(layers=20, hidden=16_000),
        "must fit into memory together",
    ),
    "size: a buffer of 1e9": (settings(buffer_size=10**9), "must fit into memory"),
    "size: batches of 1e6": (
        settings(batch_size=10**6, n_batches=10**5),
        "must fit into memory together",
    ),
}
MANIFESTS = {
    "manifest: a pipe": (instead(MANIFEST, os.mkfifo), "not a regular file"),
    "manifest: a device": (instead(MANIFEST, link_to("/dev/zero")), "it is a link"),
    "manifest: a dangling link": (instead(MANIFEST, link_to("none")), "it is a link"),
    "manifest: a folder": (instead(MANIFEST, Path.mkdir), "it is a folder"),
    "manifest: 3 GB": (instead(MANIFEST, sparse(3 * 10**9)), "it is longer than"),
    "manifest: 32 MB of zeros": (instead(MANIFEST, sparse(2**25)), WHOLE),
    "manifest: 11 million lists": (
        text(MANIFEST, "[" + "[]," * 10**7 + "[]]"),
        "values in",
    ),
    "manifest: deep": (text(MANIFEST, "[" * 900 + " " * 10**4), WHOLE),
    "manifest: another digest": (text(MANIFEST, '{"sha256": "x"}'), "its format is"),
    "manifest: another format": (manifest("format", to=ESCAPES), "format is unknown"),
    "manifest: escapes as version": (manifest("version", to=ESCAPES), "its version is"),
    "manifest: no facts": (manifest("facts", to=LACKS), "must hold facts"),
    "manifest: facts in a list": (manifest("facts", to=[]), "must be of type dict"),
    "manifest: no workers": (manifest("workers", to=[]), "of 1 to 10000 workers"),
    "manifest: a worker of text": (manifest("workers", to=["x"]), "named values"),
    "manifest: a million workers": (manifest("workers", to=[0] * 10**6), WHOLE),
    "manifest: versions in a list": (
        manifest("facts", "versions", to=[]),
        "versions must be of type dict",
    ),
    "manifest: versions of numbers": (
        manifest("facts", "versions", "numpy", to=[ESCAPES]),
        "versions must be text",
    ),
    "manifest: escapes as version of a package": (
        manifest("facts", "versions", "numpy", to=ESCAPES * 1000),
        None,
    ),
    "manifest: no threads": (
        manifest("facts", "config", "learner_threads", to=LACKS),
        "must hold learner_threads",
    ),
    "manifest: another seed": (
        manifest("facts", "config", "seed", to=ESCAPES),
        "found one with other settings",
    ),
    "manifest: no counters": (manifest("facts", "counters", to=LACKS), FIT),
    "manifest: no seconds": (manifest("facts", "epochs", "seconds", to=LACKS), FIT),
    "manifest: seconds of text": (manifest("facts", "epochs", "seconds", to="x"), FIT),
}
ROW_CASES = {
    "rows: a number": (manifest(*ROWS, to=5), "must be of type list"),
    "rows: numbers": (manifest(*ROWS, to=[5]), "a row must be named values"),
    "rows: nothing in them": (manifest(*ROWS, to=[{}]), "a row lacks the column"),
    "rows: no score": (
        manifest(*ROWS, 0, "test/success_rate", to=LACKS),
        "lacks the column test/success_rate",
    ),
    "rows: another column": (manifest(*ROWS, 0, ESCAPES, to=0.0), "must not hold it"),
    "rows: text": (manifest(*ROWS, 0, "loss/bc", to=ESCAPES), "must be a finite"),
    "rows: NaN": (
        manifest(*ROWS, 0, "loss/bc", to=float("nan")),
        "not a finite number",
    ),
    "rows: 1e999": (run(infinite), "loss/bc must be a finite number"),
    "rows: another epoch": (manifest(*ROWS, 0, "epoch", to=7), "of another epoch"),
    "rows: steps below none": (manifest(*ROWS, 0, "steps/env", to=-1), "or step"),
    "rows: too many cycles": (
        manifest("facts", "epochs", "cycles", to=[{}] * 3),
        "found more",
    ),
    "rows: a cycle with another column": (
        manifest("facts", "epochs", "cycles", to=[{"epoch": 1}]),
        "must not hold it",
    ),
    "rows: cycles that differ": (
        manifest("facts", "epochs", "cycles", to=[{"loss/bc": 1}, {}]),
        "lacks the column loss/bc",
    ),
}
COUNTERS = {
    "counters: cycles below none": (counters(n_cycles=-1), LEAVES),
    "counters: 1e18 cycles": (counters(n_cycles=10**18), LEAVES),
    "counters: cycles of text": (counters(n_cycles=ESCAPES), LEAVES),
    "counters: half a cycle": (counters(n_cycles=1.5), LEAVES),
    "counters: other updates": (counters(n_updates=9), "found n_updates"),
    "counters: fewer episodes": (counters(n_episodes=3), "found n_episodes"),
    "counters: skipped below none": (counters(n_skipped=-1), "found n_skipped"),
    "counters: flights of text": (counters(flights=ESCAPES), "found flights"),
    "counters: a million flights": (counters(flights=[4] * 10**6), "values in"),
    "counters: another flight": (counters(flights=[5]), "found flights"),
    "counters: two flights": (counters(flights=[4, 5]), "found flights"),
    "counters: no demonstrations": (counters(demos="x"), "with the demonstrations"),
    "added: 1e18": (manifest("workers", 0, "n_added", to=10**18), "has added"),
    "added: -3": (manifest("workers", 0, "n_added", to=-3), "has added"),
    "added: true": (manifest("workers", 0, "n_added", to=True), "must be of type int"),
    "part: begins at -7": (part(first=-7), "cannot hold episodes"),
    "part: ends before it begins": (part(last=-1), "cannot hold episodes"),
    "part: more than it holds": (part(last=10**14), "does not hold"),
    "part: overlapping": (run(overlapping), "cannot hold episodes 2 to 6"),
    "part: far ahead": (part(first=10**6, last=10**6 + 4), "has added 4"),
    "part: a way upwards": (part(file="../../x.npz"), "it names the file"),
    "part: an absolute way": (part(file="/etc/passwd"), "it names the file"),
    "part: escapes": (part(file=ESCAPES), "it names the file"),
    "part: the state": (part(file="state_4.npz"), "it names the file"),
    "part: negative shape": (
        part(shapes={"obs": [-4, 1]}, dtypes={"obs": "<f4"}),
        WHOLE,
    ),
    "part: objects": (
        part(shapes={"obs": [4, 51, 10]}, dtypes={"obs": "|O"}),
        "numbers of another kind",
    ),
    "part: other arrays": (
        part(shapes={"obs": [4, 51, 10]}, dtypes={"obs": "<f4"}),
        "are not of this run",
    ),
    "part: none": (manifest("workers", 0, "episodes", to=[]), "has added 4"),
}
FILES = {
    "file: state as a pipe": (instead(STATE, os.mkfifo), "not a regular file"),
    "file: state as a device": (instead(STATE, link_to("/dev/zero")), "is a link"),
    "file: state as a folder": (instead(STATE, Path.mkdir), "it is a folder"),
    "file: state of 3 GB": (instead(STATE, sparse(3 * 10**9)), "it is longer than"),
    "file: state is missing": (instead(STATE, lambda path: None), "no such file"),
    "file: state as a bomb": (run(bomb), "compressed or too long"),
    "file: episodes of 3 GB": (instead(EPISODES, sparse(3 * 10**9)), "longer than"),
    "file: episodes as a pipe": (instead(EPISODES, os.mkfifo), "not a regular file"),
    "file: episodes as a link": (
        instead(EPISODES, link_to(GOOD / EPISODES)),
        "is a link",
    ),
    "file: checkpoint as a link": (
        instead("checkpoint", link_to(GOOD / "checkpoint")),
        "is a link",
    ),
    "file: checkpoint as a file": (instead("checkpoint", Path.touch), "is a link or a"),
    "file: videos as a link": (instead("videos", link_to("/tmp")), "is a link"),
    "file: table as a folder": (
        instead("progress.csv", Path.mkdir),
        "but it is a folder",
    ),
    "file: rows as a folder": (
        instead("progress.json", Path.mkdir),
        "but it is a folder",
    ),
    "file: policy as a folder": (instead("policy_best.pkl", Path.mkdir), "a folder"),
    "file: end as a folder": (instead("FINISHED", Path.mkdir), "but it is a folder"),
    "file: TensorBoard as a file": (instead("tb", Path.touch), None),
    "file: TensorBoard as a link": (instead("tb", link_to(GOOD)), None),
}
kernel = "learner/actor/0/kernel"
STATES = {
    "state: an array less": (array(kernel, LACKS), f"found {kernel[8:]}"),
    "state: an array more": (array("learner/x", np.zeros(3)), "found x"),
    "state: another shape": (array(kernel, np.zeros((8, 13), "<f4")), "actor/0/kernel"),
    "state: NaN": (array(kernel, np.full((13, 8), np.nan, "<f4")), "not finite"),
    "state: 200 MB more": (array("x", np.zeros(5 * 10**7, "<f4")), "must hold at most"),
    "state: steps of no update": (
        array("learner/adam/actor/step", np.array(-1)),
        "found n_updates",
    ),
    "state: less than one row": (
        array("learner/obs_norm/n_rows", np.array(0.5)),
        "found obs_norm/n_rows",
    ),
    "state: priorities below none": (
        array("sampler/priorities", np.full(200, -1.0)),
        "must hold 200 priorities",
    ),
    "state: priorities of other steps": (
        array("sampler/priorities", np.ones(3)),
        "must hold 200 priorities",
    ),
    "state: infinite priorities": (
        array("sampler/largest", np.array(np.inf)),
        "not finite",
    ),
    "state: own arrays that are not there": (
        manifest("workers", 0, "own", to=[ESCAPES]),
        "state lacks",
    ),
    "state: a lagged policy less": (array("flight/4/mean", LACKS), "found mean"),
}
EVERY = int(os.environ.get("HOSTILE_EVERY", "6"))  # 1: all of them
ALL = {
    **{**CONFIGS, **SIZES, **MANIFESTS, **ROW_CASES},
    **{**COUNTERS, **FILES, **STATES},
}
CASES = dict(list(ALL.items())[::EVERY])

if __name__ == "__main__":
    from baselines_her.run import main

    cases = {name: case for name, (case, _) in CASES.items()}
    child(main, cases, run(lambda place: None))
