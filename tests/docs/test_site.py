"""The site is built without a warning, and is read in a browser without a network."""

import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pages import ROOT
from sharing import FOLDER

import baselines_her
from baselines_her.__main__ import COMMANDS
from baselines_her.algorithms import NAMES, entry
from baselines_her.cli.help import flags_of

pytest.importorskip("sphinx")
pytest.importorskip("furo")
pytest.importorskip("myst_parser")


@pytest.fixture(scope="session")
def site():
    """The built site.  The first process builds it, and the others wait for it."""
    folder = Path(os.environ[FOLDER]) / "site"
    with (Path(os.environ[FOLDER]) / "site_lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            build(folder)
    return folder


def build(folder):
    """Builds it as `make docs` does; an error shows every warning."""
    words = ["-m", "sphinx", "-W", "--keep-going", "-q", "-d", f"{folder}_trees"]
    path = {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *words, str(ROOT / "docs"), str(folder)],
        env={**os.environ, **path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_site_is_built_without_a_warning(site):
    assert {"index.html", "flags.html", "api.html"} <= {*os.listdir(site)}


def test_a_warning_is_an_error(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "conf.py").write_text('extensions = ["myst_parser"]\n')
    (tmp_path / "docs" / "index.md").write_text("# Page\n\n[lost](nowhere.md)\n")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "docs", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode != 0 and b"nowhere.md" in done.stderr


def test_no_formula_has_become_emphasis(site):
    for page in site.glob("*.html"):
        assert not re.findall(r"<em>[^<]*=[^<]*</em>", page.read_text()), page.name


def test_every_flag_is_described(site):
    text = (site / "flags.html").read_text()
    for alg in NAMES:
        for name in flags_of(entry(alg)):
            assert f'id="cmdoption-{alg}-{name}"' in text, (alg, name)
        for preset in entry(alg).presets:
            assert f">{preset}<" in text


def test_every_command_and_every_public_name_is_described(site):
    text = (site / "commands.html").read_text()
    for name in COMMANDS:
        assert f'<section id="{name}">' in text, name
    assert text.count("usage: ") == len(COMMANDS)
    text = (site / "api.html").read_text()
    for name in baselines_her.__all__:
        assert f'id="baselines_her.{name}"' in text, name


def test_a_link_to_a_file_opens_its_text(site):
    page = (site / "architecture.html").read_text()
    assert 'href="source/baselines_her/her_sampler.py.html"' in page
    text = (site / "source" / "baselines_her" / "her_sampler.py.html").read_text()
    assert "choose_goals" in text
    assert "push" in (site / "source" / "results.html").read_text()


def test_no_page_loads_anything_from_elsewhere(site):
    for page in site.rglob("*.html"):
        for word in 'src="http', 'src="//', "url(http", "@import":
            assert word not in page.read_text(), page


# -- in a browser ----------------------------------------------------------------


def requests(browser):
    """The addresses that the browser has asked for since the last call."""
    events = [json.loads(entry["message"]) for entry in browser.get_log("performance")]
    sent = (event["message"] for event in events)
    sent = (m for m in sent if m["method"] == "Network.requestWillBeSent")
    return [message["params"]["request"]["url"] for message in sent]


def wait_for(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 20).until(lambda _: condition())


def found_by_search(browser, site, words):
    """The pages that the search finds, best first."""
    browser.get((site / "search.html").as_uri() + f"?q={words}")
    said = "return document.querySelector('.search-summary')?.textContent || ''"
    wait_for(browser, lambda: "found" in browser.execute_script(said))
    links = "return [...document.querySelectorAll('ul.search a')].map(a => a.href)"
    return [Path(urlsplit(link).path).name for link in browser.execute_script(links)]


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("teleop", "demonstrations.html"),
        ("polyak", "flags.html"),
        ("Colab", "faq.html"),
    ],
)
def test_the_search_works_from_a_disk(browser, site, words, page):
    requests(browser), browser.get_log("browser")
    assert page in found_by_search(browser, site, words)
    assert browser.get_log("browser") == []
    asked = requests(browser)
    assert asked and all(a.startswith(("file:", "data:")) for a in asked), asked


def test_the_search_finds_nothing_where_there_is_nothing(browser, site):
    browser.get((site / "search.html").as_uri() + "?q=xylophone")
    said = "return document.querySelector('.search-summary')?.textContent || ''"
    wait_for(browser, lambda: "did not match" in browser.execute_script(said))


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_fit_a_phone_and_a_desk(browser, site, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wide = "return document.documentElement.scrollWidth"
    for page in sorted(site.glob("*.html")):
        browser.get(page.as_uri())
        assert browser.execute_script(wide) <= width, page.name
    assert browser.get_log("browser") == []
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
