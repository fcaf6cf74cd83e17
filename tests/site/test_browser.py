"""The leaderboard page: what it says, that it is one file without a network, and how it behaves in a real browser."""

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

from chaosbench.errors import RecordError
from chaosbench.evaluation import evaluate
from chaosbench.records import Record
from chaosbench.site import build_page, page_data
from chaosbench.suites import read_suite

SUITE = """
schema = 1
name = "page-test"
version = 1
seed = 0
metrics = ["valid_prediction_time", "nrmse@0.5", "blow_up"]
[[task]]
system = "henon"
training_samples = 300
context = 20
horizon = 8.0
windows = 20
climate_runs = 0
[[task]]
system = "lorenz63"
samples_per_period = 30
training_samples = 600
context = 20
horizon = 4.0
windows = 20
climate_runs = 0
"""
FORECASTERS = ("persistence", "zeros", "ngrc")


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    path = tmp_path_factory.mktemp("suite") / "page-test.toml"
    path.write_text(SUITE)
    suite = read_suite(path)
    return [evaluate(name, suite) for name in FORECASTERS]


@pytest.fixture(scope="module")
def page(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_page(records, tmp_path_factory.mktemp("page"))


def test_the_page_says_who_is_best_and_whether_the_gap_is_real(records: list[Record]) -> None:
    data = page_data(records)
    view = next(view for view in data["views"] if view["task"] == "lorenz63")
    assert view["best"] == "ngrc"
    assert view["verdict"].startswith("On lorenz63, ngrc is best: valid prediction time ")
    assert "the gap is real" in view["verdict"]
    values = [row["cells"][data["headline"]][0] for row in view["rows"]]
    assert values == sorted(values, reverse=True)


def test_forecasters_that_cannot_be_told_apart_are_marked(records: list[Record]) -> None:
    # the same forecasts under two names can differ by nothing
    twin = Record(dict(records[0].identity, forecaster="twin"), records[0].cells, records[0].environment, records[0].volatile, records[0].windows)
    view = page_data([records[0], twin])["views"][0]
    assert "that gap could be chance" in view["verdict"]
    assert [row["level"] for row in view["rows"]] == [False, True]


def test_the_same_records_give_the_same_bytes(records: list[Record], page: Path, tmp_path: Path) -> None:
    assert build_page(records, tmp_path).read_bytes() == page.read_bytes()


def test_the_page_is_one_file_that_asks_for_nothing(page: Path) -> None:
    text = page.read_text()
    assert len(text) < 500_000
    for reference in ("http://", "https://", "src=", "@import", "url("):
        assert reference not in text.replace("http://www.w3.org/2000/svg", ""), f"{reference} in the page"


def test_every_record_is_linked_and_lies_there(records: list[Record], page: Path) -> None:
    for about in page_data(records)["forecasters"].values():
        assert about["record"] in page.read_text()
        assert (page.parent / about["record"]).is_file()


def test_text_from_records_cannot_become_markup(records: list[Record], tmp_path: Path) -> None:
    evil = "<\\/script><img onerror=alert(1)>".replace("\\", "")
    cells = tuple(dict(cell, status="crash", reason=evil) for cell in records[0].cells)
    record = Record(records[0].identity, cells, records[0].environment, records[0].volatile, records[0].windows)
    text = build_page([record, records[1]], tmp_path).read_text()
    assert evil not in text
    assert text.count("</script>") == 2


def test_no_records_is_an_error_that_says_what_to_run() -> None:
    with pytest.raises(RecordError, match="chaosbench evaluate"):
        page_data([])


def have_browser() -> bool:
    found = shutil.which("chromium") is not None and shutil.which("chromedriver") is not None
    if not found and os.environ.get("CI") == "true":
        pytest.fail("chromium and chromedriver are needed for the page test in CI; scripts/test.sh installs them")
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str, Any], Any]]:
    """A WebDriver session on a phone-sized window: call(method, path, body) returns the value."""
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
    flags += ["--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=420,900"]
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


NAMES = "return [...document.querySelectorAll('#scores tbody tr td:first-child')].map((cell) => cell.firstChild.textContent)"


def test_a_reader_finds_the_best_forecaster_of_a_system_and_sorts(browser: Callable[..., Any], page: Path, records: list[Record]) -> None:
    browser("POST", "/url", {"url": page.as_uri()})
    assert run(browser, "return document.getElementById('verdict').textContent").startswith("On all 2 systems, ngrc is best")
    run(browser, "const s = document.getElementById('system'); s.selectedIndex = 2; s.dispatchEvent(new Event('change'))")
    assert run(browser, "return document.getElementById('verdict').textContent").startswith("On lorenz63, ngrc is best")
    assert run(browser, NAMES)[0] == "ngrc"
    run(browser, "document.querySelectorAll('#scores th button')[0].click()")
    assert run(browser, NAMES) == sorted(FORECASTERS)
    run(browser, "document.querySelectorAll('#scores th button')[0].click()")
    assert run(browser, NAMES) == sorted(FORECASTERS, reverse=True)


def test_the_forecast_is_drawn_in_lyapunov_times_and_follows_a_click(browser: Callable[..., Any], page: Path) -> None:
    browser("POST", "/url", {"url": page.as_uri() + "#lorenz63"})
    browser("POST", "/refresh")
    assert run(browser, "return [...document.querySelectorAll('#chart text')].at(-1).textContent") == "time, Lyapunov times"
    assert run(browser, "return document.querySelectorAll('#chart path').length") == 3
    before = run(browser, "return document.querySelectorAll('#chart path')[1].getAttribute('d')")
    run(browser, "document.querySelectorAll('#scores tbody tr')[2].click()")
    assert run(browser, "return document.querySelectorAll('#chart path')[1].getAttribute('d')") != before


def test_nothing_is_wider_than_a_phone_and_nothing_fails(browser: Callable[..., Any], page: Path) -> None:
    browser("POST", "/url", {"url": page.as_uri()})
    assert run(browser, "return document.documentElement.scrollWidth <= window.innerWidth")
    severe = [entry for entry in browser("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]
    assert severe == []
