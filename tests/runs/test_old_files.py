"""Files of version 0.1.0 stay readable, and keep their meaning."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import baselines_her
from baselines_her.demos.file import load_demos
from baselines_her.runs.arrays import sha256_of
from baselines_her.runs.policy_file import POLICIES, load_policy, read_policy
from baselines_her.runs.safe_pickle import dump_flat

OLD = Path(__file__).parents[1] / "fixtures" / "v0_1_0"


def test_an_old_policy_acts():
    policy = load_policy(OLD / "run" / "policy_best.pkl")
    action = policy.act(np.zeros(10), np.zeros(3), np.zeros(3))
    assert action.shape == (4,) and (np.abs(action) < 1.0).all()
    assert read_policy(OLD / "run" / "policy_best.pkl").config.run.alg == "her"


def test_an_old_run_continues_and_keeps_its_rows(tmp_path, eagerly):
    folder = tmp_path / "run"
    shutil.copytree(OLD / "run", folder)
    before = (folder / "progress.csv").read_text()
    result = baselines_her.train(resume=str(folder), num_timesteps=300, quiet=True)
    assert [row["steps/env"] for row in result.rows] == [100, 200, 300]
    assert (folder / "progress.csv").read_text().startswith(before.replace("\r", ""))
    commands = json.loads((folder / "config.json").read_text())
    old = json.loads((OLD / "run" / "config.json").read_text())
    assert commands["command"] == old["command"] and len(commands["resumed_by"]) == 1


def test_old_demonstrations_load():
    demos = load_demos(OLD / "demos.npz")
    assert len(demos.action) == len(demos.seed)
    assert demos.facts["env_id"].startswith("Fetch")


def test_an_old_run_is_drawn(tmp_path):
    baselines_her.plot([OLD / "run"], out=tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("name", "plain"), [("layer_norm", False), ("relative_goals", False)]
)
def test_a_setting_that_a_file_lacks_has_its_plain_default(tmp_path, name, plain):
    """The preset `tuned` sets others for FetchSlide, and may change again."""
    from baselines_her.config import from_flags, to_flags

    assert to_flags(from_flags(env="FetchSlide"))[name] != plain
    content = pickle.loads((POLICIES / "FetchSlide.pkl").read_bytes())
    header = json.loads(content["header"])
    assert header["config"]["preset"] == "tuned"
    del header["config"][name]
    content["header"] = json.dumps(header)
    parts = [content["header"].encode(), b"\0", content["arrays"]]
    path = tmp_path / "policy.pkl"
    path.write_bytes(dump_flat({**content, "sha256": sha256_of(parts)}))
    assert to_flags(read_policy(path).config)[name] == plain
