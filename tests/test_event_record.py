"""The events of hybrid systems in datasets and stores."""

import json

import numpy as np
import pytest
import xarray as xr

from chaosbench import store
from chaosbench.dynamics.reader import system
from chaosbench.event_record import trajectories_of
from chaosbench.trajectories import simulate


@pytest.fixture(scope="module")
def dataset() -> xr.Dataset:
    return simulate(system("sinai_billiard"), n_trajectories=5, n_samples=40, seed=3, dt=0.25)


def test_events_are_a_ragged_array_ordered_by_trajectory_and_time(dataset):
    ends = np.cumsum(dataset["row_size"].values)
    assert ends[-1] == dataset.sizes["event"]
    assert list(dataset["event_name"].values) == ["collision"]
    assert dataset["row_size"].attrs["sample_dimension"] == "event"
    for times in np.split(dataset["event_time"].values, ends[:-1]):
        assert (np.diff(times) > 0).all()
        assert times[0] >= 0.0
        assert times[-1] <= 39 * 0.25
    x, y = dataset["event_state"].values[:, :2].T
    assert ((x >= 0) & (x < 1)).all()
    assert (x - 0.5) ** 2 + (y - 0.5) ** 2 == pytest.approx(0.16, abs=1e-13)


def test_a_trajectory_and_its_events_do_not_depend_on_how_many_are_made(dataset):
    alone = simulate(system("sinai_billiard"), n_trajectories=1, n_samples=40, seed=3, dt=0.25, first=3)
    part = trajectories_of(dataset, 3, 1)
    for name in ("state", "event_time", "event_state", "row_size"):
        assert np.array_equal(part[name].values, alone[name].values), name


def test_events_before_and_after_an_anchor_are_all_there(dataset):
    anchored = simulate(system("sinai_billiard"), n_trajectories=5, n_samples=40, seed=3, dt=0.25, anchor=4)
    assert np.array_equal(anchored["row_size"].values[:2], dataset["row_size"].values[:2])
    early = dataset["event_time"].values < 3.0
    assert np.abs(anchored["event_time"].values - dataset["event_time"].values)[early].max() < 1e-6


@pytest.mark.parametrize("block", [1, 2, 5])
def test_a_store_gives_the_events_back_whatever_its_blocks(dataset, block, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "block_length", lambda samples, dimension: block)
    monkeypatch.setattr(store, "CHUNK", 16)
    store.write(dataset, tmp_path / "events")
    again = store.open_dataset(tmp_path / "events")
    for name in ("event_time", "event_kind", "event_state", "row_size", "event_name"):
        assert np.array_equal(again[name].values, dataset[name].values), name


def test_an_interrupted_store_continues_behind_the_events_that_are_there(dataset, tmp_path):
    recipe = json.loads(dataset.attrs["chaosbench"])["recipe_sha256"]
    made: list[int] = []

    def make(start: int, count: int) -> xr.Dataset:
        if start == 2 and 2 not in made:
            made.append(start)
            raise KeyboardInterrupt
        made.append(start)
        return trajectories_of(dataset, start, count)

    with pytest.raises(KeyboardInterrupt):
        store.write_blocks(make, tmp_path / "events", n_trajectories=5, block=2, recipe=recipe)
    store.write_blocks(make, tmp_path / "events", n_trajectories=5, block=2, recipe=recipe)
    assert made == [0, 2, 2, 4]
    assert np.array_equal(store.open_dataset(tmp_path / "events")["event_time"].values, dataset["event_time"].values)


def test_a_run_without_events_is_stored_too(tmp_path):
    quiet = simulate(system("sinai_billiard"), n_trajectories=2, n_samples=2, seed=0, dt=1e-6)
    assert quiet.sizes["event"] == 0
    store.write(quiet, tmp_path / "quiet")
    assert store.open_dataset(tmp_path / "quiet").sizes["event"] == 0


def test_a_trust_horizon_by_the_second_method():
    certified = simulate(system("sinai_billiard"), n_trajectories=2, n_samples=100, seed=0, dt=0.25, certify=True)
    assert (certified["trust_horizon"].values > 2.0).all()  # five Lyapunov times
    assert (certified["trust_horizon"].values < 20.0).all()
