"""What every system of fields in the catalogue must satisfy, exactly, at random states: nothing here integrates anything."""

from functools import cache

import numpy as np
import pytest
from scipy import stats

from chaosbench.catalogue import system_files
from chaosbench.dynamics.compile import FieldSystem, compile_system
from chaosbench.dynamics.field_numpy import FieldQuantity, to_spectrum, to_states
from chaosbench.dynamics.reader import read_definition
from chaosbench.expressions.tree import Expression, names_in
from chaosbench.initial import draw_initial
from chaosbench.randomness import generator
from chaosbench.timescale import pace
from chaosbench.trajectories import simulate

FIELDS = sorted(name for name, path in system_files().items() if path.parent.name == "fields")
every_field = pytest.mark.parametrize("name", FIELDS)


@cache
def system_of(name: str) -> FieldSystem:
    found = compile_system(read_definition(system_files()[name]))
    assert isinstance(found, FieldSystem)
    return found


@cache
def states_of(name: str) -> np.ndarray:
    return draw_initial(system_of(name), seed=1, n=2).states


def everywhere(system: FieldSystem, tree: Expression, states: np.ndarray) -> np.ndarray:
    """The expression on the grid, evaluated part by part as it is written: another way than the plan takes."""
    quantity = FieldQuantity(tree, system.equations.space, system.equations.names, "test")
    return np.broadcast_to(quantity.everywhere(states, system.parameter_values), (len(states), *system.shape[1:]))


@every_field
def test_the_plan_has_the_right_hand_side_that_is_written(name: str) -> None:
    """Drawn states have few modes, so polynomials of them fit on the grid and both ways agree to rounding."""
    system, states = system_of(name), states_of(name)
    written = np.stack([everywhere(system, system.definition.equations[field], states) for field in system.equations.names.fields], axis=1)
    if system.equations.space.complex:
        written = np.stack([written.real, written.imag], axis=2)
    plan, found = system.plan(), system.value(states)
    wanted = to_states(plan, to_spectrum(plan, written.reshape(len(states), -1)))
    for place, mean in enumerate(plan.held):  # the projection puts the mean itself where its rate, 0, belongs
        if mean is not None:
            wanted.reshape(len(states), plan.n_fields, -1)[:, place] -= mean
    scale = np.abs(plan.linear).max() * np.abs(states).max() + np.abs(found).max()
    assert np.abs(found - wanted).max() <= 1e-13 * scale


@every_field
def test_rates_and_tangents_have_no_mode_that_is_dropped_and_no_mean_that_is_held(name: str) -> None:
    system, states = system_of(name), states_of(name)
    plan, noise = system.plan(), generator(0, "contract", name).standard_normal((2, system.dimension))
    for change in (system.value(states + noise), system.tangent(states, noise)):
        moved = system.projected(states + change) - states
        assert np.abs(moved - change).max() <= 1e-12 * (np.abs(change).max() + np.abs(states).max())
    assert not plan.linear[..., ~plan.mask].any()
    assert not plan.constant[..., ~plan.mask].any()


@every_field
def test_the_tangent_is_the_derivative_of_the_right_hand_side(name: str) -> None:
    """By central differences along three random directions: error h**2 f''' / 6 and rounding / h, both below 1e-7 of the terms."""
    system, states = system_of(name), states_of(name)
    size = np.abs(states).max()
    for direction in generator(1, "contract", name).standard_normal((3, 1, system.dimension)):
        unit = np.repeat(size * system.projected(direction * size) / size, len(states), axis=0)
        step = 1e-5
        difference = (system.value(states + step * unit) - system.value(states - step * unit)) / (2 * step)
        found = system.tangent(states, unit)
        assert np.abs(found - difference).max() <= 1e-6 * np.abs(found).max()


@every_field
def test_declared_integrals_are_constant(name: str) -> None:
    """dI/dt by a five-point difference along the rate, exact for polynomials up to the fourth degree."""
    system, states = system_of(name), states_of(name)
    rates = system.value(states)
    step = 1e-2 * np.abs(states).max() / np.abs(rates).max()
    for integral, tree in (system.definition.integrals or {}).items():
        at = [system.quantity(tree).value(states + k * step * rates, system.parameter_values) for k in (-2, -1, 1, 2)]
        change = np.abs(8 * (at[2] - at[1]) - (at[3] - at[0])) / 12
        parts = system.quantity(tree).value(np.abs(states) + step * np.abs(rates), system.parameter_values)
        assert (change <= 1e-12 * (np.abs(at).max() + np.abs(parts))).all(), integral


@every_field
def test_equations_without_coordinates_commute_with_translations(name: str) -> None:
    system, states = system_of(name), states_of(name)
    used = frozenset().union(*(names_in(tree) for tree in system.definition.equations.values()))
    rates = system.value(states)
    for place, axis in enumerate(system.equations.space.axes):
        if axis.name not in used:
            moved, shifted = (np.roll(v.reshape(-1, *system.shape), 3, axis=-1 - place).reshape(len(v), -1) for v in (states, rates))
            assert np.abs(system.value(moved) - shifted).max() <= 1e-13 * np.abs(system.plan().linear).max() * np.abs(states).max() + 1e-12


@every_field
def test_parameters_of_one_trajectory_decide_its_rates_alone(name: str) -> None:
    system, states = system_of(name), states_of(name)
    rows = np.stack([system.parameter_values, 1.01 * system.parameter_values])
    assert np.array_equal(system.value(states, rows)[:1], system.value(states[:1]))


def balanced(large: bool) -> list[str]:
    return [name for name in FIELDS if system_of(name).definition.balances and (system_of(name).dimension > 1000) == large]


def assert_balanced(name: str) -> None:
    """The mean over 12 orbits is 0 (odds of a false alarm: one in a million), and its error small against the terms themselves."""
    system = system_of(name)
    time, together = 1.0 / pace(system), 1 if system.dimension > 1000 else 12
    means, spreads = [], []
    for first in range(0, 12, together):
        data = simulate(system.definition, n_trajectories=together, n_samples=400, seed=0, dt=2 * time, transient=200 * time, first=first)
        for states in data["state"].values.reshape(together, 400, -1):
            values = [system.quantity(tree).value(states, system.parameter_values) for tree in (system.definition.balances or {}).values()]
            means.append([part.mean() for part in values])
            spreads.append([part.std() for part in values])
    error = np.std(means, axis=0, ddof=1) / np.sqrt(12)
    assert (np.abs(np.mean(means, axis=0)) <= stats.t.ppf(1 - 5e-7, df=11) * error).all()
    assert (error <= 0.1 * np.mean(spreads, axis=0)).all()


@pytest.mark.parametrize("name", balanced(large=False))
def test_declared_balances_hold_over_simulated_data(name: str) -> None:
    assert_balanced(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", balanced(large=True))
def test_declared_balances_hold_over_simulated_data_of_large_fields(name: str) -> None:
    assert_balanced(name)
