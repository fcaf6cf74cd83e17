"""What a forecaster costs, and which forecasters nobody beats in score and cost at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chaosbench.boards import board, competitors, values
from chaosbench.errors import RecordError, nearest
from chaosbench.records import Record
from chaosbench.resampling import aggregate
from chaosbench.suites import metric_from

COSTS = {"fit_seconds": "seconds to fit", "predict_seconds": "seconds to forecast", "parameters": "parameters"}


def costs(record: Record, tasks: Sequence[str] | None = None) -> dict[str, float | None]:
    """Return {cost: median over cells} for each of COSTS; None where no cell says it. tasks: only these.

    Times are those of the machine that made the record (`record.environment`); of two records they compare only where that was the same.
    """
    cells = record.volatile.get("cells", {})
    told = [cells.get(f"{cell['task']}/{cell['seed']}", {}) for cell in record.cells if tasks is None or cell["task"] in tasks]
    known = {cost: [entry[cost] for entry in told if entry.get(cost) is not None] for cost in COSTS}
    return {cost: float(np.median(numbers)) if numbers else None for cost, numbers in known.items()}


def pareto(
    records: Sequence[Record], metric: str, *, against: Sequence[str] = ("fit_seconds",), tasks: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Return [{forecaster, value, <each cost of `against`>, on_front}], best value first; references take no part.

    on_front: no other forecaster is at least as good in value and all costs and better in one of them. A forecaster of which a cost is not known is
    listed with None and neither on the front nor able to push another off it. Who is on the front depends on who takes part; values and costs do not.
    Raises RecordError for an unknown cost.
    """
    for cost in against:
        if cost not in COSTS:
            raise RecordError(f"unknown cost {cost!r}; costs are {', '.join(COSTS)}{nearest(cost, COSTS)}")
    taking_part = competitors(records)
    measure = metric_from(metric)
    table, _ = values(board(taking_part, metric, tasks), measure.aggregate)
    scores = aggregate(measure.aggregate)(table, axis=0)
    rows: list[dict[str, Any]] = []
    for record, score in zip(taking_part, scores, strict=True):
        spent = costs(record, tasks)
        rows.append({"forecaster": record.label, "value": float(score), **{cost: spent[cost] for cost in against}})
    sign = -1.0 if measure.better == "higher" else 1.0
    points = [[sign * row["value"], *(row[cost] for cost in against)] for row in rows]
    known = [None not in point for point in points]
    for row, point, there in zip(rows, points, known, strict=True):
        row["on_front"] = there and not any(_dominates(other, point) for other, whole in zip(points, known, strict=True) if whole)
    return sorted(rows, key=lambda row: (sign * row["value"], row["forecaster"]))


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and any(a < b for a, b in zip(one, other, strict=True))
