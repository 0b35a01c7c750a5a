"""experiment/benchmark.py: which runs a list holds, and which are left to do."""

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from baselines_her.algorithms import entry
from baselines_her.cli.flags import parse_flags
from baselines_her.config import fields_of, from_flags, plain, require_effects
from baselines_her.envs.make import resolve_id
from baselines_her.runs.folder import differing_settings
from baselines_her.settings.fields import has_effect
from baselines_her.types import Episodes, FlatEpisodes

SCRIPT = Path(__file__).parents[1] / "experiment" / "benchmark.py"
LISTS = {
    "two": {
        "one": {"flags": "--env=FetchReach", "seeds": [0, 1]},
        "other": {"flags": "--env=FetchPush --per", "seeds": [5]},
    }
}
RUNS = [
    ("one_seed0", ["--env=FetchReach", "--seed=0"]),
    ("other_seed5", ["--env=FetchPush", "--per", "--seed=5"]),
    ("one_seed1", ["--env=FetchReach", "--seed=1"]),
]
FILE = SCRIPT.with_name("benchmarks.json")
KEPT = SCRIPT.parents[1] / "results"
LISTED = [
    (f"{name}/{label}_seed{seed}", [*run["flags"].split(), f"--seed={seed}"])
    for name, runs in json.loads(FILE.read_text()).items()
    for label, run in runs.items()
    for seed in run["seeds"]
]


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """The script as a module: its lists are ours, and training only takes notes."""
    spec = importlib.util.spec_from_file_location("benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lists, trained, evaluated = tmp_path / "lists.json", [], []
    lists.write_text(json.dumps(LISTS))

    def train(folder, flags):
        trained.append((folder.name, flags))
        folder.mkdir(parents=True)
        for name in "config.json", "progress.csv":
            (folder / name).write_text(name)

    monkeypatch.setattr(module, "LISTS_FILE", lists)
    monkeypatch.setattr(module, "train", train)

    def evaluate(folder, variations, env):
        evaluated.append((folder.name, variations, env))
        return {"latest": 0.5}

    monkeypatch.setattr(module, "evaluate", evaluate)
    monkeypatch.chdir(tmp_path)
    module.trained, module.evaluated = trained, evaluated
    return module


def test_first_seeds_come_first(benchmark):
    assert benchmark.runs_of("two", LISTS) == RUNS


def test_a_finished_run_is_never_repeated(benchmark):
    done = Path("results/two/other_seed5")
    done.mkdir(parents=True)
    (done / "evaluation.json").write_text("{}")
    assert benchmark.main(["two"]) == 0
    assert benchmark.trained == [RUNS[0], RUNS[2]]
    assert benchmark.main(["two"]) == 0
    assert len(benchmark.trained) == 2
    kept = Path("results/two/one_seed1")
    assert json.loads((kept / "evaluation.json").read_text()) == {"latest": 0.5}
    assert (kept / "progress.csv").read_text() == "progress.csv"


def test_an_evaluation_gets_the_id_of_an_environment_that_a_module_registers(
    benchmark, tmp_path
):
    turns = {"slow": {"speed": 1}}
    lists = {"own": {"a": {"seeds": [0], "flags": "--env=mine:Own-v0 --lr=1"}}}
    lists["own"]["b"] = {"seeds": [0], "flags": "--env=FetchReach", "evaluate": turns}
    (tmp_path / "lists.json").write_text(json.dumps(lists))
    assert benchmark.main(["own"]) == 0
    expected = [("a_seed0", None, "mine:Own-v0"), ("b_seed0", turns, None)]
    assert benchmark.evaluated == expected


def test_only_the_named_runs(benchmark):
    assert benchmark.main(["two", "--only", "one_seed1"]) == 0
    assert benchmark.trained == [RUNS[2]]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["too"], "there is no list too"),
        (["two", "--only", "one_seed2"], "there is no run one_seed2"),
    ],
)
def test_unknown_names_run_nothing(benchmark, capsys, arguments, sentence):
    with pytest.raises(SystemExit, match="2"):
        benchmark.main(arguments)
    assert sentence in capsys.readouterr().err
    assert not benchmark.trained


def played(goal):
    """Four episodes of two steps; the first and the last end with success."""
    success = np.array([[0, 1], [1, 0], [0, 0], [1, 1]], bool)
    none = np.zeros(0)
    return Episodes(none, none, np.array(goal, np.float32), none, success)


def test_success_is_told_by_the_height_of_goals(benchmark):
    heights = [0.42, 0.449, 0.46, 0.6]  # 0.029 m above the lowest is on the table
    found = benchmark.by_height(played([[0.0, 0.0, z] for z in heights]))
    assert found == {"air": 0.5, "table": 0.5}
    found = benchmark.by_height(
        played([[0.0, 0.0, z] for z in (0.42, 0.42, 0.42, 0.6)])
    )
    assert found == {"air": 1.0, "table": pytest.approx(1 / 3)}
    assert benchmark.by_height(played([[0.0, 0.0, 0.42]] * 4)) == {}
    assert benchmark.by_height(played([[0.0] * 15] * 3 + [[1.0] * 15])) == {}  # a hand


def test_every_episode_is_kept(benchmark):
    goals = [[0.0, 0.0, z] for z in (0.42, 0.45, 0.5, 0.6)]
    found = benchmark.each(played(goals))
    assert found["goal"] == goals
    assert found["success"] == [1, 0, 0, 1] and found["success_any"] == [1, 1, 0, 1]
    metrics = np.array([{"speed": 1.0}, {"speed": 2.0}])
    flat = FlatEpisodes(np.array([1.5, 2.5]), np.array([10, 20]), metrics)
    assert benchmark.each(flat) == {"return": [1.5, 2.5], "length": [10, 20]}
    text = benchmark.text_of({"latest": 0.5, "latest_each": found})
    assert json.loads(text) == {"latest": 0.5, "latest_each": found}
    assert len(text.splitlines()) == 4


@pytest.mark.parametrize(("folder", "flags"), LISTED, ids=[f for f, _ in LISTED])
def test_kept_results_are_of_the_settings_that_their_list_gives(folder, flags):
    """A preset that changes must not leave another's curves under its name."""
    given = parse_flags(flags)
    config = from_flags(**{**given, "env": resolve_id(given["env"])})
    require_effects(config, given)
    if (KEPT / folder).exists():
        kept = json.loads((KEPT / folder / "config.json").read_text())
        algorithm = entry(config.run.alg)
        own = algorithm.settings
        settings = SimpleNamespace(**{**plain(own), **kept["config"]})
        fields = fields_of(own).items()
        idle = {k for k, field in fields if not has_effect(settings, field)}
        found = {k: v for k, v in kept["config"].items() if k not in idle}
        found["preset"] = config.run.preset  # may have another name now
        resolved = config.resolve(algorithm.read_spec(kept["spec"]))
        assert differing_settings(found, resolved) == ""
