"""`generate` and `dataset verify`: what they make, and what they refuse without leaving anything behind."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from chaosbench.dynamics.reader import system
from chaosbench.seals import ROOT
from chaosbench.trajectories import simulate

Cli = Callable[..., Any]


@pytest.fixture
def store(cli: Cli, tmp_path: Path) -> Path:
    path = tmp_path / "henon.zarr"
    assert cli("generate", "henon", "-n", 3, "--samples", 50, "--seed", 7, "-o", path).code == 0
    return path


def edit(store: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the store's own `chaosbench` attribute."""
    metadata = json.loads((store / ROOT).read_text())
    provenance = json.loads(metadata["attributes"]["chaosbench"])
    change(provenance)
    metadata["attributes"]["chaosbench"] = json.dumps(provenance)
    (store / ROOT).write_text(json.dumps(metadata))


def test_the_store_holds_what_simulate_returns_and_opens_with_plain_xarray(store: Path) -> None:
    wanted = simulate(system("henon"), n_trajectories=3, n_samples=50, seed=7)
    with xr.open_zarr(store, consolidated=False) as found:
        assert found["state"].dims == ("trajectory", "time", "component")
        assert np.array_equal(found["state"].values, wanted["state"].values)
        assert json.loads(found.attrs["chaosbench"])["recipe"]["seed"] == 7


def test_a_few_short_trajectories_take_little_room(store: Path) -> None:
    assert sum(path.stat().st_size for path in store.rglob("*") if path.is_file()) < 100_000  # 3 x 50 x 2 numbers are 2.4 kB


def test_json_says_what_was_made_and_progress_stays_off_stdout(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI")
    ran = cli("generate", "logistic", "-n", 2, "--samples", 10, "--seed", 1, "-o", tmp_path / "a.zarr", "--json")
    made = json.loads(ran.out)
    assert "generate logistic: 100 % 2 of 2 trajectories" in ran.err
    assert (made["system"], made["trajectories"], made["samples"], made["seed"]) == ("logistic", 2, 10, 1)
    assert (made["dt"], made["transient"], made["integrator"]) == (1.0, 1000.0, "iteration")
    again = json.loads(cli("generate", "logistic", "-n", 2, "--samples", 10, "--seed", 1, "-o", tmp_path / "b.zarr", "--json").out)
    assert again["content_sha256"] == made["content_sha256"]
    other = json.loads(cli("generate", "logistic", "-n", 2, "--samples", 10, "--seed", 2, "-o", tmp_path / "c.zarr", "--json").out)
    assert other["content_sha256"] != made["content_sha256"]


def test_parameters_and_sampling_reach_the_numbers(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "l.zarr"
    words = ["--set", "rho=30", "--dt", 0.02, "--transient", 1, "--rtol", 1e-8, "--atol", 1e-10, "--certify", "--threads", 1]
    assert cli("generate", "lorenz63", "-n", 1, "--samples", 20, "--seed", 3, "-o", path, *words).code == 0
    wanted = simulate(
        system("lorenz63", {"rho": 30.0}), n_trajectories=1, n_samples=20, seed=3, dt=0.02, transient=1.0, rtol=1e-8, atol=1e-10, certify=True
    )
    with xr.open_zarr(path, consolidated=False) as found:
        for name in ("state", "trust_horizon", "parameters"):
            assert np.array_equal(found[name].values, wanted[name].values)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["henonn"], "unknown system 'henonn'; did you mean 'henon'?"),
        (["henon", "--samples", 0], "n_samples = 0: must be a whole number, at least 1"),
        (["henon", "-n", 0], "n_trajectories = 0: must be a whole number, at least 1"),
        (["henon", "-n", -2], "n_trajectories = -2"),
        (["henon", "--seed", -1], "seed = -1: must be a whole number, at least 0"),
        (["henon", "--dt", 0.5], "a map is sampled once an iteration"),
        (["lorenz63", "--dt", -0.1], "dt = -0.1: must be finite and positive"),
        (["lorenz63", "--dt", "nan"], "dt = nan: must be finite and positive"),
        (["lorenz63", "--transient", -1], "transient = -1.0: must be finite and not negative"),
        (["lorenz63", "--rtol", 0], "rtol = 0.0: must be finite and positive"),
        (["henon", "--threads", 0], "threads"),
        (["henon", "--integrator", "iterations"], "did you mean 'iteration'?"),
        (["henon", "--integrator", "tsit5"], "henon is of kind maps"),
        (["henon", "--set", "b=3"], "left the attractor in 50 draws"),
        (["henon", "--set", "b"], "--set b: not NAME=NUMBER"),
        (["lorenz96", "--set", "N=2"], "N = 2 is too small"),
        (["lorenz96", "--set", "N=10.5"], "N = 10.5 is not allowed"),
        (["henon", "--samples", 10**13], "not enough memory"),
    ],
)
def test_an_impossible_request_is_one_line_and_leaves_nothing_behind(cli: Cli, tmp_path: Path, words: list[Any], said: str) -> None:
    ran = cli("generate", *words, "-o", tmp_path / "x.zarr")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("chaosbench: ")
    assert ran.err.count("\n") == 1
    assert said in ran.err
    assert list(tmp_path.iterdir()) == []


def test_an_existing_path_and_a_missing_folder_are_refused_and_nothing_is_lost(cli: Cli, store: Path) -> None:
    before = (store / ROOT).read_bytes()
    ran = cli("generate", "logistic", "-o", store)
    assert (ran.code, ran.err) == (1, f"chaosbench: {store}: exists already; stores are never overwritten. Choose another path or delete it\n")
    assert (store / ROOT).read_bytes() == before
    assert cli("dataset", "verify", store).code == 0
    ran = cli("generate", "logistic", "-o", store.parent / "no" / "such" / "x.zarr")
    assert ran.code == 1
    assert f"the folder {store.parent / 'no' / 'such'} does not exist; make it first" in ran.err


def test_verify_says_whole_and_gives_the_content_hash(cli: Cli, store: Path) -> None:
    ran = cli("dataset", "verify", store)
    assert ran.code == 0
    assert f"{store}: whole" in ran.out
    found = json.loads(cli("dataset", "verify", store, "--json").out)
    assert (found["whole"], found["problems"]) == (True, [])
    assert found["content_sha256"][:16] in ran.out


def _truncate(store: Path) -> None:
    (store / "state/c/0/0/0").write_bytes(b"short")


def _tamper(store: Path) -> None:
    path = store / "state/c/0/0/0"
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(bytes(data))


def _rewrite(store: Path) -> None:
    edit(store, lambda provenance: provenance["recipe"].update(seed=8))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_truncate, "state/c/0/0/0 is truncated: 5 bytes, 2400 were written"),
        (_tamper, "state/c/0/0/0 was changed: its SHA-256 differs from the sealed one"),
        (lambda store: (store / "initial/c/0/0").unlink(), "initial/c/0/0 is missing"),
        (lambda store: (store / "extra").touch(), "extra was added after the store was sealed; remove it"),
        (_rewrite, f"{ROOT} was changed after the store was sealed"),
        (lambda store: edit(store, lambda provenance: provenance.update(format=99)), "written in format 99, this version reads format 1"),
        (lambda store: edit(store, lambda provenance: provenance.pop("seal")), "the store was never finished"),
        (lambda store: (store / ROOT).write_text("{"), f"{ROOT} is damaged or not of a chaosbench store"),
        (lambda store: (store / ROOT).unlink(), f"no store here ({ROOT} is missing)"),
    ],
)
def test_a_damaged_store_is_named_by_verify_and_not_measured(cli: Cli, store: Path, damage: Callable[[Path], Any], said: str) -> None:
    damage(store)
    ran = cli("dataset", "verify", store)
    assert (ran.code, ran.out) == (1, "")
    assert f"{store}: {said}" in ran.err
    found = cli("dataset", "verify", store, "--json")
    assert found.code == 1
    assert json.loads(found.out)["whole"] is False
    assert said in " ".join(json.loads(found.out)["problems"])
    measured = cli("invariants", store)
    assert (measured.code, measured.out) == (1, "")
    assert said in measured.err


def test_a_disk_that_is_full_leaves_no_store_and_the_same_command_works_later(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "chaosbench", "generate", "henon", "-n", "30", "--samples", "1000", "-o", str(tmp_path / "x.zarr")]

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))  # the states are one file of 480 kB

    full = subprocess.run(words, preexec_fn=small_files, capture_output=True, text=True, check=False)
    assert full.returncode == 1, full.stderr
    assert f"chaosbench: {tmp_path / 'x.zarr'}: not written (" in full.stderr
    assert "Traceback" not in full.stderr
    assert list(tmp_path.iterdir()) == []
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0
