import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chaosbench.errors import RecordError
from chaosbench.identity import canonical_json, sha256_of
from chaosbench.records import Record, read_record, windows_sha256, write_record


def _record(**identity: Any) -> Record:
    windows = {"nrmse@1": np.array([0.1, 1.0 / 3.0, 2.5]), "nrmse@1 censored": np.zeros(3, dtype=bool), "failed_at": np.array([4, 4, 2])}
    sha = windows_sha256(windows)
    entry = {"value": 1.0 / 3.0, "interval": [0.1, 2.5], "n": 3, "n_failed": 1, "n_censored": 0, "floor": None}
    cell = {
        "task": "henon", "system": "henon", "system_identity": "ab", "time_unit": "Lyapunov time", "seed": 0, "status": "ok", "reason": "",
        "metrics": {"nrmse@1": entry}, "windows_sha256": sha,
    }  # fmt: skip
    named = {"forecaster": "toy", "version": "1", "source_sha256": "cd", "options": {}, "suite": "smoke", "suite_sha256": "ef", "scoring": "1"}
    return Record(named | identity, (cell,), {"python": "3.11"}, {"seconds": 1.5, "cells": {}}, {sha: windows})


def test_a_record_comes_back_from_disk_equal_to_the_last_bit(tmp_path: Path) -> None:
    record = _record()
    path = write_record(record, tmp_path)
    assert path.name == "smoke--toy.json"
    found = read_record(path)
    assert (found.identity, found.cells, found.environment, found.volatile) == (record.identity, record.cells, record.environment, record.volatile)
    assert found.sha256 == record.sha256
    (cell,) = found.cells
    assert found.scores(cell, "nrmse@1").tolist() == [0.1, 1.0 / 3.0, 2.5]
    assert cell["metrics"]["nrmse@1"]["value"] == 1.0 / 3.0


def test_the_hash_covers_identity_and_cells_and_nothing_volatile() -> None:
    record = _record()
    assert record.sha256 == sha256_of({"identity": record.identity, "cells": record.cells})
    assert replace(record, volatile={"seconds": 99.0}, environment={"python": "3.13"}).sha256 == record.sha256
    assert _record(version="2").sha256 != record.sha256
    assert replace(record, cells=({**record.cells[0], "status": "crash"},)).sha256 != record.sha256


def test_the_file_is_plain_json_with_the_keys_of_the_schema_and_one_cell_a_line(tmp_path: Path) -> None:
    record = _record()
    record = replace(record, cells=record.cells * 3)
    text = write_record(record, tmp_path).read_text()
    assert list(json.loads(text)) == ["schema", "identity", "cells", "environment", "volatile", "sha256"]
    assert sum(line.strip().startswith('{"metrics"') for line in text.splitlines()) == 3
    assert write_record(record, tmp_path).read_text() == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["smoke--toy.json", "windows"]


def test_options_are_part_of_the_name_of_the_file_and_of_the_label(tmp_path: Path) -> None:
    record = _record(options={"units": 500, "alpha": 0.1})
    assert record.label == "toy (alpha=0.1, units=500)"
    assert record.file_name == f"smoke--toy--{sha256_of({'units': 500, 'alpha': 0.1})[:8]}.json"
    assert read_record(write_record(record, tmp_path)).identity["options"] == {"units": 500, "alpha": 0.1}


def _edited(path: Path, change: Any) -> Path:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(canonical_json(data))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda data: data["cells"][0]["metrics"]["nrmse@1"].update(value=0.01),
            "sha256 is written as .* but identity and cells hash to .*: the file was changed",
        ),
        (lambda data: data["identity"].update(version="9"), "the file was changed after it was written"),
        (lambda data: data.update(schema=7), "schema 7; this version reads schema 1"),
        (lambda data: data.pop("volatile"), "key 'volatile' is missing; keys are schema, identity"),
        (lambda data: data["identity"].update(colour="red"), "identity: key 'colour' is unknown"),
        (lambda data: data["cells"][0].pop("reason"), r"cells\[0\]: key 'reason' is missing"),
        (lambda data: data["cells"][0]["metrics"]["nrmse@1"].pop("n_failed"), r"cells\[0\]\.metrics\['nrmse@1'\]: key 'n_failed' is missing"),
        (lambda data: data.update(identity=[]), "identity: list found where a table is needed"),
    ],
)
def test_an_edited_record_is_refused_and_the_message_names_what_differs(tmp_path: Path, change: Any, message: str) -> None:
    path = _edited(write_record(_record(), tmp_path), change)
    with pytest.raises(RecordError, match=message):
        read_record(path)


def test_changed_missing_or_damaged_windows_are_refused_and_can_be_left_out(tmp_path: Path) -> None:
    record = _record()
    path = write_record(record, tmp_path)
    (windows,) = (tmp_path / "windows").iterdir()
    whole = windows.read_bytes()
    np.savez(windows, **{"nrmse@1": np.array([0.0, 0.0, 0.0])})
    with pytest.raises(RecordError, match=r"its arrays hash to .*: the file was changed"):
        read_record(path)
    for content in (whole[:100], b"", b"no zip at all"):
        windows.write_bytes(content)
        with pytest.raises(RecordError, match="cannot be read"):
            read_record(path)
    windows.unlink()
    with pytest.raises(RecordError, match="cannot be read"):
        read_record(path)
    bare = read_record(path, windows=False)
    assert bare.sha256 == record.sha256
    with pytest.raises(RecordError, match="no per-window scores of 'nrmse@1' for task 'henon'"):
        bare.scores(bare.cells[0], "nrmse@1")


def test_a_file_that_holds_objects_is_not_unpickled(tmp_path: Path) -> None:
    path = write_record(_record(), tmp_path)
    (windows,) = (tmp_path / "windows").iterdir()
    np.savez(windows, **{"nrmse@1": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(RecordError, match="cannot be read"):
        read_record(path)


def test_a_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{")
    with pytest.raises(RecordError, match=r"broken\.json: cannot be read as JSON"):
        read_record(path)
