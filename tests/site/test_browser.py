"""The pages in a real browser: tabs by keyboard, filters, sorting, links, a phone, paper, and no error on any console."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chaosbench.records import Record
from chaosbench.site import build_page

RIGHT, LEFT, HOME, END = "\ue014", "\ue012", "\ue011", "\ue010"
Browser = Callable[..., Any]


@pytest.fixture(scope="module")
def page(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_page(records, tmp_path_factory.mktemp("page"))


def have_browser() -> bool:
    found = shutil.which("chromium") is not None and shutil.which("chromedriver") is not None
    if not found and os.environ.get("CI") == "true":
        pytest.fail("chromium and chromedriver are needed for the page test in CI; scripts/test.sh installs them")
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str, Any], Any]]:
    """A WebDriver session: call(method, path, body) returns the value."""
    if not have_browser():
        pytest.skip("chromium or chromedriver is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def call(method: str, path: str, body: Any = None) -> Any:
        data = json.dumps(body if body is not None else {}).encode() if method == "POST" else None
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())["value"]

    for _ in range(100):
        try:
            call("GET", "/status")
            break
        except OSError:
            time.sleep(0.1)
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    flags += [
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
        "--window-size=1280,900",
        "--allow-file-access-from-files",
    ]
    options = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": flags}, "goog:loggingPrefs": {"browser": "ALL"}}}}
    session = call("POST", "/session", options)["sessionId"]
    try:
        yield lambda method, path, body=None: call(method, f"/session/{session}{path}", body)
    finally:
        call("DELETE", f"/session/{session}")
        driver.terminate()
        driver.wait()


def run(browser: Callable[..., Any], script: str) -> Any:
    return browser("POST", "/execute/sync", {"script": script, "args": []})


def open_page(browser: Browser, url: str) -> None:
    browser("POST", "/url", {"url": "about:blank"})
    browser("POST", "/url", {"url": url})


def element(browser: Browser, selector: str) -> str:
    found: dict[str, str] = browser("POST", "/element", {"using": "css selector", "value": selector})
    return next(iter(found.values()))


def press(browser: Browser, selector: str, keys: str) -> None:
    browser("POST", f"/element/{element(browser, selector)}/value", {"text": keys})


def phone(browser: Browser, width: int) -> None:
    """Show pages as a screen of `width` px does; a window cannot be that narrow."""
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": metrics})


def severe(browser: Browser) -> list[str]:
    return [entry["message"] for entry in browser("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]


SHOWN = "const panel = [...document.querySelectorAll('.panel')].find((one) => !one.hidden);"
NAMES = SHOWN + "return [...panel.querySelectorAll('.scores tbody tr')].filter((row) => !row.hidden).map((row) => row.querySelector('a').textContent)"
TRACK = SHOWN + "return panel.id"


def test_tabs_follow_the_keyboard_and_the_address(browser: Browser, page: Path) -> None:
    open_page(browser, page.as_uri())
    assert run(browser, TRACK) == "clean"
    assert run(browser, "return document.querySelectorAll('[role=tab][tabindex=\"0\"]').length") == 1
    for key, expected in ((RIGHT, "noisy_5"), (RIGHT, "climate"), (RIGHT, "clean"), (LEFT, "climate"), (HOME, "clean"), (END, "climate")):
        press(browser, "[role=tab][aria-selected=true]", key)
        assert run(browser, TRACK) == expected
        assert run(browser, "return document.activeElement.getAttribute('aria-controls')") == expected
        assert run(browser, "return location.hash") == f"#{expected}"
    open_page(browser, page.as_uri() + "#noisy_5")
    assert run(browser, TRACK) == "noisy_5"


def test_a_heading_sorts_and_references_stay_below(browser: Browser, page: Path) -> None:
    open_page(browser, page.as_uri())
    assert run(browser, NAMES)[0] == "ngrc"
    assert run(browser, NAMES)[-1] == "oracle"
    press_first = "document.querySelector('.panel .scores th button').click()"
    run(browser, press_first)
    assert run(browser, NAMES) == ["ngrc", "persistence", "zeros", "oracle"]
    run(browser, press_first)
    assert run(browser, NAMES) == ["zeros", "persistence", "ngrc", "oracle"]
    assert run(browser, "return document.querySelector('.panel .scores th').getAttribute('aria-sort')") == "descending"


def choose(browser: Browser, name: str, value: str) -> None:
    assign = f"const field = document.querySelector('.filters').elements['{name}'];"
    run(browser, assign + f"field.value = '{value}'; field.dispatchEvent(new Event('input', {{ bubbles: true }}))")


def test_filters_by_family_name_device_and_references(browser: Browser, page: Path) -> None:
    open_page(browser, page.as_uri())
    choose(browser, "family", "floors")
    assert set(run(browser, NAMES)) == {"persistence", "zeros"}
    assert run(browser, "return document.querySelector('.filters output').textContent") == "2 of 4 shown"
    choose(browser, "family", "")
    press(browser, ".filters [name=name]", "NGR")
    assert run(browser, NAMES) == ["ngrc"]
    run(browser, "document.querySelector('.filters [type=reset]').click()")
    time.sleep(0.05)
    assert len(run(browser, NAMES)) == 4
    choose(browser, "device", "cuda")
    assert run(browser, NAMES) == []
    choose(browser, "device", "")
    run(browser, "document.querySelector('.filters [name=references]').click()")
    assert "oracle" not in run(browser, NAMES)


def test_one_kind_of_system_has_values_of_its_own(browser: Browser, page: Path) -> None:
    value = (
        SHOWN
        + "return [...panel.querySelectorAll('.scores tbody tr')].find((row) => row.textContent.includes('ngrc')).cells[1].firstChild.textContent"
    )
    open_page(browser, page.as_uri())
    whole = run(browser, value)
    choose(browser, "kind", "maps")
    table = json.loads((page.parent / "results.json").read_text())
    view = next(view for view in table["views"] if view["task"] == "henon/clean")
    expected = next(row for row in view["rows"] if row["forecaster"] == "ngrc")["cells"][table["headline"]][0]
    assert float(run(browser, value)) == pytest.approx(expected, rel=5e-3)  # three digits are shown
    assert "only the 1 maps" in run(browser, SHOWN + "return panel.querySelector('.kind').textContent")
    choose(browser, "kind", "")
    assert run(browser, value) == whole


def test_a_forecasters_page_opens_from_the_table_and_leads_to_its_systems(browser: Browser, page: Path) -> None:
    open_page(browser, page.as_uri())
    run(browser, SHOWN + "panel.querySelector('.scores tbody a').click()")
    assert run(browser, "return document.querySelector('h1').firstChild.textContent.trim()") == "ngrc"
    assert run(browser, "return document.querySelectorAll('svg.forecast').length") == 2
    assert run(browser, "return document.querySelectorAll('svg.attractor').length") == 4
    run(browser, "document.querySelector('.heat tbody a[href*=lorenz63]').click()")
    assert run(browser, "return document.querySelector('h1').textContent") == "Lorenz 1963"
    assert run(browser, "return document.querySelectorAll('math mtr').length") == 3


def test_no_page_is_wider_than_a_phone_and_none_fails(browser: Browser, page: Path) -> None:
    phone(browser, 360)
    for path in sorted(page.parent.rglob("*.html")):
        open_page(browser, path.as_uri())
        run(browser, "for (const one of document.querySelectorAll('details')) one.open = true")
        assert run(browser, "return document.documentElement.scrollWidth") <= 360, path.name
        assert severe(browser) == [], path.name
    browser("POST", "/goog/cdp/execute", {"cmd": "Emulation.clearDeviceMetricsOverride", "params": {}})


def test_without_scripts_every_track_is_there(browser: Browser, page: Path, tmp_path: Path) -> None:
    text = page.read_text()
    quiet = tmp_path / "index.html"
    quiet.write_text(text.replace("<script>", '<script type="off">'))
    open_page(browser, quiet.as_uri())
    heights = "return [...document.querySelectorAll('.panel')].map((panel) => panel.querySelector('.scores').offsetHeight)"
    assert all(height > 50 for height in run(browser, heights))
    assert run(browser, "return document.querySelector('.filters').offsetHeight") == 0
    assert severe(browser) == []  # index.html stands alone here: nothing beside it is asked for
