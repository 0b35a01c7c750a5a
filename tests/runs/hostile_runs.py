"""Hostile run folders for the commands that plot runs and print tables of them."""

import json
import os
import sys

from hostile import child

ESCAPES = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e"
HEADER = "steps/env,steps/updates,time/total,test/success_rate,test/mean_Q\n"
ROWS = "".join(f"{n}000,{n}0,{n},0.{n},-{n}\n" for n in range(1, 8))
CONFIG, PROGRESS, EVALUATION = "config.json", "progress.csv", "evaluation.json"
MANY = 300_000


def good_files():
    """Name -> content of the folder of a finished run."""
    return {
        CONFIG: json.dumps({"config": {"env": "FetchReach-v4", "seed": 0}}),
        PROGRESS: HEADER + ROWS,
        EVALUATION: json.dumps({"latest": 0.5}),
    }


def write_run(folder, **files):
    """Writes a good run; a callable puts something else at a file's path."""
    folder.mkdir(parents=True)
    for name, content in {**good_files(), **files}.items():
        if callable(content):
            content(folder / name)
        elif isinstance(content, bytes):
            (folder / name).write_bytes(content)
        elif content is not None:
            (folder / name).write_text(content)


def run(name="run_seed0", more=(), **files):
    """A case: one run in the folder that the command is given."""

    def make(folder):
        write_run(folder / name, **files)
        return [folder, *(flag.replace("FOLDER", str(folder)) for flag in more)]

    return make


def progress(content):
    """A case: a run with this progress.csv."""
    return run(**{PROGRESS: content})


def config(**flags):
    """A case: a run with these settings."""
    flags = {"env": "FetchReach-v4", "seed": 0, **flags}
    return run(**{CONFIG: json.dumps({"config": flags})})


def runs(*settings, **more):
    """A case: runs of these settings."""

    def make(folder):
        for n, flags in enumerate(settings):
            flags = {"env": "FetchReach-v4", "seed": 0, **flags, **more}
            text = json.dumps({"config": flags})
            write_run(folder / f"run_seed{n}", **{CONFIG: text})
        return [folder]

    return make


def cell(text):
    """Rows of which one holds this as success."""
    return HEADER + ROWS + f"9000,90,9,{text},-9\n"


def sparse(path):
    """3 GB that take no room on the disk."""
    with path.open("wb") as file:
        file.truncate(3 * 10**9)


def zeros(path):
    """A link to a device without end."""
    path.symlink_to("/dev/zero")


def folder_in_place(path):
    """A folder that is called like a file."""
    path.mkdir()


def loop(path):
    """A link to itself."""
    path.symlink_to(path)


def nested(depth):
    """JSON of lists in lists."""
    return "[" * depth + "]" * depth


NOT_READ = "progress.csv cannot be read: "
BAD_CONFIG = "config.json cannot be read: "

# name -> (the case, a part of the sentence that refuses it; None: it is harmless)
BOTH = {
    "a pipe as progress": (progress(os.mkfifo), NOT_READ + "it is a pipe"),
    "an endless device as progress": (progress(zeros), NOT_READ + "it is a pipe"),
    "a folder as progress": (progress(folder_in_place), NOT_READ + "it is a folder"),
    "a sparse file of 3 GB as progress": (progress(sparse), "longer than"),
    "a pipe as config": (run(**{CONFIG: os.mkfifo}), BAD_CONFIG + "it is a pipe"),
    "an endless device as config": (run(**{CONFIG: zeros}), BAD_CONFIG),
    "a sparse file of 3 GB as config": (run(**{CONFIG: sparse}), BAD_CONFIG),
    "a field of 200,000 characters": (
        progress(cell("1" * 200_000)),
        "field larger than field limit",
    ),
    "a quote without end": (progress(HEADER + ROWS + '"' + "1," * 10**5), "field"),
    "text as a number": (
        progress(cell(ESCAPES)),
        "row 8 must hold a number in test/success_rate",
    ),
    "text in a row of steps": (progress(HEADER + "x,1,1,1,1\n"), "row 1 must hold"),
    "steps without end": (progress(HEADER + "inf,1,1,1,1\n"), "from 0 to 1e+15"),
    "steps that are none": (progress(HEADER + "nan,1,1,1,1\n"), "from 0 to 1e+15"),
    "steps below zero": (progress(HEADER + "-1,1,1,1,1\n"), "from 0 to 1e+15"),
    "steps that fall": (progress(HEADER + ROWS + ROWS), "must never decrease"),
    "another header": (progress("a,b\n1,2\n"), "it has no column"),
    "a header of escapes": (progress(f"{ESCAPES}\n1\n"), "it has no column"),
    "a header of 1,000,000 columns": (
        progress("x," * 10**6 + "\n1\n"),
        "it has no column",
    ),
    "300,000 rows": (progress(HEADER + "1,1,1,1,1\n" * MANY), "more than 100000 rows"),
    "bytes that are no UTF-8": (progress(b"\xff\xfe" * 1000), "can't decode"),
    "zero bytes": (progress(bytes(10**5)), NOT_READ),
    "one column": (progress("steps/env\n" + "1\n" * 100), "it has no column"),
    "config of nothing": (run(**{CONFIG: ""}), BAD_CONFIG),
    "config in a list": (run(**{CONFIG: "[]"}), "a JSON object, found a list"),
    "config without settings": (run(**{CONFIG: "{}"}), "no settings under `config`"),
    "settings in a list": (run(**{CONFIG: '{"config": []}'}), "no settings under"),
    "a number as environment": (config(env=7), "env must be text, found 7"),
    "deep JSON": (run(**{CONFIG: nested(100_000)}), BAD_CONFIG),
    "2 MB of config": (run(**{CONFIG: " " * 2**21}), "longer than"),
    "no folder, escapes in its name": (
        lambda folder: [folder / ESCAPES],
        "found none",
    ),
    "a file instead of a folder": (
        run(more=["FOLDER/run_seed0/progress.csv"]),
        None,
    ),
    "a pipe instead of a folder": (
        lambda folder: (os.mkfifo(folder / "x"), [folder / "x"])[1],
        "found none",
    ),
    "zero in a name": (lambda folder: ["a\0b"], "null byte"),
    "folders in a circle": (
        lambda folder: (
            write_run(folder / "run_seed0"),
            (folder / "again").symlink_to(folder),
            [folder],
        )[2],
        None,
    ),
    "escapes in a folder's name": (run(f"{ESCAPES}_seed0"), None),
    "numbers near the largest": (
        progress(HEADER + "1,1,1,1e308,1e308\n2,2,2,-1e308,-1e308\n"),
        None,
    ),
    "success that is no number": (progress(cell("nan")), None),
    "a row that is cut short": (progress(HEADER + ROWS + "9000,9"), None),
}
PLOT = {
    "no rows": (progress(HEADER), "without rows"),
    "an empty progress.csv": (progress(""), "without rows"),
    "escapes as environment": (config(env=ESCAPES), None),
    "a formula as environment": (config(env="$\\nonsense{$"), None),
    "a formula as label": (run(more=["--labels=$\\nonsense{$"]), "cannot be drawn"),
    "escapes as label": (run(more=[f"--labels={ESCAPES}"]), None),
    "escapes as setting": (runs({ESCAPES: 1}, {ESCAPES: ESCAPES}), None),
    "a setting of 200,000 characters": (runs({"a": "x" * 200_000}, {"a": 1}), None),
    "20,000 settings": (
        runs({f"k{n}": n for n in range(20_000)}, {"alg": "her"}),
        None,
    ),
    "settings of another kind": (
        runs({"layers": [1], "alg": ["x"]}, {"layers": {"a": None}, "seed": [1]}),
        None,
    ),
    "seeds of any kind": (runs({"seed": []}, {"seed": {}}, {"seed": "x"}), None),
    "out without suffix": (run(more=["--out=r"]), "must end in .png, .svg or .pdf"),
    "out of escapes": (run(more=[f"--out={ESCAPES}"]), "must end in .png"),
    "out in no folder": (run(more=["--out=FOLDER/no/x.png"]), "No such file"),
    "out is a folder": (
        lambda folder: (
            write_run(folder / "run_seed0"),
            (folder / "x.png").mkdir(),
            [folder, f"--out={folder}/x.png"],
        )[2],
        "directory",
    ),
    "out is a pipe": (
        lambda folder: (
            write_run(folder / "run_seed0"),
            os.mkfifo(folder / "x.png"),
            [folder, f"--out={folder}/x.png"],
        )[2],
        None,
    ),
    "steps near the largest": (
        progress(HEADER + "1,1,1,1,1\n1e15,1e15,1e15,1,1\n"),
        None,
    ),
}
BAD_EVALUATION = "evaluation.json must hold a number from 0 to 1 as latest"
TABLE = {
    "no rows": (progress(HEADER), "progress.csv"),
    "an empty progress.csv": (progress(""), "must have rows"),
    "no progress.csv": (progress(None), NOT_READ + "there is no such file"),
    "no config.json": (run(**{CONFIG: None}), BAD_CONFIG + "there is no such file"),
    "evaluation of nothing": (
        run(**{EVALUATION: ""}),
        "evaluation.json cannot be read",
    ),
    "an empty evaluation": (run(**{EVALUATION: "{}"}), BAD_EVALUATION),
    "evaluation in a list": (run(**{EVALUATION: "[]"}), "found a list"),
    "text as success": (
        run(**{EVALUATION: json.dumps({"latest": ESCAPES * 1000})}),
        BAD_EVALUATION,
    ),
    "success without end": (run(**{EVALUATION: '{"latest": 1e999}'}), BAD_EVALUATION),
    "success in the air alone": (
        run(**{EVALUATION: '{"latest": 1, "latest_air": 1}'}),
        "as latest_table, found None",
    ),
    "a pipe as evaluation": (run(**{EVALUATION: os.mkfifo}), "it is a pipe"),
    "an endless device as evaluation": (run(**{EVALUATION: zeros}), "it is a pipe"),
    "a folder as evaluation": (run(**{EVALUATION: folder_in_place}), "is a folder"),
    "a link to itself as evaluation": (run(**{EVALUATION: loop}), "evaluation.json"),
    "a column of escapes": (run(more=[f"--column={ESCAPES}"]), "it has no column"),
    "a level that is none": (run(more=["--level=x"]), "invalid float value"),
    "a name that breaks the table": (run("a|b\n_seed0"), None),
}
CASES = {
    "plot": {**BOTH, **PLOT},
    "table": {**BOTH, **TABLE},
}


def with_output(make):
    """The case, with the figure in its own folder unless it says where."""

    def made(folder):
        arguments = make(folder)
        given = any(str(argument).startswith("--out") for argument in arguments)
        return arguments if given else [*arguments, f"--out={folder}/figure.png"]

    return made


if __name__ == "__main__":
    command = sys.argv.pop(1)
    cases = {name: make for name, (make, _) in CASES[command].items()}
    if command == "plot":
        from baselines_her.runs.plot import main

        child(main, {k: with_output(c) for k, c in cases.items()}, with_output(run()))
    else:
        from baselines_her.runs.table import main

        child(main, cases, run())
