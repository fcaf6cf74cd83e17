"""Stores on disk: round trip, refusal to overwrite, resumption, and every way of being damaged."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import chaosbench.store as store_module
from chaosbench.dynamics.reader import system
from chaosbench.errors import StoreError
from chaosbench.generation import generate
from chaosbench.seals import ROOT, content_hash, problems, unsealed
from chaosbench.store import block_length, open_dataset, write
from chaosbench.trajectories import simulate


@pytest.fixture(scope="module")
def dataset() -> xr.Dataset:
    return simulate(system("lorenz63"), n_trajectories=5, n_samples=40, seed=0, dt=0.02)


def a_chunk(path: Path) -> Path:
    return next(found for found in sorted(path.rglob("*")) if found.is_file() and "state/c/" in found.as_posix())


def test_what_is_written_is_read_back_exactly(dataset: xr.Dataset, tmp_path: Path) -> None:
    content = write(dataset, tmp_path / "a.zarr")
    again = open_dataset(tmp_path / "a.zarr")
    for name in dataset.variables:
        np.testing.assert_array_equal(again[name].values, dataset[name].values)
    assert unsealed(json.loads(again.attrs["chaosbench"])) == json.loads(dataset.attrs["chaosbench"])
    assert content_hash(tmp_path / "a.zarr") == content
    assert content == write(again, tmp_path / "b.zarr")
    assert problems(tmp_path / "a.zarr") == []


def test_a_store_is_never_overwritten(dataset: xr.Dataset, tmp_path: Path) -> None:
    write(dataset, tmp_path / "a.zarr")
    with pytest.raises(StoreError, match="exists already; stores are never overwritten"):
        write(dataset, tmp_path / "a.zarr")


def test_a_missing_parent_folder_is_named(dataset: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist; make it first"):
        write(dataset, tmp_path / "nowhere" / "a.zarr")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def provenance(path: Path, change: Callable[[dict], object]) -> None:
    metadata = json.loads((path / ROOT).read_text())
    found = json.loads(metadata["attributes"]["chaosbench"])
    change(found)
    metadata["attributes"]["chaosbench"] = json.dumps(found)
    (path / ROOT).write_text(json.dumps(metadata))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: truncate(a_chunk(path)), r"state/c/0/0/0 is truncated: \d+ bytes, \d+ were written"),
        (lambda path: flip(a_chunk(path)), "state/c/0/0/0 was changed: its SHA-256 differs"),
        (lambda path: a_chunk(path).unlink(), "state/c/0/0/0 is missing"),
        (lambda path: (path / "extra").write_text("x"), "extra was added after the store was sealed"),
        (lambda path: (path / ROOT).unlink(), "no store here"),
        (lambda path: (path / ROOT).write_text("{"), "is damaged or not of a chaosbench store"),
        (lambda path: provenance(path, lambda found: found.pop("seal")), "was never finished"),
        (lambda path: provenance(path, lambda found: found.update(format=99)), "written in format 99, this version reads format 1"),
        (lambda path: provenance(path, lambda found: found["recipe"].update(seed=1)), "zarr.json was changed after the store was sealed"),
    ],
)
def test_damage_is_detected_and_named(dataset: xr.Dataset, tmp_path: Path, damage, message: str) -> None:
    write(dataset, tmp_path / "a.zarr")
    damage(tmp_path / "a.zarr")
    with pytest.raises(StoreError, match=message):
        open_dataset(tmp_path / "a.zarr")


def test_an_absent_store_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store here"):
        open_dataset(tmp_path / "absent.zarr")


def test_a_full_disk_leaves_nothing_and_says_so(dataset: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_module, "_write_block", full)
    with pytest.raises(StoreError, match=r"the disk is full.*nothing stands there"):
        write(dataset, tmp_path / "a.zarr")
    assert not (tmp_path / "a.zarr").exists()


def test_generation_is_simulation_written_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "CHUNK_BYTES", 2 * 40 * 3 * 8)
    assert block_length(40, 3) == 2
    generate(system("lorenz63"), tmp_path / "a.zarr", n_trajectories=5, n_samples=40, seed=0, dt=0.02)
    whole = simulate(system("lorenz63"), n_trajectories=5, n_samples=40, seed=0, dt=0.02)
    np.testing.assert_array_equal(open_dataset(tmp_path / "a.zarr")["state"].values, whole["state"].values)


def test_an_interrupted_generation_continues_and_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "CHUNK_BYTES", 40 * 3 * 8)
    arguments = {"n_trajectories": 4, "n_samples": 40, "seed": 0, "dt": 0.02}
    reference = generate(system("lorenz63"), tmp_path / "reference.zarr", **arguments)
    done: list[int] = []

    def interrupt_after_two(finished: int, total: int) -> None:
        done.append(finished)
        if finished == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(system("lorenz63"), tmp_path / "a.zarr", progress=interrupt_after_two, **arguments)
    assert not (tmp_path / "a.zarr").exists()
    made: list[int] = []
    real = store_module._write_block
    monkeypatch.setattr(store_module, "_write_block", lambda folder, block, start: (made.append(start), real(folder, block, start))[1])
    assert generate(system("lorenz63"), tmp_path / "a.zarr", **arguments) == reference
    assert made == [2, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zarr", "reference.zarr"]


def test_an_unfinished_run_of_another_recipe_is_not_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "CHUNK_BYTES", 40 * 3 * 8)

    def interrupt(finished: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(system("lorenz63"), tmp_path / "a.zarr", n_trajectories=2, n_samples=40, seed=0, dt=0.02, progress=interrupt)
    content = generate(system("lorenz63"), tmp_path / "a.zarr", n_trajectories=2, n_samples=40, seed=9, dt=0.02)
    assert content == generate(system("lorenz63"), tmp_path / "b.zarr", n_trajectories=2, n_samples=40, seed=9, dt=0.02)
