"""Shared by all tests: the slow tier, and a cache folder that tests never share with the user's measurements."""

import importlib.util
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy: the arrays here are small, and idle threads that spin slow everything down


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run tests that take minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        skip = pytest.mark.skip(reason="slow; run with --slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def hand_made() -> Callable[..., Any]:
    """Make records by hand, so that every expected number can be worked out."""
    import numpy as np

    from chaosbench.records import Record, windows_sha256

    def record(
        name: str,
        scores: Mapping[str, Any],
        *,
        metric: str = "valid_prediction_time",
        systems: Mapping[str, str] = {},
        failed: tuple[str, ...] = (),
        told: Mapping[str, Any] = {},
        costs: Mapping[str, Any] = {},
        reference: bool = False,
    ) -> Record:
        """Return a record with `scores` {task: (W,) or (S, W)}; systems: {task: system} where the names differ; told: more of `volatile`."""
        cells, kept = [], {}
        for task, given in scores.items():
            for seed, values in enumerate(np.atleast_2d(np.asarray(given, dtype=float))):
                windows = {metric: values}
                sha = windows_sha256(windows)
                kept[sha] = windows
                n_failed = len(values) if task in failed else 0
                entry = {"value": 0.0, "interval": [0.0, 0.0], "n": len(values), "n_failed": n_failed, "n_censored": 0, "floor": None}
                cells.append(
                    {
                        **{"task": task, "system": systems.get(task, task), "system_identity": f"id of {task}", "time_unit": "Lyapunov time"},
                        **{"seed": seed, "status": "refused" if task in failed else "ok", "reason": ""},
                        **{"metrics": {metric: entry}, "windows_sha256": sha},
                    }
                )
        identity = {"forecaster": name, "version": "1", "source_sha256": "", "options": {}, "suite": "toy", "suite_sha256": "ef", "scoring": "1"}
        spent = {f"{cell['task']}/{cell['seed']}": dict(costs) for cell in cells}
        return Record(identity | ({"reference": True} if reference else {}), tuple(cells), {}, {"cells": spent, **told}, kept)

    return record


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder for this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CHAOSBENCH_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """Taylor series and iterations in numbers of any length, tests/oracles/mpmath_taylor.py."""
    specification = importlib.util.spec_from_file_location("mpmath_taylor", Path(__file__).parent / "oracles" / "mpmath_taylor.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
