"""The worked example of a new algorithm, in a copy of the package as the page says."""

import json
import re
import shutil

import pytest
from conftest import run
from pages import ROOT, blocks

PAGE = ROOT / "docs" / "add_algorithm.md"
EXAMPLE = ROOT / "examples" / "own_algorithm"
PROGRAM = """
import json
import numpy as np
import baselines_her
from baselines_her.exports.__main__ import export
from baselines_her.runs.policy_file import read_policy

def train(folder, **flags):
    usual = dict(alg="ars", env="InvertedPendulum", n_cycles=2, n_test_rollouts=2)
    flags = {**usual, **flags} if "resume" not in flags else flags
    return baselines_her.train(log_path=folder, quiet=True, **flags)

def arrays(result):
    return read_policy(result.log_path / "policy_latest.pkl").arrays

whole = train("whole", num_timesteps=STEPS)
train("half", num_timesteps=STEPS // 2)
resumed = train("half", resume="half", num_timesteps=STEPS)
control = train("control", num_timesteps=STEPS // 20, step_size=1e-9)
same = all((arrays(whole)[k] == arrays(resumed)[k]).all() for k in arrays(whole))
policy = baselines_her.load_policy(whole.best_policy)
played = baselines_her.evaluate(policy, episodes=2)
export(whole.best_policy, "numpy", "exported.py")
import exported
seen = np.array([0.1, 0.2, -0.1, 0.05], np.float32)
print(json.dumps({
    "learned": whole.rows[-1]["test/return"],
    "control": max(row["test/return"] for row in control.rows),
    "same": bool(same),
    "played": played.returns.mean(),
    "exported": bool((exported.act(seen) == policy(seen)).all()),
}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A folder with the package, to which the example and its line are added."""
    folder = tmp_path_factory.mktemp("package")
    ignored = shutil.ignore_patterns("__pycache__", "*.pkl")
    shutil.copytree(ROOT / "baselines_her", folder / "baselines_her", ignore=ignored)
    for room in "settings", "algorithms":
        home = folder / "baselines_her" / room
        shutil.copytree(EXAMPLE / room, home, dirs_exist_ok=True, ignore=ignored)
    (line,) = (b.text for b in blocks(PAGE) if b.text.startswith("_HOMES"))
    (item,) = re.findall(r'"ars": "\w+"', line)
    path = folder / "baselines_her" / "algorithms" / "__init__.py"
    head, start, rest = path.read_text().partition("_HOMES = {")
    path.write_text(f"{head}{start}{item}, {rest}")
    return folder


@pytest.fixture(scope="module")
def environment(package, subprocess_environment):
    """Variables under which a child imports that package."""
    return {**subprocess_environment, "PYTHONPATH": str(package)}


def test_the_command_line_knows_it(package, environment):
    command = ["-m", "baselines_her.run", "--alg=ars"]
    done = run(package, environment, *command, "--help=all")
    assert "augmented random search" in done.stdout
    assert "--directions N" in done.stdout
    done = run(package, environment, *command, "--directions=0")
    assert done.stderr == "error: directions must be at least 1, found 0.\n"


@pytest.mark.slow
def test_it_learns_resumes_and_plays(package, environment):
    done = run(package, environment, "-c", PROGRAM.replace("STEPS", "6_000"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["same"] and found["exported"]
    assert found["learned"] > 900 and found["played"] > 900
    assert found["control"] < 100
