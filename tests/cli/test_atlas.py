"""`atlas`: every measured number comes out, by all three doors."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from chaosbench.catalogue import system_files, systems_folder

Cli = Callable[..., Any]


def stored(name: str) -> dict[str, Any]:
    return json.loads((systems_folder() / "measured" / f"{name}.json").read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def everything() -> dict[str, dict[str, Any]]:
    return {name: stored(name) for name in system_files() if (systems_folder() / "measured" / f"{name}.json").is_file()}


def test_json_is_an_array_of_everything_measured(cli: Cli, everything: dict[str, dict[str, Any]]) -> None:
    found = json.loads(cli("atlas", "--json").out)
    assert [entry["name"] for entry in found] == list(everything)
    for entry in found:
        assert {"name", "aliases", "kind", "regime", "lyapunov_spectrum"} <= set(entry)
        assert set(entry["lyapunov_spectrum"]) == {"value", "standard_error"}
        told = everything[entry["name"]]
        assert {key: entry[key] for key in told if key not in ("name", "schema")} == {key: told[key] for key in told if key not in ("name", "schema")}


def test_csv_has_one_line_a_system(cli: Cli, everything: dict[str, dict[str, Any]]) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("atlas", "--csv").out)))
    assert [row["name"] for row in rows] == list(everything)
    for row in rows:
        facts = everything[row["name"]]
        assert [float(part) for part in row["lyapunov_spectrum"].split()] == [float(part) for part in facts["lyapunov_spectrum"]["value"]]
        assert row["regime"] == facts["regime"]
        dimension = facts["correlation_dimension"]
        assert row["correlation_dimension"] == ("" if dimension is None else str(dimension["value"]))


def test_the_table_shows_values_with_errors_and_follows_the_filters(cli: Cli) -> None:
    lines = cli("atlas", "lorenz63", "henon").out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", "lorenz63", "henon"]
    value, error = (stored("lorenz63")["lyapunov_spectrum"][part][0] for part in ("value", "standard_error"))
    assert f"{value:.5g} +- {error:.1g}" in lines[1]
    chosen = cli("atlas", "--kind", "delays", "--regime", "chaotic").out.splitlines()[1:]
    assert {line.split()[0] for line in chosen} == {
        name for name, path in system_files().items() if path.parent.name == "delays" and stored(name)["regime"] == "chaotic"
    }
