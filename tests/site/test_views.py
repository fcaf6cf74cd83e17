"""What the pages say: the numbers of rankings, who is best and whether the gap is real, shades by arithmetic."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chaosbench.errors import RecordError
from chaosbench.ranking import compare, rank, table, tracks_of
from chaosbench.records import Record
from chaosbench.site import headline_of, page_data
from chaosbench.site.drawing import attractor_svg, end_of, forecast_svg
from chaosbench.site.model_page import heat_map
from chaosbench.site.views import said_of
from chaosbench.site.wording import measured, number, slug_of


def test_a_track_has_the_numbers_of_its_ranking(records: list[Record]) -> None:
    data = page_data(records)
    tasks = tracks_of(records)["climate"]
    view = next(view for view in data["views"] if view["track"] == "climate" and view["task"] is None)
    expected = rank(records, headline_of(records), tasks=tasks)
    assert [row["forecaster"] for row in view["rows"]] == list(expected["forecaster"])
    for row, wanted in zip(view["rows"], expected.to_dict(orient="records"), strict=True):
        assert (row["rank"] or 0) == wanted["rank"]
        numbers = [wanted[key] for key in ("value", "low", "high", "n", "n_failed", "n_censored")]
        assert row["cells"][data["headline"]] == pytest.approx(numbers, rel=1e-5)


def test_a_task_has_the_numbers_of_the_table(records: list[Record]) -> None:
    data = page_data(records)
    expected = table(records, "valid_prediction_time").set_index(["task", "forecaster"])
    for view in data["views"]:
        for row in view["rows"] if view["task"] else []:
            wanted = expected.loc[(view["task"], row["forecaster"])]
            assert row["cells"]["valid_prediction_time"][:3] == pytest.approx([wanted["value"], wanted["low"], wanted["high"]], rel=1e-5)


def test_each_track_says_who_is_best_and_whether_the_gap_is_real(records: list[Record]) -> None:
    said = said_of(page_data(records))
    assert list(said)[:3] == ["clean", "noisy_5", "climate"]
    assert said["lorenz63/clean"].startswith("On lorenz63/clean, ngrc is best: valid prediction time ")
    assert "the gap is real" in said["lorenz63/clean"]
    competing = [record for record in records if not record.reference]
    view = next(view for view in page_data(records)["views"] if view["task"] == "lorenz63/clean")
    second = view["rows"][1]["forecaster"]
    assert compare(competing, "valid_prediction_time", "ngrc", second, tasks=["lorenz63/clean"]).real


def test_forecasters_that_cannot_be_told_apart_are_marked(records: list[Record]) -> None:
    # the same forecasts under two names can differ by nothing
    twin = replace(records[0], identity={**records[0].identity, "forecaster": "twin"})
    view = page_data([records[0], twin])["views"][0]
    assert "that gap could be chance" in view["verdict"]
    assert [row["level"] for row in view["rows"]] == [False, True]


def test_a_lead_that_the_pairs_do_not_share_is_not_called_one(hand_made: Callable[..., Record]) -> None:
    # medians over systems 2 and 1.9, but b is ahead on two systems of three, by 1 and by 0.4
    scores = {"a": (1.0, 2.0, 3.0), "b": (1.9, 1.5, 3.4)}
    made = [hand_made(name, {f"t{place}": [value] * 4 for place, value in enumerate(values)}) for name, values in scores.items()]
    text = page_data(made)["views"][0]["verdict"]
    assert "a is best: valid prediction time 2 Lyapunov times" in text
    assert "Paired system by system its difference to b is -0.4 Lyapunov times" in text
    assert "that gap could be chance" in text


def test_references_are_shown_last_without_a_rank(records: list[Record]) -> None:
    for view in page_data(records)["views"]:
        assert view["rows"][-1]["forecaster"] == "oracle"
        assert view["rows"][-1]["rank"] is None
        assert view["best"] != "oracle"


def test_no_records_is_an_error_that_says_what_to_run() -> None:
    with pytest.raises(RecordError, match="chaosbench evaluate"):
        page_data([])


def test_a_record_without_a_track_takes_no_part_in_it(records: list[Record]) -> None:
    part = replace(records[1], cells=tuple(cell for cell in records[1].cells if cell["track"] == "clean"))
    rows = {view["track"]: [row["forecaster"] for row in view["rows"]] for view in page_data([records[0], part])["views"] if view["task"] is None}
    assert {track: len(names) for track, names in rows.items()} == {"clean": 2, "noisy_5": 1, "climate": 1}


def test_shades_are_shares_of_the_best_in_fifths(hand_made: Callable[..., Record]) -> None:
    # 10 is the best on both: 10/10 is shade 5, 6.1/10 is 3, 1.9/10 is 0
    best = hand_made("best", {"one": [10.0, 10.0], "two": [10.0, 10.0]})
    other = hand_made("other", {"one": [6.1, 6.1], "two": [1.9, 1.9]})
    data = page_data([best, other])
    shades = {name: [row["cells"][0][0]["shade"] for row in heat_map(data, name)["rows"]] for name in ("best", "other")}
    assert shades == {"best": [5, 5], "other": [3, 0]}
    assert heat_map(data, "best")["rows"][0]["cells"][0][0]["best"]


def test_kinds_of_systems_are_summed_up_apart(records: list[Record]) -> None:
    data = page_data(records)
    track = data["tracks"][0]
    assert {kind: found["systems"] for kind, found in track["kinds"].items()} == {"flows": 1, "maps": 1}
    view = next(view for view in data["views"] if view["task"] == "henon/clean")
    for row in view["rows"]:
        assert track["kinds"]["maps"]["rows"][row["forecaster"]][0] == row["cells"][track["headline"]][0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (12.345, "12.3"), (1234.6, "1235"), (2.5e-15, "2.5e-15"), (None, "–"), (float("nan"), "–"), (99.96, "100"), (0.00123456, "0.00123")],
)
def test_numbers_have_three_digits(value: float | None, expected: str) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "error", "expected"),
    [
        (0.906335, 0.00226, "0.9063 ± 0.0023"),
        (-14.5718, 0.00198, "-14.5718 ± 0.0020"),
        (123.4, 12.3, "123 ± 12"),
        (-13.66667, 0.0, "-13.6667"),
        (-5e-19, 1.3e-18, "-5e-19 ± 1.3e-18"),
    ],
)
def test_a_measured_value_ends_where_its_error_does(value: float, error: float, expected: str) -> None:
    assert measured(value, error) == expected


def test_file_names_are_safe_and_never_shared() -> None:
    assert slug_of("echo_state") == "echo_state"
    made = [slug_of(name) for name in ("a/b", "a b", "A-B", "a-b", "../..", "<>", "é")]
    assert len(set(made)) == len(made)
    assert all(set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for slug in made)


WINDOWS: dict[str, Any] = {
    "picture_time": np.arange(1.0, 5.0),
    "picture_truth": np.array([0.0, 1.0, 0.0, -1.0]),
    "picture_forecast": np.array([0.0, 1.0, np.nan, np.nan]),
}


def test_a_drawn_forecast_ends_where_it_failed() -> None:
    svg = forecast_svg(WINDOWS, 4.0, 2.0, "period")
    truth, model = (svg.partition(f'class="{name}" d="')[2].partition('"')[0] for name in ("truth", "model"))
    assert truth.count("l") == 3
    assert model.count("l") == 1
    assert 'class="valid" d="M150.0 0' in svg  # 2 of 4 periods is the middle of 300


def test_a_forecast_is_drawn_twice_as_far_as_it_was_valid() -> None:
    time = np.arange(1, 101) * 0.1
    assert end_of(time, 2.0) == 4.0
    assert end_of(time, 0.0) == 1.0
    assert end_of(time, 9.0) == 10.0
    assert end_of(time, None) == 10.0


def test_a_drawn_attractor_stays_on_the_scale_of_the_truth() -> None:
    windows = {"picture_climate": np.array([[0.0, 0.0], [1.0, 1.0]]), "picture_run": np.array([[0.5, 0.5], [9.0, 9.0], [np.nan, np.nan]])}
    assert 'd="M20 180h0M180 20h0"' in attractor_svg(windows, "climate", "true")  # a tenth of 200 is left free on each side
    assert 'd="M100 100h0"' in attractor_svg(windows, "run", "learned")
