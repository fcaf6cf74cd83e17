"""`invariants` on systems, stores and CSV files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chaosbench.catalogue import load, names
from chaosbench.cli.subjects import read_subject
from chaosbench.dynamics.reader import system
from chaosbench.trajectories import simulate

Cli = Callable[..., Any]


def test_the_json_holds_subject_parameters_and_whole_estimates(cli: Cli) -> None:
    ran = cli("invariants", "logistic", "--what", "lyapunov_spectrum,largest_exponent", "--target-error", 0.002, "--seed", 1, "--json")
    assert ran.code == 0
    data = json.loads(ran.out)
    assert set(data) == {"subject", "parameters", "estimates"}
    assert (data["subject"], data["parameters"]) == ("logistic", {"r": 4.0})
    assert list(data["estimates"]) == ["lyapunov_spectrum", "largest_exponent"]
    fields = {"value", "standard_error", "interval", "status", "reason", "method", "convention", "settings", "source", "series"}
    for estimate in data["estimates"].values():
        assert set(estimate) == fields
        assert estimate["status"] == "converged"
        assert estimate["settings"]["seed"] == 1
    (value,), (error,) = (data["estimates"]["lyapunov_spectrum"][key] for key in ("value", "standard_error"))
    assert 0 < error <= 0.002
    assert abs(value - np.log(2)) < 4 * error  # exact: log 2 at r = 4


def test_series_are_kept_only_when_asked_for(cli: Cli) -> None:
    words = ("invariants", "logistic", "--what", "largest_exponent", "--duration", 4000, "--json")
    short, whole = (json.loads(cli(*words, *more).out)["estimates"]["largest_exponent"] for more in ((), ("--series",)))
    assert short["series"] is None
    assert whole.pop("series")
    assert whole == {key: value for key, value in short.items() if key != "series"}


def test_parameters_and_sizes_are_set_and_said(cli: Cli) -> None:
    data = json.loads(cli("invariants", "logistic", "--set", "r=3.5", "--what", "largest_exponent", "--duration", 2000, "--json").out)
    assert data["parameters"] == {"r": 3.5}
    assert data["estimates"]["largest_exponent"]["value"] < -0.5  # a cycle of period 4
    sized = read_subject("lorenz96", {"N": 6.0}, None)
    assert json.loads(cli("info", "lorenz96", "--set", "N=6", "--json").out)["dimension"] == getattr(sized, "dimension", None) == 6


def test_the_table_has_a_line_for_every_invariant_that_the_subject_allows(cli: Cli) -> None:
    ran = cli("invariants", "logistic", "--target-error", 0.05)
    wanted = [name for name in names("invariants") if "maps" in load("invariants", name).kinds]
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == ["invariant", *wanted]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["henonn"], "unknown system 'henonn'; did you mean 'henon'?"),
        (["henon", "--what", "lyapunov_spectrm"], "did you mean 'lyapunov_spectrum'?"),
        (["henon", "--what", "largest_exponent,nonsense"], "unknown name 'nonsense'"),
        (["henon", "--what", ","], "names no invariant"),
        (["henon", "--target-error", 0], "--target-error 0: must be a positive number"),
        (["henon", "--target-error", "nan"], "--target-error nan: must be a positive number"),
        (["henon", "--duration", -5], "--duration -5: must be a positive number"),
        (["henon", "--duration", 5, "--target-error", 1], "were both given"),
        (["henon", "--seed", -1], "--seed -1: a seed is a whole number, not negative"),
        (["henon", "--dt", 0.1], "--dt was given, but henon is no CSV file"),
        (["henon", "--set", "a=x"], "--set a=x: not NAME=NUMBER"),
        (["nowhere.zarr"], "nowhere.zarr: no store here"),
        (["nowhere.csv"], "nowhere.csv: no such file"),
    ],
)
def test_a_mistake_is_found_before_anything_is_measured(cli: Cli, words: list[Any], said: str) -> None:
    ran = cli("invariants", *words)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("chaosbench: ")
    assert said in ran.err


def csv(folder: Path, text: str) -> Path:
    path = folder / "data.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y\n1,2\n\n3,4\n", "line 3, column 'x' is empty"),
        ("x,y\n1,2\n2,\n3,4\n", "line 3, column 'y' is empty"),
        ("x,y\n1,2\n2,nan\n", "line 3, column 'y' holds 'nan'"),
        ("x,y\n1,2\n2,inf\n", "line 3, column 'y' holds 'inf'"),
        ("x,y\n1,2\n2,three\n", "line 3, column 'y' holds 'three'"),
        ("x,y\n1,2\n2,3,4\n", "not readable as CSV"),
        ("1,2\n2,3\n", "line 1 must hold the names of the columns; it holds 1,2"),
        ("x,y\n", "there is a header but no sample below it"),
        ("", "not readable as CSV"),
        ("\n\n", "not readable as CSV"),
        ("t\n0\n1\n", "no column but 't'"),
        ("t,x\n0,1\n1,2\n3,3\n4,1\n", "column 't' is not evenly spaced: from line 3 to the next it steps by 2 instead of 1"),
        ("t,x\n1,1\n1,2\n1,3\n", "column 't' is not evenly spaced: it does not increase"),
        ("t,x\n1,1\n", "one sample; at least two are needed"),
    ],
)
def test_a_csv_with_gaps_or_uneven_times_is_refused_by_line(cli: Cli, tmp_path: Path, text: str, said: str) -> None:
    path = csv(tmp_path, text)
    ran = cli("invariants", path)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"chaosbench: {path}: ")
    assert said in ran.err


def test_a_csv_may_have_a_time_column_spaces_and_empty_lines_at_its_end(tmp_path: Path) -> None:
    samples: Any = read_subject(str(csv(tmp_path, "x, Time ,y\n1, 0.0, 2\n3, 0.5, 4\n5, 1.0, 6e0\n\n\n")), {}, None)
    assert samples.states.tolist() == [[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]]
    assert (samples.dt, samples.components) == (0.5, ("x", "y"))
    assert read_subject(str(csv(tmp_path, "x\n1\n2\n")), {}, 0.25).dt == 0.25  # type: ignore[union-attr]
    assert read_subject(str(csv(tmp_path, "x\n1\n2\n")), {}, None).dt == 1.0  # type: ignore[union-attr]


def test_data_have_no_parameters_and_no_equations(cli: Cli, tmp_path: Path) -> None:
    path = csv(tmp_path, "x\n1\n2\n3\n")
    assert "parameters belong to systems" in cli("invariants", path, "--set", "a=1").err
    ran = cli("invariants", path, "--what", "lyapunov_spectrum")
    assert (ran.code, ran.out) == (1, "")
    assert f"lyapunov_spectrum needs equations: the name of a system or a definition file; {path} is data" in ran.err


def test_a_store_and_the_same_numbers_as_csv_give_the_same_estimate(cli: Cli, tmp_path: Path) -> None:
    store = tmp_path / "henon.zarr"
    assert cli("generate", "henon", "-n", 1, "--samples", 3000, "--seed", 2, "-o", store).code == 0
    states = simulate(system("henon"), n_trajectories=1, n_samples=3000, seed=2)["state"].values[0]
    path = csv(tmp_path, "x,y\n" + "\n".join(f"{x!r},{y!r}" for x, y in states.tolist()) + "\n")
    words = ("--what", "correlation_dimension", "--target-error", 0.2, "--json")
    one, other = (json.loads(cli("invariants", subject, *words).out) for subject in (store, path))
    assert one["parameters"] == other["parameters"] == {}
    assert one["estimates"]["correlation_dimension"]["value"] == other["estimates"]["correlation_dimension"]["value"]
    assert abs(one["estimates"]["correlation_dimension"]["value"] - 1.22) < 0.2


def test_a_store_knows_which_components_are_angles(cli: Cli, tmp_path: Path) -> None:
    store = tmp_path / "standard.zarr"
    assert cli("generate", "standard", "-n", 1, "--samples", 10, "-o", store).code == 0
    samples: Any = read_subject(str(store), {}, None)
    assert np.array_equal(samples.periods, system("standard").periods, equal_nan=True)
