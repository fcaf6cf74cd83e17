"""Skill on records made by hand: 0 for the baseline, 1 for the ceiling, and what has no scale is said."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chaosbench.catalogue import names
from chaosbench.errors import RecordError
from chaosbench.skill import default_scale, skills

Make = Callable[..., Any]
NAMES = {"baseline": "floor", "ceiling": "top"}


def by_name(found: Any) -> dict[str, float]:
    return dict(zip(found.overall["forecaster"], found.overall["skill"], strict=True))


def per_task(found: Any) -> dict[tuple[str, str], float]:
    return {(row.task, row.forecaster): row.skill for row in found.per_task.itertuples()}


def test_where_higher_is_better_skill_is_the_way_from_baseline_to_ceiling_and_the_mean_over_tasks(hand_made: Make) -> None:
    floor, top = hand_made("floor", {"a": [1.0], "b": [0.0]}), hand_made("top", {"a": [5.0], "b": [10.0]}, reference=True)
    mine = hand_made("mine", {"a": [4.0], "b": [2.0]})
    found = skills([mine, floor, top], "valid_prediction_time", **NAMES)
    assert per_task(found)["a", "mine"] == (4.0 - 1.0) / (5.0 - 1.0)
    assert per_task(found)["b", "mine"] == 2.0 / 10.0
    assert by_name(found) == {"floor": 0.0, "top": 1.0, "mine": (0.75 + 0.2) / 2}
    assert found.overall["forecaster"].tolist() == ["top", "mine", "floor"]
    assert found.left_out == {}


def test_where_lower_is_better_skill_is_one_less_the_ratio_and_the_geometric_mean_over_tasks(hand_made: Make) -> None:
    floor = hand_made("floor", {"a": [2.0], "b": [1.0]}, metric="nrmse@1")
    mine = hand_made("mine", {"a": [1.0], "b": [2.0]}, metric="nrmse@1")  # half and twice: no skill
    good = hand_made("good", {"a": [0.5], "b": [1.0]}, metric="nrmse@1")  # a quarter and the same: 1 - sqrt(1/4)
    found = skills([floor, mine, good], "nrmse@1", **NAMES)
    assert per_task(found)["a", "mine"] == pytest.approx(0.5)
    assert per_task(found)["b", "mine"] == pytest.approx(-1.0)
    assert by_name(found) == pytest.approx({"floor": 0.0, "mine": 0.0, "good": 0.5})


def test_ratios_of_errors_are_held_between_a_hundredth_and_a_hundred(hand_made: Make) -> None:
    records = [hand_made(name, {"a": [value]}, metric="nrmse@1") for name, value in (("floor", 0.001), ("wild", 10.0), ("exact", 0.0))]
    assert by_name(skills(records, "nrmse@1", **NAMES)) == pytest.approx({"floor": 0.0, "wild": 1 - 100.0, "exact": 1 - 0.01})


def test_tasks_without_a_scale_are_left_out_for_all_and_named(hand_made: Make) -> None:
    floor = hand_made("floor", {"good": [0.0], "level": [3.0], "below": [5.0], "silent": [0.0], "noisy": np.zeros(8)})
    noise = [9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    top = hand_made("top", {"good": [4.0], "level": [3.0], "below": [1.0], "silent": [0.0], "noisy": noise}, failed=("silent",))
    mine = hand_made("mine", {"good": [1.0], "level": [3.0], "below": [9.0], "silent": [7.0], "noisy": np.ones(8)})
    found = skills([mine, floor, top], "valid_prediction_time", **NAMES)
    assert by_name(found) == {"floor": 0.0, "top": 1.0, "mine": 0.25}
    assert found.overall["n_tasks"].tolist() == [1, 1, 1]
    assert found.left_out == {
        "level": "top is not certainly above floor",
        "below": "top is not certainly above floor",
        "noisy": "top is not certainly above floor",
        "silent": "top has no answer (refused)",
    }
    assert np.isfinite(found.overall[["skill", "low", "high"]].to_numpy()).all()


def test_an_error_of_zero_in_the_baseline_is_no_scale(hand_made: Make) -> None:
    records = [hand_made(name, {"a": [value]}, metric="blow_up") for name, value in (("floor", 0.0), ("mine", 1.0))]
    found = skills(records, "blow_up", **NAMES)
    assert found.left_out == {"a": "floor has no error"}
    assert len(found.overall) == len(found.per_task) == 0


def test_windows_are_paired_with_those_of_the_scale(hand_made: Make) -> None:
    # What makes a window hard is in all three: half the ceiling everywhere is skill 0.5 in every resample, although the values vary widely.
    hardness = np.random.default_rng(0).uniform(1.0, 9.0, 50)
    records = [hand_made(name, {"a": share * hardness}) for name, share in (("floor", 0.0), ("top", 1.0), ("mine", 0.5))]
    row = skills(records, "valid_prediction_time", **NAMES).overall.set_index("forecaster").loc["mine"]
    assert (row["low"], row["skill"], row["high"]) == pytest.approx((0.5, 0.5, 0.5))


def test_the_interval_holds_the_skill_and_grows_with_the_spread_of_systems(hand_made: Make) -> None:
    stream = np.random.default_rng(3)
    tasks = [f"t{index}" for index in range(20)]
    floor, top = hand_made("floor", {task: np.zeros(10) for task in tasks}), hand_made("top", {task: np.ones(10) for task in tasks})
    widths = []
    for spread in (0.01, 0.2):
        mine = hand_made("mine", {task: 0.5 + spread * stream.normal() + 0.01 * stream.normal(size=10) for task in tasks})
        row = skills([floor, top, mine], "valid_prediction_time", **NAMES).overall.set_index("forecaster").loc["mine"]
        assert row["low"] <= row["skill"] <= row["high"]
        widths.append(row["high"] - row["low"])
    assert widths[1] > 5 * widths[0]


def test_a_scale_that_is_not_there_is_named_with_the_nearest(hand_made: Make) -> None:
    records = [hand_made("floor", {"a": [1.0]}), hand_made("mine", {"a": [2.0]})]
    with pytest.raises(RecordError, match=r"no record of 'flor' to measure skill by; records are of floor, mine; did you mean 'floor'"):
        skills(records, "valid_prediction_time", baseline="flor", ceiling="mine")
    with pytest.raises(RecordError, match="no record of 'top' to measure skill by"):
        skills(records, "valid_prediction_time", **NAMES)


def test_the_default_scale_is_in_the_catalogues() -> None:
    baseline, ceiling = default_scale()
    assert baseline in names("forecasters")
    assert ceiling in names("references")
