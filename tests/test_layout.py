"""Datasets of fields: their grid as dimensions, on disk as in memory, and flattened again."""

import numpy as np
import pytest

from chaosbench.cli.field_picture import shades
from chaosbench.cli.subjects import read_subject
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.invariants.base import Samples
from chaosbench.layout import Sites, flat_states, sites_of
from chaosbench.store import open_dataset, write
from chaosbench.trajectories import simulate


def test_a_line_has_the_dimensions_field_and_x() -> None:
    data = simulate(system("kuramoto_sivashinsky"), n_trajectories=2, n_samples=3, seed=0, dt=0.5, transient=1.0)
    assert data["state"].dims == ("trajectory", "time", "field", "x")
    assert data["state"].shape == (2, 3, 1, 64)
    assert data["x"].values == pytest.approx(22 / 64 * np.arange(64))
    assert list(data["field"].values) == ["u"]


def test_a_complex_plane_is_two_fields_and_goes_to_disk_and_back(tmp_path) -> None:
    plane = system("complex_ginzburg_landau_2d").with_points({"x": 48, "y": 40}).with_parameters({"L": 10.0})
    data = simulate(plane, n_trajectories=2, n_samples=2, seed=0, dt=0.25, transient=0.0)
    assert data["state"].dims == ("trajectory", "time", "field", "y", "x")
    assert data["state"].shape == (2, 2, 2, 40, 48)
    assert list(data["field"].values) == ["A_re", "A_im"]
    assert np.array_equal(data["state"].values[:, 0], data["initial"].values)
    write(data, tmp_path / "plane.zarr")
    again = open_dataset(tmp_path / "plane.zarr")
    assert np.array_equal(again["state"].values, data["state"].values)
    states, names, periods = flat_states(again)
    assert names == compile_system(plane).components
    assert states.shape == (2, 2, 3840)
    assert np.isnan(periods).all()
    samples = read_subject(str(tmp_path / "plane.zarr"), {}, None)
    assert isinstance(samples, Samples)
    assert samples.states.shape == (2, 2, 3840)


def test_integrals_of_fields_are_followed() -> None:
    data = simulate(system("korteweg_de_vries"), n_trajectories=1, n_samples=5, seed=0, dt=0.2, integrator=None)
    drift = dict(zip(data["integral"].values, data["integral_drift"].values[0], strict=True))
    assert set(drift) == {"mass", "momentum", "energy"}
    assert max(drift.values()) < 1e-4
    assert drift["mass"] < 1e-13


def test_a_picture_in_shades_is_light_below_and_dark_above() -> None:
    assert shades(np.array([[0.0, 1.0], [np.nan, 0.5]]), columns=2, rows=2) == " █\n ▒"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lorenz96", Sites(1, (40,), periodic=True, homogeneous=True)),
        ("kuramoto_sivashinsky", Sites(1, (64,), periodic=True, homogeneous=True)),
        ("complex_ginzburg_landau", Sites(2, (192,), periodic=True, homogeneous=True)),
        ("kolmogorov_flow", Sites(1, (64, 64), periodic=True, homogeneous=False)),  # its force depends on y
        ("lorenz63", None),
        ("kuramoto", None),  # angles
    ],
)
def test_chains_and_grids_are_known_and_so_is_whether_their_sites_are_alike(name: str, expected: Sites | None) -> None:
    assert sites_of(compile_system(system(name))) == expected
