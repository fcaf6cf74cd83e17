"""Records for the pages: a toy suite that is really run, and a large one made by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chaosbench.catalogue import system_files
from chaosbench.evaluation import evaluate
from chaosbench.records import Record, windows_sha256
from chaosbench.suites import read_suite

SUITE = """
schema = 1
name = "page-test"
version = 1
seed = 0
metrics = ["valid_prediction_time", "nrmse@0.5", "blow_up"]
[defaults]
training_samples = 300
context = 20
horizon = 4.0
windows = 20
climate_runs = 0
[[track]]
name = "clean"
[[track]]
name = "noisy_5"
noise = 0.05
[[track]]
name = "climate"
climate_runs = 2
climate_samples = 400
metrics = ["valid_prediction_time", "attractor_divergence", "largest_exponent_error", "blow_up"]
[[task]]
system = "henon"
[[task]]
system = "lorenz63"
samples_per_period = 30
training_samples = 600
"""
FORECASTERS = ("persistence", "zeros", "ngrc", "oracle")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """Three forecasters and a reference on two systems in three tracks."""
    path = tmp_path_factory.mktemp("suite") / "page-test.toml"
    path.write_text(SUITE)
    suite = read_suite(path)
    return [evaluate(name, suite) for name in FORECASTERS]


@pytest.fixture(scope="session")
def made_up() -> Callable[..., list[Record]]:
    """Records by hand of any number of entrants, tracks and systems, with scores drawn around each entrant's own level."""

    def made(entrants: list[str], tracks: list[str], n_systems: int, windows: int = 20) -> list[Record]:
        names = list(system_files())[::3][:n_systems]
        return [_record(name, place, tracks, names, windows) for place, name in enumerate(entrants)]

    return made


def _record(name: str, place: int, tracks: list[str], systems: list[str], n: int) -> Record:
    stream = np.random.default_rng(place)
    cells: list[dict[str, Any]] = []
    kept: dict[str, Any] = {}
    volatile = {}
    for track in tracks:
        for system in systems:
            scores = {
                "valid_prediction_time": stream.gamma(2, 1 + place / 10, n),
                "nrmse@1": stream.gamma(2, 0.3, n),
                "blow_up": (stream.random(n) < 0.01).astype(float),
            }
            time = np.linspace(0.1, 15, 30)
            pictures = {"picture_time": time, "picture_truth": np.sin(time), "picture_forecast": np.sin(time * 1.1)}
            sha = windows_sha256(scores | pictures)
            kept[sha] = scores | pictures
            count = {"n": n, "n_failed": 0, "n_censored": 0, "floor": None}
            metrics = {label: {"value": float(np.median(values)), "interval": [0.0, 1.0], **count} for label, values in scores.items()}
            task = f"{system}/{track}"
            cell = {"task": task, "system": system, "system_identity": f"id of {system}", "time_unit": "Lyapunov time", "seed": 0, "status": "ok"}
            cells.append({**cell, "reason": "", "metrics": metrics, "windows_sha256": sha, "track": track})
            volatile[f"{task}/0"] = {"fit_seconds": 0.01 * 1.3**place, "predict_seconds": 1.0, "parameters": 100, "traceback": ""}
    identity = {"forecaster": name, "version": "1", "source_sha256": "0" * 64, "options": {}, "suite": "made-up", "suite_sha256": "ab" * 32}
    environment = {"device": "cuda" if place % 3 == 0 else "cpu", "platform": "Linux x86_64", "python": "3.11"}
    return Record({**identity, "scoring": "2"}, tuple(cells), environment, {"cells": volatile, "deterministic": False}, kept)
