"""Demonstrations on the command line: generate, look at, replay, convert, save."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import run
from trainings import POINT, SHORT, train

from baselines_her.demos.file import load_demos
from baselines_her.demos.generate import generate

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fetch_demos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fetch")
    script = ROOT / "data_generation" / "fetch_data_generation.py"
    done = run(folder, None, script, "--episodes=4", "--video=demo.gif")
    assert done.stderr == ""
    return folder, done.stdout


def test_the_generator_writes_what_it_says(fetch_demos):
    folder, said = fetch_demos
    assert "expert: 4 of 4 episodes succeeded (1.00)" in said
    demos = load_demos(folder / "data_fetch_random_4.npz")
    assert demos.facts["env_id"] == "FetchPickAndPlace-v4"
    assert demos.success.all()
    assert np.abs(demos.action).max() <= 1.0
    assert (folder / "demo.gif").stat().st_size > 50_000


def test_the_package_generates_demonstrations_without_the_script(tmp_path):
    path = generate("FetchReach", episodes=2, seed=3, out=tmp_path / "reach.npz")
    demos = load_demos(path)
    assert demos.facts["generator"] == "scripted expert, noise 0, seed 3"
    assert demos.success.tolist() == [True, True]
    done = run(tmp_path, None, "-m", "baselines_her.demos.generate", "--episodes=0")
    assert done.returncode == 2
    assert done.stderr == "error: episodes must be at least 1 and noise at least 0.\n"


def test_the_file_is_told_and_replayed_exactly(fetch_demos):
    folder, _ = fetch_demos
    module = "-m", "baselines_her.demos"
    told = run(folder, None, *module, "info", "data_fetch_random_4.npz")
    assert "episodes     4, each 50 steps" in told.stdout
    assert "success      1.00" in told.stdout
    assert "scripted expert, noise 0, seed 0" in told.stdout
    played = run(folder, None, *module, "replay", "data_fetch_random_4.npz")
    assert "largest deviation 0\n" in played.stdout
    flags = "--video=again.gif", "--episodes=1"
    filmed = run(folder, None, *module, "replay", "data_fetch_random_4.npz", *flags)
    assert "largest deviation 0\n" in filmed.stdout
    assert (folder / "again.gif").stat().st_size > 20_000
    assert played.stdout.count("success") == 4


def test_a_policys_episodes_become_demonstrations(
    short_run, tmp_path, subprocess_environment, eagerly
):
    policy = short_run.best_policy
    script = str(ROOT / "experiment" / "play.py")
    flags = f"--env={POINT}", "--episodes=3", "--save_demos=out/mine.npz"
    done = run(tmp_path, subprocess_environment, script, str(policy), *flags)
    assert done.stderr == ""
    demos = load_demos(tmp_path / "out" / "mine.npz")
    assert demos.action.shape == (3, 12, 2)
    assert demos.facts["generator"] == "policy policy_best.pkl"
    assert demos.state0 is None  # no simulator whose state could be taken
    flags = {**SHORT, "num_demo": 3, "demo_batch_size": 16}
    flags |= {"demo_file": tmp_path / "out" / "mine.npz"}
    result = train(tmp_path / "next", **flags)
    assert result.rows[-1]["demos/passed"] > 0


def test_formats_are_converted(fetch_demos):
    folder, _ = fetch_demos
    module = "-m", "baselines_her.demos"
    file, old, new = "data_fetch_random_4.npz", "old.npz", "new.npz"
    for arguments in (file, old, "--legacy"), (old, new, "--env=FetchPickAndPlace"):
        done = run(folder, None, *module, "convert", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
    one, other = load_demos(folder / file), load_demos(folder / new)
    for name in "obs", "achieved", "goal", "action", "success":
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    refused = run(folder, None, *module, "replay", old)
    assert refused.returncode == 2
    assert "old.npz holds none" in refused.stderr
    assert refused.stderr.count("\n") == 1


RECOVER = """
import minari, numpy as np
dataset = minari.load_dataset("fetch/pick-v0")
env = dataset.recover_environment()
seed = next(dataset.storage.get_episode_metadata([0]))["seed"]
seen, _ = env.reset(seed=seed)
for key, rows in dataset[0].observations.items():
    np.testing.assert_allclose(seen[key], rows[0], atol=1e-6)
facts = dataset.storage.metadata
print(env.spec.id, *facts["author"], len(facts["requirements"]), seed)
"""


def test_minari_datasets_are_written_and_read(fetch_demos, tmp_path):
    pytest.importorskip("minari")
    folder, _ = fetch_demos
    module = "-m", "baselines_her.demos"
    environment = {**os.environ, "MINARI_DATASETS_PATH": str(tmp_path)}
    file, name = "data_fetch_random_4.npz", "minari:fetch/pick-v0"
    for arguments in (file, name, "--author=Ada"), (name, "back.npz"):
        done = run(folder, environment, *module, "convert", *arguments)
        assert done.returncode == 0, done.stderr
    one, other = load_demos(folder / file), load_demos(folder / "back.npz")
    for field in "obs", "achieved", "goal", "action", "success", "seed", "state0":
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
    assert other.facts["env_id"] == "FetchPickAndPlace-v4"
    done = run(folder, environment, *module, "replay", "back.npz")
    assert "largest deviation 0\n" in done.stdout
    done = run(folder, environment, "-W", "error", "-c", RECOVER, str(one.seed[0]))
    assert done.stdout == f"FetchPickAndPlace-v4 Ada 3 {one.seed[0]}\n", done.stderr


def test_noise_makes_the_expert_fail_sometimes(tmp_path):
    script = ROOT / "data_generation" / "fetch_data_generation.py"
    flags = "--episodes=6", "--noise=2", "--keep_failures", "--out=bad.npz"
    run(tmp_path, None, script, *flags)
    assert not load_demos(tmp_path / "bad.npz").success.all()
    done = run(tmp_path, None, script, "--env=FetchSlid")
    assert done.returncode == 2
    assert "experts exist for" in done.stderr


def test_the_puck_slides_onto_the_goal(tmp_path):
    script = ROOT / "data_generation" / "fetch_data_generation.py"
    flags = "--env=FetchSlide", "--episodes=10", "--keep_failures", "--out=slide.npz"
    done = run(tmp_path, None, script, *flags)
    assert done.stderr == ""
    demos = load_demos(tmp_path / "slide.npz")
    assert demos.facts["env_id"] == "FetchSlide-v4"
    assert demos.success.mean() >= 0.8
    far = np.linalg.norm(demos.goal - demos.achieved[:, 0], axis=-1) > 0.5
    assert (demos.success & far).any()  # out of the arm's reach
