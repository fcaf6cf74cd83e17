"""What differs between two records is said exactly, and only that."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chaosbench.record_differences import differences

Make = Callable[..., Any]
VPT = "valid_prediction_time"


def test_a_record_is_the_same_as_itself_on_another_machine(hand_made: Make) -> None:
    record = hand_made("a", {"x": [1.0, 2.0]})
    found = differences(record, replace(record, environment={"python": "3.13"}, volatile={"seconds": 9.0}))
    assert found["same"]
    assert (found["identity"], found["cells"], found["order"]) == ({}, [], False)
    assert found["environment"] == {"python": [None, "3.13"]}


def test_every_kind_of_difference_is_named(hand_made: Make) -> None:
    one = hand_made("a", {"x": [1.0], "y": [2.0], "z": [3.0]})
    changed = {**one.cells[0], "status": "crash", "windows_sha256": "other"}
    changed["metrics"] = {VPT: {**one.cells[0]["metrics"][VPT], "value": 0.5}, "blow_up": {"value": 1.0}}
    other = replace(one, identity={**one.identity, "version": "2"}, cells=(changed, one.cells[1], {**one.cells[2], "seed": 7}))
    found = differences(one, other)
    assert not found["same"]
    assert found["sha256"] == [one.sha256, other.sha256]
    assert found["identity"] == {"version": ["1", "2"]}
    assert found["cells"] == [
        {
            "task": "x",
            "seed": 0,
            "fields": {"status": ["ok", "crash"]},
            "metrics": {VPT: {"value": [0.0, 0.5]}, "blow_up": {"value": [None, 1.0]}},
            "windows": True,
        },
        {"task": "z", "seed": 0, "only": "a"},
        {"task": "z", "seed": 7, "only": "b"},
    ]


def test_another_order_of_the_same_cells_is_a_difference(hand_made: Make) -> None:
    record = hand_made("a", {"x": [1.0], "y": [2.0]})
    found = differences(record, replace(record, cells=record.cells[::-1]))
    assert (found["same"], found["order"], found["cells"]) == (False, True, [])


def test_a_last_digit_counts(hand_made: Make) -> None:
    one = hand_made("a", {"x": [1.0]})
    other = hand_made("a", {"x": [1.0 + 2**-52]})
    found = differences(one, other)
    assert found["cells"] == [{"task": "x", "seed": 0, "fields": {}, "metrics": {}, "windows": True}]
    assert not found["same"]
