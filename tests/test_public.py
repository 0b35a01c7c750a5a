"""What a user finds in the package without reading its source."""

import inspect
import subprocess
import sys

import pytest

import baselines_her

NAMES = baselines_her.__all__


def test_dir_shows_everything_public():
    assert set(NAMES) <= set(dir(baselines_her))
    assert "__version__" in dir(baselines_her)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_documented_and_listed(name):
    documented = getattr(baselines_her, name)
    assert inspect.getdoc(documented)
    assert f"\n    {name:11}" in baselines_her.__doc__


def test_help_describes_the_functions():
    import pydoc

    text = pydoc.render_doc(baselines_her, renderer=pydoc.plaintext)
    assert "train(env: str | None = None" in text
    assert "Trains a policy." in text


def test_looking_at_the_names_loads_nothing(tmp_path, subprocess_environment):
    code = (
        "import sys, baselines_her\n"
        "assert 'train' in dir(baselines_her)\n"
        "heavy = {'tensorflow', 'gymnasium', 'numpy'}\n"
        "assert not heavy & {*sys.modules}"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=subprocess_environment,
        check=True,
    )


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        baselines_her.trian  # noqa: B018


@pytest.mark.slow
def test_a_type_checker_knows_the_flags_of_train(tmp_path):
    api = pytest.importorskip("mypy.api")
    good = 'import baselines_her as b\nb.train("FetchReach", {})\n'
    (tmp_path / "good.py").write_text(
        good.format('num_timesteps=5, noise="ou", log_path=None, gamma=0.9')
    )
    (tmp_path / "bad.py").write_text(
        good.format('num_timesteps="many"')
        + 'b.train("FetchReach", noise="loud")\n'
        + 'b.train("FetchReach", num_timestep=5)\n'
    )
    cache = "--cache-dir", str(tmp_path / "cache")
    files = [str(tmp_path / name) for name in ("good.py", "bad.py")]
    out, _, _ = api.run(["--follow-imports=silent", *cache, *files])
    errors = [line for line in out.splitlines() if ": error:" in line]
    assert len(errors) == 3, out
    assert all("bad.py" in line for line in errors)
    assert 'did you mean "num_timesteps"?' in out
