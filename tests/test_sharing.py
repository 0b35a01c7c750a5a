"""The tests' own machinery: `alone`, compiled programs, no test module in another."""

import ast
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import run
from sharing import FOLDER, n_compiled

TESTS = Path(__file__).parent
ROOT = TESTS.parent

MODULE = """
import json, time
import pytest

def note(name, seconds=0.1):
    begun = time.time()
    time.sleep(seconds)
    with open("times.jsonl", "a") as file:
        file.write(json.dumps([name, begun, time.time()]) + chr(10))

@pytest.mark.alone
@pytest.mark.parametrize("n", range(3))
def test_alone(n):
    note("alone")

@pytest.mark.parametrize("n", range(8))
def test_ordinary(n):
    note("ordinary")
"""


def overlap(one, other):
    return one[1] < other[2] and other[1] < one[2]


def test_a_test_that_runs_alone_has_nothing_beside_it(tmp_path):
    (tmp_path / "test_times.py").write_text(MODULE)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    kept.pop(FOLDER)
    path = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])
    command = "-m", "pytest", "-p", "sharing", "-n", "2", "--dist", "worksteal"
    done = run(tmp_path, {**kept, "PYTHONPATH": path}, *command)
    assert "11 passed" in done.stdout, done.stdout + done.stderr
    lines = (tmp_path / "times.jsonl").read_text().splitlines()
    times = [json.loads(line) for line in lines]
    pairs = [(a, b) for n, a in enumerate(times) for b in times[:n] if overlap(a, b)]
    assert pairs  # there are two workers
    assert all(a[0] == b[0] == "ordinary" for a, b in pairs)


@pytest.mark.alone
def test_programs_compiled_once_are_kept_for_other_processes():
    from baselines_her.nets import tf

    before = n_compiled()
    double = tf.function(lambda x: 2 * x, jit_compile=True)
    np.testing.assert_array_equal(double(tf.constant([1.0, 3.0])), [2.0, 6.0])
    assert n_compiled() == before + 1


def imported(path):
    """Names of the modules, and of what is taken from them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield getattr(node, "module", None) or ""
            yield from (alias.name for alias in node.names)


def test_no_module_imports_a_test_module():
    """What several need has a module of its own: trainings, learners, ..."""
    found = [
        f"{path.relative_to(TESTS)} imports {name}"
        for path in sorted(TESTS.rglob("*.py"))
        for name in imported(path)
        if name.startswith("test_")
    ]
    assert found == []


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_bare_make_lists_every_target_and_makes_none():
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", text, re.M)[1].split()
    command = "make", "--no-print-directory"  # `make test` would turn it on
    listed = subprocess.check_output(command, cwd=ROOT, text=True).splitlines()
    assert [line.split()[1] for line in listed] == targets
    assert all(len(line.split()) > 2 for line in listed)
