"""The report in a real browser without a network: it draws, and nothing else runs."""

import pytest
from reported_runs import HOSTILE, written

from baselines_her.report.__main__ import report

pytest.importorskip("selenium")
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait


@pytest.fixture
def opened(browser, tmp_path):
    """A page about four runs, one of them with hostile text, as it is opened."""
    written(tmp_path, "a"), written(tmp_path, "b", seed=1)
    written(tmp_path, "<i>c", noise_eps=HOSTILE)
    goals = {"goal": [[0, 0, 0], [1, 1, 1]], "success": [1, 0]}
    written(tmp_path, "d", evaluation={"latest": 0.5, "latest_each": goals}, lr=1e-3)
    browser.get_log("browser")
    browser.get(report([tmp_path], tmp_path / "report.html").as_uri())
    return browser


def canvas_of(browser):
    return browser.execute_script(
        "return document.querySelector('#chart canvas').toDataURL()"
    )


def redrawn(browser, before):
    """The chart once it differs from `before`."""
    WebDriverWait(browser, 10).until(lambda _: canvas_of(browser) != before)
    return canvas_of(browser)


def legend_of(browser):
    rows = browser.find_elements(By.CSS_SELECTOR, "#chart .u-series .u-label")
    return [row.text for row in rows]


def test_the_page_draws_without_an_error_or_a_request(opened):
    assert opened.get_log("browser") == []
    loaded = "return performance.getEntriesByType('resource').map(e => e.name)"
    assert [n for n in opened.execute_script(loaded) if not n.startswith("data:")] == []
    assert len(opened.find_elements(By.CSS_SELECTOR, "#panels canvas")) == 2
    assert len(opened.find_elements(By.CSS_SELECTOR, "svg circle")) == 2


def test_hostile_text_is_shown_and_does_not_run(opened):
    assert opened.title == "Runs in FetchPush-v4"
    assert "<i>c" in opened.find_element(By.TAG_NAME, "table").text
    assert opened.find_elements(By.TAG_NAME, "i") == []
    assert any("</script>" in label for label in legend_of(opened))


def test_choices_redraw_the_chart(opened):
    before = canvas_of(opened)
    column = Select(opened.find_element(By.ID, "column"))
    assert column.first_selected_option.text == "test/success_rate"
    column.select_by_visible_text("loss/critic")
    other = redrawn(opened, before)
    Select(opened.find_element(By.ID, "axis")).select_by_visible_text("minutes")
    redrawn(opened, other)
    assert len(legend_of(opened)) == 3  # groups of equal settings
    opened.find_element(By.ID, "join").click()
    assert len(legend_of(opened)) == 4  # all runs
    assert opened.get_log("browser") == []


def test_terms_of_a_reward_have_a_chart_for_each_group(browser, tmp_path):
    more = [f"reward/{'abcdefghijklmn'[n]}" for n in range(14)]
    for seed in range(2):
        written(tmp_path, f"walk{seed}", more=more, seed=seed)
    written(tmp_path, "other", more=more[:2], lr=1e-3)
    written(tmp_path, "without", env="FetchSlide-v4")
    browser.get(report([tmp_path], tmp_path / "report.html").as_uri())
    figures = browser.find_elements(By.CSS_SELECTOR, "#terms figure")
    labels = [
        [row.text for row in f.find_elements(By.CSS_SELECTOR, ".u-label")]
        for f in figures
    ]
    assert sorted(labels, key=len) == [["a", "b"], [*"abcdefghijklmn"]]
    assert browser.get_log("browser") == []


def test_without_terms_there_is_no_chart_of_them(opened):
    assert not opened.find_element(By.ID, "terms").is_displayed()


def test_seeds_of_equal_settings_share_a_curve(opened):
    assert sum("(2 seeds)" in label for label in legend_of(opened)) == 1


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_a_phone_and_a_desk(opened, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened.refresh()
    wide = opened.execute_script("return document.documentElement.scrollWidth")
    assert wide <= width
    opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_page_has_a_dark_side(opened):
    colour = "return getComputedStyle(document.body).backgroundColor"
    found = []
    for scheme in "light", "dark":
        feature = {"name": "prefers-color-scheme", "value": scheme}
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        found.append(opened.execute_script(colour))
    assert found == ["rgb(255, 255, 255)", "rgb(21, 24, 27)"]
