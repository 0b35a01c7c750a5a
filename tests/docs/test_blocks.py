"""Every block of code on every page is run, or checked, or says why it is not."""

import importlib
import shutil
import sys

import gymnasium as gym
import gymnasium_robotics
import pytest
from commands import MISSING, check, commands
from conftest import TESTS, uncompiled
from pages import PAGES, ROOT, blocks, inline_commands

import baselines_her

# A training of a page is made shorter; it is the call that is tested.
SHORT = {"num_timesteps": 100, "n_cycles": 1, "n_batches": 1, "n_test_rollouts": 1}
SHORT |= {"num_env": 1, "layers": 1, "hidden": 8, "random_steps": 0, "collectors": 0}
KNOWN = "bash", "python", "toml", "text"
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def is_run(block, language):
    """Whether a block is to be run (or, in a shell, to be checked)."""
    return block.language == language and block.marker not in ("not run", "part of")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_has_a_language_that_is_tested(page):
    for block in blocks(page):
        is_ours = block.language in KNOWN or block.language.startswith("{")
        assert is_ours, f"{block.place}: name the language: {', '.join(KNOWN)}"
        if block.marker == "not run":
            assert len(block.reason.split()) > 3, f"{block.place}: give the reason"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_can_be_read(page, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)  # for files that a command names
    texts = [(b.place, b.text) for b in blocks(page) if is_run(b, "bash")]
    for place, text in texts + [("in prose", text) for text in inline_commands(page)]:
        for words in commands(text):
            try:
                check(words, monkeypatch)
            except (ValueError, SystemExit) as error:
                said = capsys.readouterr().err or str(error)
                if place != "in prose" or MISSING not in said:
                    pytest.fail(f"{place}: {' '.join(words)}\n{said}")


@pytest.mark.parametrize(
    "words",
    [
        "python -m baselines_her.run --env=FetchPush --polyack=0.9",
        "python -m baselines_her.run --env=FetchPush --polyak=2",
        "python -m baselines_her.run --env=... --polyack=N",
        "python -m baselines_her.run --ou_theta=1",
        "python -m baselines_her.walk --env=FetchPush",
        "python -m baselines_her.demos inform a.npz",
        "python experiment/play.py FetchPush --film=a.mp4",
        "python experiment/benchmark.py no_list",
        "python bench/run.py no_part",
        "python bench/no_file.py",
        "baselines-her ply FetchPush",
        "baselines-her export FetchPush --to=fortran",
        "baselines-her sweep --env=FetchPush --trails=3 --minutes=1",
        "mpirun -np 4 python -m baselines_her.run --evn=FetchPush",
        "make coffee",
        "pip install '.[vidoe]'",
        "wget something",
    ],
)
def test_a_wrong_command_is_found(words, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    with pytest.raises((ValueError, SystemExit, AttributeError)):
        for command in commands(words):
            check(command, monkeypatch)


def test_parts_of_files_are_as_in_the_files():
    parts = [b for page in PAGES for b in blocks(page) if b.marker == "part of"]
    assert parts
    for block in parts:
        assert f"\n{block.text}\n" in (ROOT / block.reason).read_text(), block.place


def with_python(page):
    return any(is_run(block, "python") for block in blocks(page))


@pytest.fixture
def clean(tmp_path, monkeypatch):
    """An empty folder; what the code imports and registers is forgotten again."""
    gym.register_envs(gymnasium_robotics)  # they are registered once, on import
    registered, imported = dict(gym.registry), {*sys.modules}
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    gym.registry.clear()
    gym.registry.update(registered)
    for name in {*sys.modules} - imported:
        if getattr(sys.modules[name], "__file__", None) in map(str, tmp_path.iterdir()):
            del sys.modules[name]


@pytest.mark.parametrize("page", filter(with_python, PAGES), ids=lambda p: p.stem)
def test_the_python_of_a_page_runs(page, clean, monkeypatch):
    train, evaluate = baselines_her.train, baselines_her.evaluate

    def short_training(*arguments, **flags):
        return train(*arguments, **{**flags, **SHORT}, quiet=True)

    def short_evaluation(policy, env=None, episodes=2, seed=0):
        return evaluate(policy, env, min(episodes, 2), seed)

    monkeypatch.setattr(baselines_her, "train", short_training, raising=False)
    monkeypatch.setattr(baselines_her, "evaluate", short_evaluation, raising=False)
    shutil.copy(TESTS / "fixtures" / "v0_1_0" / "demos.npz", clean / "taught.npz")
    names = {"__name__": "a_page"}
    with uncompiled():
        for block in blocks(page):
            if not is_run(block, "python"):
                continue
            if block.marker == "saved as":
                (clean / block.reason).write_text(block.text)
                importlib.import_module(block.reason.removesuffix(".py"))
                continue
            code = compile("\n" * block.line + block.text, str(page), "exec")
            exec(code, names)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is in Python 3.11")
def test_the_spaces_of_sweeps_can_be_read(tmp_path):
    from baselines_her.algorithms import entry
    from baselines_her.sweep.space import read_space

    found = [b for page in PAGES for b in blocks(page) if b.language == "toml"]
    assert found
    for block in found:
        path = tmp_path / "space.toml"
        path.write_text(block.text)
        assert read_space(path, entry("ppo")), block.place
