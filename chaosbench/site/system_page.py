"""The page of one system: its equations and measured invariants, and who forecasts it best."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.printing import equation_lines, equations_in_latex
from chaosbench.expressions.mathml import mathml
from chaosbench.facts import Facts, load_facts
from chaosbench.records import Record
from chaosbench.site.about import definition_of, measured_lines, suite_of_records
from chaosbench.site.drawing import end_of, forecast_svg, valid_time
from chaosbench.site.wording import number

_FIRST, _OTHERS = 9, 3  # forecasts drawn of the first track, and of each other


def systems_of(data: Mapping[str, Any]) -> list[str]:
    """Return the systems of all tasks, sorted."""
    return sorted({system for track in data["tracks"] for system in track["tasks"].values()})


def system_context(name: str, records: Sequence[Record], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template of a system's page is filled with; without a definition for what the package does not have."""
    cells = [cell for record in records for cell in record.cells if cell["system"] == name]
    definition = definition_of(name, cells, suite_of_records(records))
    facts = None if definition is None else load_facts(definition)
    return {
        "name": name,
        "definition": definition,
        "lines": [] if definition is None else equation_lines(definition),
        "latex": "" if definition is None else equations_in_latex(definition),
        "mathml": "" if definition is None else mathml(equations_in_latex(definition)),
        "parameters": [] if definition is None else _parameters(definition),
        "same": definition is not None and all(cell["system_identity"] == definition.identity for cell in cells),
        "facts": [] if facts is None else _facts(facts),
        "method": "" if facts is None else facts.method,
        "exponent": None if facts is None else _largest(facts),
        "tracks": [_track(name, track, records, data, place) for place, track in enumerate(data["tracks"]) if name in track["tasks"].values()],
    }


def _parameters(definition: SystemDefinition) -> list[dict[str, str]]:
    found = []
    for entry in definition.parameters:
        value = f"{len(entry.value)} numbers" if isinstance(entry.value, tuple) else f"{entry.value:.10g}"
        found.append({"name": entry.name, "value": value + (f" {entry.unit}" if entry.unit != "1" else ""), "meaning": entry.meaning})
    return found


def _facts(facts: Facts) -> list[tuple[str, list[str]]]:
    """Return (quantity, lines) with standard errors."""
    told = [
        ("Lyapunov exponents", facts.lyapunov_spectrum),
        ("Kaplan–Yorke dimension", facts.kaplan_yorke_dimension),
        ("correlation dimension", facts.correlation_dimension),
        ("entropy at most", facts.entropy_bound),
        ("mean divergence", facts.divergence),
    ]
    lines = [("regime", [facts.regime])]
    lines += [(name, measured_lines(found.value, found.standard_error)) for name, found in told if found is not None]
    lines.append(("dominant period", [number(facts.period)]))
    return [*lines, ("Lyapunov time", ["refused as a unit" if facts.lyapunov_time is None else number(facts.lyapunov_time)])]


def _largest(facts: Facts) -> str:
    return measured_lines(np.ravel(facts.lyapunov_spectrum.value)[0], np.ravel(facts.lyapunov_spectrum.standard_error)[0])[0]


def _track(name: str, track: Mapping[str, Any], records: Sequence[Record], data: Mapping[str, Any], place: int) -> dict[str, Any]:
    metrics = {metric["label"]: metric for metric in data["metrics"]}
    tasks = [task for task, system in track["tasks"].items() if system == name]
    views = [view for view in data["views"] if view["task"] in tasks]
    pictures = [picture for view in views for picture in _pictures(view, metrics[track["headline"]], records, _FIRST if place == 0 else _OTHERS)]
    return {"name": track["name"], "metrics": [metrics[label] for label in track["metrics"]], "views": views, "pictures": pictures}


def _pictures(view: Mapping[str, Any], headline: Mapping[str, Any], records: Sequence[Record], most: int) -> list[dict[str, str]]:
    """Return the first window as the `most` best forecasters foresaw it, all on one axis of time."""
    by_label = {record.label: record for record in records}
    found: list[tuple[str, Mapping[str, np.ndarray], float | None]] = []
    for row in view["rows"]:
        cell = next((cell for cell in by_label[row["forecaster"]].cells if cell["task"] == view["task"]), None)
        windows = by_label[row["forecaster"]].windows.get(cell["windows_sha256"], {}) if cell else {}
        if "picture_forecast" in windows and row["rank"] is not None and len(found) < most:
            found.append((row["forecaster"], windows, valid_time(windows, headline)))
    if not found:
        return []
    end = max(end_of(windows["picture_time"], valid) for _, windows, valid in found)
    return [
        {"forecaster": name, "task": view["task"], "valid": number(valid), "svg": forecast_svg(windows, end, valid, view["unit"])}
        for name, windows, valid in found
    ]
