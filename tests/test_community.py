"""The files around the code say the same as the code."""

import json
import re
import shlex
from pathlib import Path

import pytest

import baselines_her

tomllib, yaml = pytest.importorskip("tomllib"), pytest.importorskip("yaml")
ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == baselines_her.__version__
    assert citation["license"] == PROJECT["license"]


def test_the_forms_for_issues_can_be_shown():
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert len(forms) == 3
    for path in forms:
        form = yaml.safe_load(path.read_text())
        if path.stem == "config":
            continue
        assert form["name"] and form["description"]
        for part in form["body"]:
            assert part["type"] in ("input", "textarea") and part["attributes"]["label"]


def test_the_image_installs_what_the_gate_installs():
    """The gate runs these packages and this command; an image cannot be built there."""
    gate = (ROOT / ".ci" / "run").read_text()
    (packages,) = re.findall(r'apt_packages="(.*)"', gate)
    assert f"--no-install-recommends {packages} " in DOCKERFILE
    (line,) = re.findall(r"^RUN cd .* && (pip install .*)$", DOCKERFILE, re.M)
    (target,) = re.findall(r"\.\[(.*)\]", shlex.split(line)[-1])
    assert {*target.split(",")} <= {*PROJECT["optional-dependencies"]}
    (command,) = json.loads(re.findall(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.M)[0])
    assert command in PROJECT["scripts"]


def test_the_wheel_is_used_with_the_extras_of_the_image():
    """`.ci/wheel` runs the image's commands without the image."""
    extras = r"\[([a-z,]+)\]"
    (ours,) = re.findall(r"\$wheel" + extras, (ROOT / ".ci" / "wheel").read_text())
    (images,) = re.findall(r"'\." + extras, DOCKERFILE)
    assert ours == images
