"""The pages as files: whole without a network, escaped, small, the same bytes again, readable on any paper."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import escape
from pathlib import Path
from urllib.parse import unquote

import pytest

from chaosbench.catalogue import data_folder, names
from chaosbench.records import Record
from chaosbench.site import build_page, page_data

CSS = data_folder("_site", "leaderboard/site") / "site.css"
HOSTILE = "<script>alert(1)</script>"
TRACKS = [
    "clean",
    "noisy_1",
    "noisy_5",
    "noisy_20",
    "partial",
    "scarce_300",
    "scarce_1000",
    "scarce_3000",
    "coarse",
    "fine",
    "climate",
    "blind",
    "inside",
    "outside",
    "basin",
    "context",
]


@pytest.fixture(scope="module")
def page(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_page(records, tmp_path_factory.mktemp("page"))


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_same_records_give_the_same_bytes(records: list[Record], page: Path, tmp_path: Path) -> None:
    build_page(records, tmp_path)
    assert everything(tmp_path) == everything(page.parent)


def test_the_overview_is_one_file_that_asks_for_nothing(page: Path) -> None:
    text = page.read_text()
    for reference in ("https://", "@import", "url(", "<link", "<script src"):
        assert reference not in text, f"{reference} in the page"
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")


def test_no_page_loads_anything_from_elsewhere(page: Path) -> None:
    for path in page.parent.rglob("*.html"):
        for address in re.findall(r'(?:src|<link[^>]*href)="([^"]*)"', path.read_text()):
            assert (path.parent / address).is_file(), f"{path.name}: {address}"


def test_every_link_of_every_page_leads_somewhere(page: Path) -> None:
    for path in page.parent.rglob("*.html"):
        for address in re.findall(r'href="([^"#]+)', path.read_text()):
            if not address.startswith("https://doi.org/"):
                assert (path.parent / unquote(address)).is_file(), f"{path.name}: {address}"


def test_forty_entrants_in_sixteen_tracks_stay_below_200_kb(made_up: Callable[..., list[Record]], tmp_path: Path) -> None:
    entrants = list(names("forecasters"))[:40]
    assert len(entrants) == 40
    text = build_page(made_up(entrants, TRACKS, 3, windows=4), tmp_path).read_text()
    assert "those of other metrics are in results.csv" in text
    # the sizes of nothing but the list of systems and the counts of windows depend on how many systems there are
    assert len(text.encode()) + 40 * 60 < 200_000, len(text.encode())
    assert all(f'href="models/{name}.html"' in text for name in entrants)
    linked = set(re.findall(r'class="picture" href="([^"]*)"', text))
    assert linked == {f"pictures/{path.name}" for path in (tmp_path / "pictures").iterdir()}


def test_hostile_names_and_reasons_are_shown_as_text(records: list[Record], tmp_path: Path) -> None:
    cells = tuple({**cell, "status": "crash", "reason": HOSTILE} for cell in records[0].cells)
    identity = {**records[0].identity, "forecaster": HOSTILE.replace("/", "|"), "options": {"<b>": '"><img src=x>'}}
    page = build_page([replace(records[0], identity=identity, cells=cells), records[1]], tmp_path)
    for path in tmp_path.rglob("*.html"):
        text = path.read_text()
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<b>=" not in text
    assert escape("<script>alert(1)<|script>") in page.read_text()
    assert page.read_text().count("</script>") == 2  # the page's data and its own script
    (model,) = (path for path in (tmp_path / "models").iterdir() if path.stem != records[1].label)
    assert re.fullmatch(r"[a-z0-9_-]+\.html", model.name)
    assert escape(HOSTILE) in model.read_text()


def test_json_and_csv_hold_the_same_numbers(records: list[Record], page: Path) -> None:
    table = json.loads((page.parent / "results.json").read_text())
    assert table == json.loads(json.dumps(page_data(records)))
    with (page.parent / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    expected = [
        (view["track"], view["task"] or "", row["forecaster"], metric, cell[0])
        for view in table["views"]
        for row in view["rows"]
        for metric, cell in row["cells"].items()
    ]
    assert [(row["track"], row["task"], row["forecaster"], row["metric"], float(row["value"])) for row in rows] == expected


def test_a_records_page_names_what_it_was_made_from(records: list[Record], page: Path) -> None:
    text = (page.parent / "models" / "ngrc.html").read_text()
    record = next(record for record in records if record.label == "ngrc")
    assert record.sha256 in text
    assert record.identity["source_sha256"] in text
    assert (page.parent / "records" / record.file_name).is_file()


def test_a_systems_page_shows_equations_and_invariants(page: Path) -> None:
    text = (page.parent / "systems" / "lorenz63.html").read_text()
    assert "dx/dt = sigma*(y - x)" in text
    assert "<math " in text
    assert "Kaplan–Yorke dimension" in text
    assert re.search(r"0\.90\d+ ± 0\.00", text), "the largest exponent with its error"


def colours(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6})", css))


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_what_it_is_by_hand() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the well-known grey that just fails


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_a_contrast_of_at_least_4_5(scheme: str) -> None:
    light, _, rest = CSS.read_text().partition("@media (prefers-color-scheme: dark)")
    found = colours(light) if scheme == "light" else colours(rest.partition("* {")[0])
    grounds = {"ink": ["paper", "tint", "good", *(f"h{shade}" for shade in range(6))]}
    grounds |= {name: ["paper", "tint", "good"] for name in ("soft", "accent", "second")}
    for text, places in grounds.items():
        for ground in places:
            assert contrast(found[text], found[ground]) >= 4.5, f"{text} on {ground}: {contrast(found[text], found[ground]):.2f}"
