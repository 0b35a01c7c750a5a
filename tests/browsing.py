"""A real browser without a network, for the tests of pages."""

import shutil

import pytest


@pytest.fixture(scope="module")
def browser():
    """Chromium, driven by selenium; nothing that a page asks a server for arrives."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("chromium and chromedriver are needed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(word)
    logs = {"browser": "ALL", "performance": "ALL"}
    options.set_capability("goog:loggingPrefs", logs)
    started = webdriver.Chrome(options, webdriver.ChromeService(driver))
    started.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0}
    rates = {"downloadThroughput": 0, "uploadThroughput": 0}
    started.execute_cdp_cmd("Network.emulateNetworkConditions", {**offline, **rates})
    yield started
    started.quit()
