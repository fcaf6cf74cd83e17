"""Who is not beaten in value and cost at once, and the pictures: valid XML, no script, the same bytes each time."""

import itertools
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import pytest

from chaosbench.charts import critical_difference_svg, pareto_svg
from chaosbench.costs import costs, pareto
from chaosbench.errors import RecordError
from chaosbench.mean_ranks import critical_difference

Make = Callable[..., Any]
VPT = "valid_prediction_time"
SVG = "{http://www.w3.org/2000/svg}"


def record(make: Make, name: str, value: float, fit: float | None, parameters: int | None = None, **more: Any) -> Any:
    return make(name, {"x": [value], "y": [value]}, costs={"fit_seconds": fit, "predict_seconds": 0.1, "parameters": parameters}, **more)


def test_costs_are_medians_over_cells_and_none_where_nothing_is_said(hand_made: Make) -> None:
    made = record(hand_made, "a", 1.0, 3.0)
    made.volatile["cells"]["x/0"]["fit_seconds"] = 1.0
    assert costs(made) == {"fit_seconds": 2.0, "predict_seconds": 0.1, "parameters": None}
    assert costs(made, ["x"])["fit_seconds"] == 1.0
    assert costs(hand_made("bare", {"x": [1.0]})) == {"fit_seconds": None, "predict_seconds": None, "parameters": None}


def test_the_front_is_who_is_not_beaten_in_both(hand_made: Make) -> None:
    made = [
        record(hand_made, "cheap", 1.0, 0.1),
        record(hand_made, "middle", 3.0, 1.0),
        record(hand_made, "twin", 3.0, 1.0),  # equal in both: neither beats the other
        record(hand_made, "worse", 2.0, 5.0),
        record(hand_made, "dear", 4.0, 9.0),
        record(hand_made, "unknown", 9.0, None),
        record(hand_made, "truth", 9.0, 0.0, reference=True),
    ]
    rows = {row["forecaster"]: row for row in pareto(made, VPT)}
    assert list(rows) == ["unknown", "dear", "middle", "twin", "worse", "cheap"]
    assert [name for name, row in rows.items() if row["on_front"]] == ["dear", "middle", "twin", "cheap"]
    assert rows["worse"] == {"forecaster": "worse", "value": 2.0, "fit_seconds": 5.0, "on_front": False}


def test_for_errors_lower_is_better_and_more_costs_make_the_front_longer(hand_made: Make) -> None:
    made = [
        record(hand_made, "small", 0.3, 9.0, 10, metric="nrmse@1"),
        record(hand_made, "large", 0.2, 1.0, 1000, metric="nrmse@1"),
    ]
    assert [row["forecaster"] for row in pareto(made, "nrmse@1") if row["on_front"]] == ["large"]
    both = pareto(made, "nrmse@1", against=("fit_seconds", "parameters"))
    assert [row["forecaster"] for row in both if row["on_front"]] == ["large", "small"]
    with pytest.raises(RecordError, match="unknown cost 'parameter'; costs are fit_seconds, predict_seconds, parameters; did you mean 'parameters'"):
        pareto(made, "nrmse@1", against=("parameter",))


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def inside(svg: str) -> bool:
    """Whether every text begins inside the picture."""
    root = ElementTree.fromstring(svg)
    width, height = (float(part) for part in root.attrib["viewBox"].split()[2:])
    return all(0 <= float(item.attrib["x"]) <= width and 0 <= float(item.attrib["y"]) <= height for item in root.iter(f"{SVG}text"))


@pytest.mark.parametrize("n", [1, 2, 3, 30])
def test_the_diagram_of_ranks_names_everyone_and_says_it_in_words(hand_made: Make, n: int) -> None:
    made = [hand_made(f"model <{index}> & co", {task: [float(index)] for task in "xyz"}) for index in range(n)]
    data = critical_difference(made, VPT)
    svg = critical_difference_svg(data, "Ranks")
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert {f"model <{index}> & co {n - index:.2f}" for index in range(n)} <= set(texts(svg))
    assert root.find(f"{SVG}title") is not None
    assert root.attrib["aria-label"].startswith(f"Ranks, 3 systems. model <{n - 1}> & co 1.00")
    assert "script" not in svg
    assert inside(svg)
    assert svg == critical_difference_svg(critical_difference(made[::-1], VPT), "Ranks")
    bars = sum(element.attrib.get("stroke-width") == "4" for element in root.iter(f"{SVG}path"))
    assert bars == len(data["cliques"])


@pytest.mark.parametrize("n", [0, 1, 2, 20])
def test_the_picture_of_costs_marks_the_front(hand_made: Make, n: int) -> None:
    made = [record(hand_made, f"model {index}", float(index), 0.0 if index == 0 else 10.0**index / 7) for index in range(n)]
    rows = pareto([*made, record(hand_made, "silent & dear", 1.0, None)], VPT)
    svg = pareto_svg(rows, "fit_seconds", "valid prediction time (Lyapunov times)", "seconds to fit")
    root = ElementTree.fromstring(svg)
    filled = [element for element in root.iter(f"{SVG}circle") if element.attrib["fill"] == "currentColor"]
    assert len(filled) == sum(row["on_front"] for row in rows) == n
    assert "Cost not known: silent & dear." in root.attrib["aria-label"]
    assert {f"model {index}" for index in range(n)} <= set(texts(svg))
    assert svg == pareto_svg(rows, "fit_seconds", "valid prediction time (Lyapunov times)", "seconds to fit")
    assert all(0 <= float(element.attrib["cx"]) <= 700 and 0 <= float(element.attrib["cy"]) <= 360 for element in root.iter(f"{SVG}circle"))


def test_points_stand_where_the_axes_say(hand_made: Make) -> None:
    made = [record(hand_made, "a", 1.0, 0.003), record(hand_made, "b", 3.0, 0.3)]  # decades 0.001 to 1 over 560 from 60; 1, 1.5, ..., 3 over 320
    root = ElementTree.fromstring(pareto_svg(pareto(made, VPT), "fit_seconds", "value", "seconds"))
    ticks = {element.text: float(element.attrib["x"]) for element in root.iter(f"{SVG}text") if element.attrib["text-anchor"] == "middle"}
    assert [ticks[label] for label in ("0.001", "0.01", "0.1", "1")] == pytest.approx([60 + 560 * step / 3 for step in range(4)], abs=0.05)
    points = sorted((float(element.attrib["cx"]), float(element.attrib["cy"])) for element in root.iter(f"{SVG}circle"))
    third = math.log10(3) / 3
    assert [x for x, _ in points] == pytest.approx([60 + 560 * third, 60 + 560 * (2 / 3 + third)], abs=0.05)
    assert [y for _, y in points] == [350.0, 30.0]


def test_names_do_not_cover_each_other(hand_made: Make) -> None:
    made = [record(hand_made, f"model {index}", 1.0, 1.0) for index in range(5)]
    svg = pareto_svg(pareto(made, VPT), "fit_seconds", "value", "seconds")
    named = [element for element in ElementTree.fromstring(svg).iter(f"{SVG}text") if (element.text or "").startswith("model")]
    heights = sorted(float(element.attrib["y"]) for element in named)
    assert len(heights) == 5
    assert min(high - low for low, high in itertools.pairwise(heights)) >= 12
