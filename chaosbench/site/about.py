"""What the installed package knows of the entrants, metrics, systems and tracks of a set of records."""

import inspect
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import numpy as np

from chaosbench.boards import draws
from chaosbench.catalogue import load, names, system_files
from chaosbench.costs import COSTS, costs
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.reader import system
from chaosbench.errors import NotInstalledError, TaskError
from chaosbench.records import Record
from chaosbench.site.wording import counted, measured, slug_of, title_of
from chaosbench.suites import Suite, TaskSpec, metric_from, read_suite, suite_names


def forecaster_data(record: Record) -> dict[str, Any]:
    """Return what the pages say of an entrant besides its scores."""
    spent = costs(record)
    statuses = [cell["status"] for cell in record.cells]
    seeds = len({cell["seed"] for cell in record.cells})
    return {
        "page": f"models/{slug_of(record.label)}.html",
        "record": f"records/{quote(record.file_name)}",
        "sha256": record.sha256,
        "version": record.identity["version"],
        "family": family_of(record),
        "device": str(record.environment.get("device", "cpu")).partition(":")[0],
        **{cost: None if spent[cost] is None else float(f"{spent[cost]:.3g}") for cost in COSTS},
        "seeds": seeds,
        "single_seed": seeds == 1 and draws(record),
        "failed_cells": sum(status != "ok" for status in statuses),
        "cells": len(statuses),
        "missing": all(status == "not_installed" for status in statuses),
        "reference": record.reference,
    }


def family_of(record: Record) -> str:
    """Return the family of a forecaster of the catalogue; of others "reference" or "submission"."""
    if record.reference:
        return "reference"
    found = class_of(record)
    return "submission" if found is None else found.family or "other"


def class_of(record: Record) -> type[Any] | None:
    """Return the installed class of an entrant's name, None where there is none."""
    name, kind = record.identity["forecaster"], "references" if record.reference else "forecasters"
    with suppress(NotInstalledError):
        return load(kind, name) if name in names(kind) else None
    return None


def metric_data(label: str) -> dict[str, Any]:
    """Return what the pages say of a metric."""
    metric = metric_from(label)
    about = (inspect.getdoc(type(metric)) or "").split("\n")[0]
    return {"label": label, "title": title_of(label), "better": metric.better, "unit": metric.unit, "needs": metric.needs, "about": about}


@lru_cache(maxsize=8)
def suite_of(name: str, sha256: str) -> Suite | None:
    """Return the suite that records name, where the package has exactly that one."""
    with suppress(TaskError):
        found = read_suite(name) if name in suite_names() else None
        return found if found is not None and found.sha256 == sha256 else None
    return None


def suite_of_records(records: Sequence[Record]) -> Suite | None:
    """Return the suite of `records`, where the package has it."""
    return suite_of(records[0].identity["suite"], records[0].identity["suite_sha256"])


def conditions(suite: Suite | None, tasks: Sequence[str]) -> str:
    """Return in words under which conditions `tasks` run, where the package has the suite."""
    if suite is None:
        return ""
    specs = [spec for spec in suite.tasks if spec.label in set(tasks)]
    said = [f"{_span(spec.training_samples for spec in specs)} training samples"]
    said += [f"noise of {100 * noise:g} % of each component" for noise in sorted({spec.noise for spec in specs}) if noise]
    said += ["some components hidden"] if any(spec.view for spec in specs) else []
    said += ["names, parameters and axes hidden"] if any(spec.blind for spec in specs) else []
    said += [f"{_span(spec.samples_per_period for spec in specs if spec.samples_per_period)} samples a period"] * any(map(_sampled, specs))
    said += [f"context of {_span(spec.context for spec in specs)} samples", f"{_span(spec.windows for spec in specs)} test windows a system"]
    runs = [spec for spec in specs if spec.climate_runs]
    said += [f"{_span(spec.climate_runs for spec in runs)} free runs of {_span(spec.climate_samples for spec in runs)} samples"] if runs else []
    return f"{counted(len({spec.system for spec in specs}), 'system')}; " + ", ".join(said) + "."


def _sampled(spec: TaskSpec) -> bool:
    return bool(spec.samples_per_period)


def _span(values: Any) -> str:
    found = sorted(set(values))
    return f"{found[0]:g}" if len(found) == 1 else f"{found[0]:g} to {found[-1]:g}"


def kind_of_system(name: str) -> str:
    """Return the kind of a system of the catalogue, "other" for one it does not have."""
    files = system_files()
    return files[name].parent.name if name in files else "other"


def definition_of(name: str, cells: Sequence[Mapping[str, Any]], suite: Suite | None) -> SystemDefinition | None:
    """Return the definition that `cells` ran, by identity: with its defaults or the parameters of the suite; the defaults where neither fits."""
    if name not in system_files():
        return None
    default = system(name)
    wanted = cells[0]["system_identity"]
    if default.identity == wanted or suite is None:
        return default
    parameters = [spec.parameters for spec in suite.tasks if spec.system == name and spec.parameters]
    return next((found for found in (system(name, dict(values)) for values in parameters) if found.identity == wanted), default)


def measured_lines(value: Any, error: Any, most: int = 8) -> list[str]:
    """Return "0.9063 ± 0.0023" for a number or each of a row of numbers, at most `most` of them."""
    values = np.ravel(value)
    errors = np.broadcast_to(np.ravel(error), values.shape)
    lines = [measured(float(v), float(e)) for v, e in zip(values[:most], errors[:most], strict=True)]
    return lines + ([f"… ({len(values)} in all)"] if len(values) > most else [])
