"""Datasets of trajectories: layout, seeds, transients, level sets, angles, delays, failures."""

import numpy as np
import pytest
import xarray as xr

from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.errors import DatasetError, DefinitionError
from chaosbench.initial import draw_initial
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState
from chaosbench.requests import with_step
from chaosbench.settling import on_attractor
from chaosbench.timescale import dominant_period, embed_angles, estimate_period, middle_period
from chaosbench.trajectories import simulate

OSCILLATOR = {"x": "y", "y": "-x"}


def test_a_dataset_has_the_declared_layout() -> None:
    dataset = simulate(system("lorenz63"), n_trajectories=2, n_samples=50, seed=3, dt=0.02)
    assert dataset["state"].dims == ("trajectory", "time", "component")
    assert dataset["state"].shape == (2, 50, 3)
    assert list(dataset["component"].values) == ["x", "y", "z"]
    assert list(dataset["parameter"].values) == ["sigma", "rho", "beta"]
    assert dataset["state"].dtype == np.float64
    np.testing.assert_array_equal(dataset["initial"].values, dataset["state"].values[:, 0])
    np.testing.assert_allclose(np.diff(dataset["time"].values), 0.02, rtol=1e-12)
    assert not dataset["status"].values.any()
    assert np.isnan(dataset["trust_horizon"].values).all()


def test_a_trajectory_depends_on_its_number_alone() -> None:
    together = simulate(system("rossler"), n_trajectories=4, n_samples=20, seed=1, dt=0.1, threads=2)
    alone = simulate(system("rossler"), n_trajectories=1, n_samples=20, seed=1, dt=0.1, threads=1, first=2)
    np.testing.assert_array_equal(together["state"].values[2], alone["state"].values[0])
    assert alone["trajectory"].values.tolist() == [2]


def test_another_seed_gives_other_trajectories() -> None:
    first, second = (simulate(system("rossler"), n_trajectories=1, n_samples=5, seed=seed, dt=0.1)["state"].values for seed in (0, 1))
    assert np.abs(first - second).max() > 1e-3


def test_the_transient_is_gone_and_the_mean_balance_holds() -> None:
    # On the Lorenz attractor <z> = rho - 1 - <d/dt ln x> and <x y> = beta <z> for long averages
    states = simulate(system("lorenz63"), n_trajectories=8, n_samples=20_000, seed=0, dt=0.02)["state"].values.reshape(-1, 3)
    assert np.mean(states[:, 0] * states[:, 1]) == pytest.approx(8 / 3 * states[:, 2].mean(), rel=2e-3)


def test_conservative_systems_start_on_their_level_set() -> None:
    definition = system("henon_heiles")
    dataset = simulate(definition, n_trajectories=3, n_samples=200, seed=5)
    x, y, p, q = np.moveaxis(dataset["state"].values, 2, 0)
    energy = (p**2 + q**2) / 2 + (x**2 + y**2) / 2 + x**2 * y - y**3 / 3
    np.testing.assert_allclose(energy[:, 0], 1 / 8, atol=1e-14)
    np.testing.assert_allclose(energy, 1 / 8, atol=1e-8)


def test_angles_are_stored_wrapped() -> None:
    for name in ("standard", "double_pendulum"):
        definition = system(name)
        states = simulate(definition, n_trajectories=2, n_samples=500, seed=0)["state"].values
        for index in np.flatnonzero(~np.isnan(definition.periods)):
            assert states[:, :, index].min() >= 0
            assert states[:, :, index].max() < definition.periods[index]


def test_a_certified_trajectory_that_ends_early_is_trusted_up_to_there_at_most() -> None:
    runaway = system_from({"x": "x*x"}, initial={"centre": [1.0], "spread": 0.0}, name="runaway")
    dataset = simulate(runaway, n_trajectories=1, n_samples=30, seed=0, dt=0.1, transient=0.0, certify=True)
    assert dataset["status"].values[0] != 0
    assert dataset["trust_horizon"].values[0] < 1.0  # x = 1/(1 - t)


def test_an_angle_just_below_zero_is_stored_as_zero() -> None:
    creeping = system_from({"x": "0*x - 1e-18"}, initial={"points": [[0.0]]}, state={"x": {"meaning": "angle", "period": "2*pi"}}, name="creeping")
    states = simulate(creeping, n_trajectories=1, n_samples=3, seed=0, dt=0.1, transient=0.0)["state"].values
    assert (states < 2 * np.pi).all()


def test_delay_datasets_carry_their_history() -> None:
    dataset = simulate(system("mackey_glass"), n_trajectories=2, n_samples=30, seed=0)
    assert dataset["history"].dims == ("trajectory", "lag", "component")
    assert dataset["lag"].values[0] == system("mackey_glass").parameter_values[system("mackey_glass").parameter_names.index("tau")]
    assert dataset["lag"].values[-1] == 0
    np.testing.assert_array_equal(dataset["history"].values[:, -1], dataset["initial"].values)


def test_parameters_may_differ_between_trajectories() -> None:
    rho = np.array([0.5, 28.0])
    states = simulate(system("lorenz63"), n_trajectories=2, n_samples=10, seed=0, dt=0.02, parameters={"rho": rho})["state"].values
    assert np.abs(states[0]).max() < 1e-6  # below rho = 1 the origin attracts everything
    assert np.abs(states[1]).max() > 1


def test_certified_trajectories_say_how_long_they_can_be_believed() -> None:
    dataset = simulate(system("lorenz63"), n_trajectories=3, n_samples=3000, seed=0, dt=0.02, rtol=1e-12, atol=1e-14, certify=True)
    # two methods at 1e-12 separate by 1 % of a standard deviation after about ln(1e10) / 0.9 = 25 time units
    assert (dataset["trust_horizon"].values > 15).all()
    assert (dataset["trust_horizon"].values < 45).all()


def test_a_parameter_set_that_escapes_is_refused_after_redraws() -> None:
    runaway = system_from({"x": "x*x"}, initial={"centre": [1.0], "spread": 0.1}, name="runaway")
    with pytest.raises(DatasetError, match="left the attractor in 50 draws"):
        simulate(runaway, n_trajectories=1, n_samples=5, seed=0, dt=0.1, transient=10.0)


def test_a_step_that_is_too_long_is_named_where_every_draw_grows_beyond_bounds() -> None:
    """Dispersion turns every wave, so that the method is stable for short steps alone."""
    field = system("korteweg_de_vries")
    with pytest.raises(DatasetError, match=r"step = 4 may be too long for etdrk4 to be stable, so give a smaller step"):
        simulate(field, n_trajectories=1, n_samples=2, seed=0, dt=8.0, transient=400.0, integrator=with_step("etdrk4", 4.0))
    runaway = system_from({"x": "x*x"}, initial={"centre": [1.0], "spread": 0.1}, name="runaway")
    with pytest.raises(DatasetError, match=r"\[initial\]; narrow the initial rule"):
        simulate(runaway, n_trajectories=1, n_samples=5, seed=0, dt=0.1, transient=10.0)


def test_rejected_draws_are_counted_and_replaced() -> None:
    half = system_from({"x": "where(x > 0, x*x, -x)"}, initial={"centre": [0.0], "spread": 1.0}, name="half")
    dataset = simulate(half, n_trajectories=16, n_samples=2, seed=0, dt=0.1, transient=50.0)
    assert dataset["rejected_draws"].values.sum() > 0
    assert np.abs(dataset["state"].values).max() < 1e-9  # only draws left of 0 stay; they decay to it


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_samples": 0}, "n_samples = 0: must be a whole number, at least 1"),
        ({"n_trajectories": 1.5}, "n_trajectories = 1.5"),
        ({"dt": -0.1}, "dt = -0.1: must be finite and positive"),
        ({"dt": np.nan}, "dt = nan"),
        ({"transient": -1.0}, "transient = -1.0: must be finite and not negative"),
        ({"parameters": {"rho": np.ones(3)}}, r"parameters\['rho'\]: shape \(3,\) given"),
        ({"parameters": {"rhoo": np.ones(1)}}, "unknown name 'rhoo'; did you mean 'rho'"),
    ],
)
def test_impossible_requests_name_value_and_rule(change: dict, message: str) -> None:
    arguments = {"n_trajectories": 1, "n_samples": 10, "seed": 0} | change
    with pytest.raises((DatasetError, DefinitionError), match=message):
        simulate(system("lorenz63"), **arguments)


def test_the_dominant_period_of_a_sine_is_its_period() -> None:
    time = 0.01 * np.arange(8000)
    columns = np.stack([np.sin(2 * np.pi * time / 1.7), 5 + np.cos(2 * np.pi * time / 0.4), np.ones_like(time)], axis=1)
    found = dominant_period(columns, 0.01)
    np.testing.assert_allclose(found[:2], [1.7, 0.4], rtol=0.02)
    assert np.isnan(found[2])


def test_the_period_of_an_oscillator_is_found_without_knowing_it() -> None:
    for frequency in (0.01, 1.0, 100.0):
        oscillator = system_from({"x": f"{frequency}*y", "y": f"-{frequency}*x"}, initial={"centre": [1.0, 0.0], "spread": 0.0}, name="oscillator")
        assert estimate_period(compile_system(oscillator)) == pytest.approx(2 * np.pi / frequency, rel=0.03)


def test_angles_become_cosine_and_sine_in_place() -> None:
    states = np.array([[[1.0, 0.25, 7.0]]])
    embedded = embed_angles(states, np.array([np.nan, 1.0, np.nan]))
    np.testing.assert_allclose(embedded, [[[1.0, 0.0, 1.0, 7.0]]], atol=1e-15)


def test_draws_do_not_depend_on_how_many_are_made() -> None:
    compiled = compile_system(system("rossler"))
    many = draw_initial(compiled, seed=7, n=5)
    one = draw_initial(compiled, seed=7, n=1, first=3)
    np.testing.assert_array_equal(many.states[3], one.states[0])


def test_settled_states_of_two_purposes_differ() -> None:
    compiled = compile_system(system("henon"))
    training, windows = (on_attractor(compiled, n=3, seed=0, purpose=purpose).states for purpose in ("training", "windows"))
    assert np.abs(training - windows).max() > 1e-3


def test_a_dataset_is_xarray() -> None:
    assert isinstance(simulate(system("henon"), n_trajectories=1, n_samples=4, seed=0), xr.Dataset)


@pytest.mark.parametrize("name", ["lorenz63", "henon", "mackey_glass"])
def test_what_follows_an_anchor_is_a_trajectory_of_its_own(name: str) -> None:
    """The samples up to the anchor are those without one; what follows starts in the stored state and is believed from there on."""
    definition, settings = system(name), {"n_trajectories": 2, "seed": 4, "transient": 50.0}
    whole = simulate(definition, n_samples=261, certify=True, anchor=200, **settings)
    head = simulate(definition, n_samples=201, **settings)
    np.testing.assert_array_equal(whole["state"].values[:, :201], head["state"].values)
    reach = whole["time"].values[260] - whole["time"].values[200]
    assert (whole["trust_horizon"].values > 0.9 * reach).all()  # a map in doubles is lost after some 50 to 90 iterations
    if definition.kind != "delays":  # whose past is more than a state
        compiled = compile_system(definition)
        after = choose(compiled).integrator.solve(compiled, InitialState(whole["state"].values[:, 200]), whole["time"].values[200:])
        np.testing.assert_array_equal(whole["state"].values[:, 200:], after.states)


def test_an_anchor_is_a_sample() -> None:
    with pytest.raises(DatasetError, match="anchor = 5: must be the number of a sample, 0 to 4"):
        simulate(system("henon"), n_trajectories=1, n_samples=5, seed=1, anchor=5)


def test_the_period_of_a_system_is_one_that_a_component_has():
    assert middle_period(np.array([7.0, 14.0, np.nan])) == 14.0
    assert middle_period(np.array([3.0, 1.0, 2.0])) == 2.0
    assert np.isnan(middle_period(np.array([np.nan])))
