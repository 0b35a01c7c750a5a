"""The sources of notebooks become notebooks; `make notebooks` runs them."""

import ast

import pytest
from commands import check
from pages import ROOT

FOLDER = ROOT / "examples" / "notebooks"
SOURCES = sorted(FOLDER.glob("*.py"))


def cells(path):
    """The cells of a source; a cell of text without its comment signs."""
    jupytext = pytest.importorskip("jupytext")
    return jupytext.read(path).cells


def test_every_notebook_is_on_the_page():
    page = (ROOT / "docs" / "notebooks.md").read_text()
    assert SOURCES
    for path in SOURCES:
        assert f"(../examples/notebooks/{path.name})" in page


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_a_notebook_begins_with_what_it_is_and_how_to_open_it(path):
    first, second, *rest = cells(path)
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    assert "Colab" in first.source and "minute" in first.source
    assert "*.whl" in second.source and len(rest) > 4
    for cell in rest:
        if cell.cell_type == "code":
            ast.parse(cell.source)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_the_commands_in_a_notebook_can_be_read(path, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.toml").write_text("[lr]\nlow = 1e-4\nhigh = 3e-3\n")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "command":
            starred = [a.value.elts if isinstance(a, ast.Starred) else [a]
                       for a in node.args]  # fmt: skip
            words = [n.value if isinstance(n, ast.Constant) else "FILE"
                     for part in starred for n in part]  # fmt: skip
            check(["baselines-her", *words], monkeypatch)
