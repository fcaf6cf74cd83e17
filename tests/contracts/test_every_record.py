"""Every record in leaderboard/records verifies, with its per-window scores, and belongs to a suite of this version."""

from pathlib import Path

import numpy as np
import pytest

from chaosbench.records import Record, read_record
from chaosbench.resampling import aggregate
from chaosbench.suites import metric_from, read_suite, suite_names

FOLDER = Path(__file__).parents[2] / "leaderboard" / "records"


@pytest.fixture(params=sorted(FOLDER.glob("**/*.json")), ids=lambda path: path.stem)
def record(request: pytest.FixtureRequest) -> Record:
    return read_record(request.param)


def test_its_suite_is_known_and_unchanged(record: Record) -> None:
    assert record.identity["suite"] in suite_names()
    assert record.identity["suite_sha256"] == read_suite(record.identity["suite"]).sha256


def test_every_value_follows_from_its_per_window_scores(record: Record) -> None:
    for cell in record.cells:
        for label, entry in cell["metrics"].items():
            scores = record.scores(cell, label)
            assert len(scores) == entry["n"]
            assert np.isfinite(scores).all()
            assert float(aggregate(metric_from(label).aggregate)(scores)) == entry["value"]
