"""What differs between two records: who was evaluated, which cells, which metrics of a cell, and by how much."""

from collections.abc import Mapping
from typing import Any

from chaosbench.records import Record

_NOT_COMPARED = ("metrics", "windows_sha256")


def differences(a: Record, b: Record) -> dict[str, Any]:
    """Return what differs between records `a` and `b`, exactly: numbers are equal or they are not.

    Keys: same: whether the hashed content (identity and cells) is one. sha256: [of a, of b]. identity: {key: [in a, in b]}. cells: a list of
    {task, seed, only: "a" or "b"} for cells that one lacks, and {task, seed, fields: {key: [a, b]}, metrics: {label: {field: [a, b]}}, windows} for
    those that differ; windows: whether per-window scores (their hash) differ. order: whether the same cells stand in another order. environment:
    {key: [a, b]}, never part of the hash, because it often says why. An absent value is None.
    """
    left, right = ({(cell["task"], cell["seed"]): cell for cell in record.cells} for record in (a, b))
    cells = []
    for task, seed in [*left, *(key for key in right if key not in left)]:
        one, other = left.get((task, seed)), right.get((task, seed))
        if one is None or other is None:
            cells.append({"task": task, "seed": seed, "only": "b" if one is None else "a"})
        elif one != other:
            cells.append({"task": task, "seed": seed, **_cell(one, other)})
    return {
        "same": a.sha256 == b.sha256,
        "sha256": [a.sha256, b.sha256],
        "identity": _unequal(a.identity, b.identity),
        "cells": cells,
        "order": list(left) != list(right) and set(left) == set(right),
        "environment": _unequal(a.environment, b.environment),
    }


def _cell(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    plain = [{key: value for key, value in cell.items() if key not in _NOT_COMPARED} for cell in (one, other)]
    labels = sorted(set(one["metrics"]) | set(other["metrics"]))
    metrics = {label: _unequal(one["metrics"].get(label, {}), other["metrics"].get(label, {})) for label in labels}
    return {
        "fields": _unequal(*plain),
        "metrics": {label: found for label, found in metrics.items() if found},
        "windows": one["windows_sha256"] != other["windows_sha256"],
    }


def _unequal(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {key: [one.get(key), other.get(key)] for key in sorted({*one, *other}) if one.get(key) != other.get(key)}
