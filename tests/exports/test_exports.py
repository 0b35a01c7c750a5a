"""Exports act like the policy that they were made of, in processes without it."""

import ast
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from flat_env import Target
from trainings import train as train_point

import baselines_her
from baselines_her.envs.make import env_factory
from baselines_her.exports.__main__ import export, main
from baselines_her.exports.numpy_file import write_numpy
from baselines_her.runs.intervals import wilson
from baselines_her.runs.policy_file import (
    POLICIES,
    load_policy,
    read_policy,
    write_policy,
)

SHORT = {"alg": "ppo", "num_env": 4, "nsteps": 16, "batch_size": 32, "noptepochs": 1}
SHORT |= {"hidden_sizes": "8", "steppers": 1, "n_cycles": 1, "n_test_rollouts": 3}
SHORT |= {"num_timesteps": 64, "quiet": True}
ACTS = """
import json, sys
import numpy as np
sys.path.insert(0, {folder!r})
import {name} as policy
asked = np.load({asked!r})
rows = [policy.act(*(part[n] for part in asked.values())) for n in range({n})]
np.save({out!r}, np.stack(rows))
loaded = [m for m in sys.modules if m in ("baselines_her", "tensorflow", "gymnasium")]
print(json.dumps(loaded))
"""


def asked_of(policy, n=200):
    """Inputs that reach every clip, by name."""
    rng, chain = np.random.default_rng(0), policy.chain()
    sizes = {**chain.inputs, "achieved_goal": chain.inputs.get("desired_goal")}
    scale = np.exp(rng.normal(0, 2, n))[:, None]
    return {
        name: (scale * rng.normal(size=(n, sizes[name]))).astype(np.float32)
        for name in chain.names
    }


def seen_by(policy, n):
    """The inputs of n steps of real episodes, by name."""
    env = env_factory(policy.header["spec"]["env_id"], None)()
    rows, (observation, _) = [], env.reset(seed=0)
    for _ in range(n):
        rows.append(observation)
        observation, _, terminated, truncated, _ = env.step(policy(observation))
        if terminated or truncated:
            observation, _ = env.reset()
    env.close()
    if isinstance(rows[0], dict):
        names = policy.chain().names
        return {k: np.array([row[k] for row in rows], np.float32) for k in names}
    return {"observation": np.array(rows, np.float32)}


def actions_of(policy, asked):
    """The policy's own actions, one observation at a time."""
    n = len(asked["observation"])
    if "desired_goal" not in asked:
        return np.stack([policy(asked["observation"][k]) for k in range(n)])
    goals = asked["desired_goal"]
    achieved = asked.get("achieved_goal", np.zeros_like(goals))
    parts = asked["observation"], achieved, goals
    return np.stack([policy.act(*(part[k] for part in parts)) for k in range(n)])


def run_numpy(path, asked, tmp_path):
    """What the exported file does, in a process of its own."""
    np.savez(tmp_path / "asked.npz", **asked)
    names = {
        "folder": str(path.parent),
        "name": path.stem,
        "n": len(asked["observation"]),
    }
    names |= {"asked": str(tmp_path / "asked.npz"), "out": str(tmp_path / "out.npy")}
    code = ACTS.format(**names)
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
    return np.load(tmp_path / "out.npy")


@pytest.fixture(params=["FetchPush", "FetchSlide", "HalfCheetah"])
def trained(request):
    """Policies with absolute and with relative goals, and one without goals."""
    return POLICIES / f"{request.param}.pkl"


def test_a_numpy_file_gives_the_same_bits(trained, tmp_path):
    policy = load_policy(trained)
    paths = export(trained, "numpy", tmp_path / "deployed.py")
    assert [p.name for p in paths] == ["deployed.py", "deployed.npz"]
    assert len(paths[0].read_text().splitlines()) < 35
    asked = asked_of(policy)
    found = run_numpy(paths[0], asked, tmp_path)
    np.testing.assert_array_equal(found, actions_of(policy, asked))
    assert np.ptp(found) > 0.5


def test_an_onnx_graph_gives_the_same_actions(trained, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    policy = load_policy(trained)
    (path,) = export(trained, "onnx", tmp_path / "policy.onnx")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    asked = seen_by(policy, 1000)
    (found,) = session.run(["action"], asked)
    np.testing.assert_allclose(found, actions_of(policy, asked), atol=1e-5)
    (one,) = session.run(["action"], {k: v[:1] for k, v in asked.items()})
    np.testing.assert_allclose(one, found[:1], atol=1e-5)


@pytest.mark.parametrize(
    "flags",
    [
        {"std": "state", "activation": "relu", "hidden_sizes": "64"},
        {"std": "state", "squash_mean": True},
        {"shared_trunk": True, "squash_mean": True, "activation": "elu"},
        {"std": "schedule", "normalize_obs": False},
    ],
)
def test_every_kind_of_network_can_be_exported(flags, tmp_path, eagerly):
    run = baselines_her.train(
        make_env=Target, log_path=str(tmp_path / "run"), **{**SHORT, **flags}
    )
    policy = load_policy(run.best_policy)
    asked = asked_of(policy, 50)
    path, _ = export(run.best_policy, "numpy", tmp_path / "it.py")
    wanted = actions_of(policy, asked)
    np.testing.assert_array_equal(run_numpy(path, asked, tmp_path), wanted)
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    (path,) = export(run.best_policy, "onnx", tmp_path / "it.onnx")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, asked)[0], wanted, atol=1e-5)


def test_safetensors_hold_every_array_and_the_header(trained, tmp_path):
    numpy = pytest.importorskip("safetensors.numpy")
    (path,) = export(trained, "safetensors", tmp_path / "policy.safetensors")
    file, found = read_policy(trained), numpy.load_file(path)
    assert set(found) == set(file.arrays)
    for name, array in file.arrays.items():
        assert found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)
    size = int.from_bytes(path.read_bytes()[:8], "little")
    kept = json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]
    assert json.loads(kept["spec"])["env_id"] == file.spec.env_id


def test_a_card_says_what_goes_in_and_what_comes_out(tmp_path):
    (path,) = export(POLICIES / "FetchPush.pkl", "card", tmp_path / "card.md")
    text = path.read_text()
    parts = "| observation | 25 |", "| desired_goal | 3 |", "25 Hz", "mujoco `3."
    for part in (*parts, "fingers stay closed", "velocity, times 0.04 s", "optimistic"):
        assert part in text
    (path,) = export(POLICIES / "FetchPickAndPlace.pkl", "card", tmp_path / "pick.md")
    assert "Entry 3 opens the fingers" in path.read_text()
    (path,) = export(POLICIES / "HalfCheetah.pkl", "card", tmp_path / "cheetah.md")
    assert (
        "Mean return" in path.read_text() and "| observation | 17 |" in path.read_text()
    )


def renamed(path, name, out, versions=None):
    """A copy of a policy whose file names another environment and other versions."""
    file = read_policy(path)
    facts = {"success_rate": 0.5, "versions": versions or {}}
    spec = file.spec._replace(env_id=name)
    write_policy(out, spec, file.config, file.arrays, facts)
    return out


@pytest.mark.parametrize("name", ["mine:FetchPush-v4", "FetchPushHard-v4", "Fetch"])
def test_a_card_does_not_explain_numbers_that_it_does_not_know(name, tmp_path):
    path = renamed(POLICIES / "FetchPush.pkl", name, tmp_path / "policy.pkl")
    text = export(path, "card")[0].read_text()
    assert "gripper" not in text and "25 Hz" not in text


HOSTILE = '"""\nimport os; os.abort() # `<script>`](http://x) | ' + "\\" + '"'


def test_text_in_a_policy_file_stays_text(tmp_path):
    versions = {"mujoco": "3`\n# <b>" + "x" * 500, "<script>": "1"}
    name = HOSTILE.replace("\n", " ")
    parts = POLICIES / "HalfCheetah.pkl", name, tmp_path / "policy.pkl", versions
    path = renamed(*parts)
    text = export(path, "card")[0].read_text()
    outside = re.sub("`[^`]*`", "", text)
    assert "<" not in outside and "](" not in outside and "x" * 100 not in text
    export(path, "numpy")
    assert np.isfinite(
        run_numpy(
            path.with_suffix(".py"),
            {"observation": np.zeros((1, 17), np.float32)},
            tmp_path,
        )
    ).all()


def test_the_name_of_the_file_cannot_add_code(tmp_path):
    """A name is part of a docstring nowhere."""
    chain = load_policy("HalfCheetah").chain()
    path = tmp_path / 'a"""; import os; os.abort() #.py'
    write_numpy(chain, path, HOSTILE)
    tree = ast.parse(path.read_text())
    assert sum(isinstance(node, ast.Import) for node in ast.walk(tree)) == 1
    assert "os" not in {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


def test_an_export_replaces_files_only_if_told_to(tmp_path):
    path = tmp_path / "policy.py"
    path.with_suffix(".npz").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"policy\.npz exists.*--force"):
        export("HalfCheetah", "numpy", path)
    assert not path.exists() and path.with_suffix(".npz").read_bytes() == b"mine"
    assert len(export("HalfCheetah", "numpy", path, force=True)) == 2
    with pytest.raises(SystemExit, match="2"):
        main(["HalfCheetah", "--out", str(path)])
    assert main(["HalfCheetah", "--out", str(path), "--force"]) == 0


def test_a_folder_does_not_hide_a_policy_of_the_package(tmp_path, monkeypatch):
    (tmp_path / "FetchPush").mkdir()
    monkeypatch.chdir(tmp_path)
    (path,) = export("FetchPush", "card")
    assert path.resolve() == tmp_path / "FetchPush.md"


def test_wrong_commands_are_refused_in_one_sentence(tmp_path, capsys):
    with pytest.raises(ValueError, match="to must be one of numpy, onnx"):
        export(POLICIES / "FetchPush.pkl", "torch")
    with pytest.raises(ValueError, match="out must end with"):
        export(POLICIES / "FetchPush.pkl", "numpy", tmp_path / "policy.npz")
    (tmp_path / "bad.pkl").write_bytes(b"no")
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "bad.pkl")])
    assert "is not a policy file" in capsys.readouterr().err


def test_the_command_writes_beside_the_policy(tmp_path, capsys, eagerly):
    tiny = {"layers": 1, "hidden": 8, "num_timesteps": 12, "n_cycles": 1, "num_env": 1}
    tiny |= {"n_batches": 1, "batch_size": 8, "n_test_rollouts": 1}
    run = train_point(tmp_path / "run", **tiny)
    assert main([str(run.best_policy), "--to=numpy"]) == 0
    assert capsys.readouterr().out.count("wrote") == 2
    assert run.best_policy.with_suffix(".py").exists()


@pytest.mark.parametrize(
    ("n_successes", "n", "low", "high"),
    [
        # z^2 = 3.8415; 0 of 20: high = z^2 / (20 + z^2) = 3.8415 / 23.8415
        (0, 20, 0.0, 0.16113),
        (20, 20, 0.83887, 1.0),
        # 5 of 10: 0.5 +- 1.96 sqrt(0.025 + 0.0096036) / 1.38415 = 0.5 +- 0.2634
        (5, 10, 0.23659, 0.76341),
        (90, 100, 0.82563, 0.94477),
    ],
)
def test_the_interval_of_a_rate_is_wilson_s(n_successes, n, low, high):
    assert wilson(n_successes, n) == pytest.approx((low, high), abs=1e-4)


def test_more_successes_than_episodes_are_refused():
    with pytest.raises(ValueError, match="found 3 of 2"):
        wilson(3, 2)
