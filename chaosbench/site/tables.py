"""The numbers of the pages as files for programs: results.json and results.csv."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

_ABOUT = ("family", "device", "fit_seconds", "predict_seconds", "parameters", "seeds", "reference", "sha256")
_COLUMNS = ("track", "task", "system", "forecaster", "rank", "metric", "value", "low", "high", "n", "n_failed", "n_censored", "floor", *_ABOUT)


def results_json(data: Mapping[str, Any]) -> str:
    """Return what the pages say of scores as JSON, one view a line."""
    head = {key: value for key, value in data.items() if key != "views"}
    lines = ",\n".join(f"{_json(key)}:{_json(value)}" for key, value in head.items())
    views = ",\n ".join(_json(view) for view in data["views"])
    return f'{{\n{lines},\n"views":[\n {views}\n]\n}}\n'


def results_csv(data: Mapping[str, Any]) -> str:
    """Return one line a track, task (empty: over all of the track), forecaster and metric."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for view in data["views"]:
        place = {"track": view["track"], "task": view["task"] or "", "system": view.get("system", "")}
        for row in view["rows"]:
            about = {key: data["forecasters"][row["forecaster"]][key] for key in _ABOUT}
            for metric, cell in row["cells"].items():
                numbers = dict(zip(("value", "low", "high", "n", "n_failed", "n_censored"), cell, strict=True))
                who = {"forecaster": row["forecaster"], "rank": row["rank"], "metric": metric, "floor": view["floors"].get(metric)}
                writer.writerow({**place, **who, **numbers, **about})
    return text.getvalue()


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
