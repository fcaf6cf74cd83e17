"""Dissipative flows against exponents and means that another program computed, each with the standard error it has there."""

import numpy as np
import pytest

from chaosbench.atlas import facts_of
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.facts import Facts
from chaosbench.invariants._kaplan_yorke import kaplan_yorke
from chaosbench.invariants.base import Estimate
from chaosbench.invariants.largest_exponent import LargestExponent
from chaosbench.invariants.lyapunov_spectrum import LyapunovSpectrum
from chaosbench.trajectories import simulate


def shipped(name: str) -> Facts:
    """The measured facts that come with the package."""
    return facts_of(system(name))


def assert_agree(value: np.ndarray, error: np.ndarray, reference: list[float], its_error: list[float]) -> None:
    """Within four standard errors of the difference of two averages."""
    assert (np.abs(value - reference) <= 4.0 * np.hypot(error, its_error)).all(), f"{value} +- {error}, there {reference} +- {its_error}"


def positive(spectrum: np.ndarray) -> int:
    """How many exponents are above the one that is 0 along a flow."""
    return int(np.argmin(np.abs(spectrum)))


def spectrum_of(name: str, parameters: dict[str, float], duration: float) -> Estimate:
    return LyapunovSpectrum().estimate(compile_system(system(name).with_parameters(parameters)), seed=1, duration=duration)


def test_forty_cells_of_lorenz_1996() -> None:
    """1.695(5), 13 positive exponents with the sum 10.24, dimension 27.10(3)."""
    facts = shipped("lorenz96")
    spectrum, error = np.array(facts.lyapunov_spectrum.value), np.array(facts.lyapunov_spectrum.standard_error)
    assert_agree(spectrum[:1], error[:1], [1.695], [0.005])
    assert positive(spectrum) == 13
    assert facts.entropy_bound is not None
    assert facts.kaplan_yorke_dimension is not None
    assert facts.entropy_bound.value == pytest.approx(10.24, abs=4.0 * facts.entropy_bound.standard_error)
    assert facts.kaplan_yorke_dimension.value == pytest.approx(27.10, abs=4.0 * np.hypot(facts.kaplan_yorke_dimension.standard_error, 0.03))


def test_the_mean_of_forty_cells_of_lorenz_1996() -> None:
    """2.3456 there; F times it is the mean square, exactly: the average of d(x^2)/dt = 0."""
    states = simulate(system("lorenz96"), n_trajectories=16, n_samples=1500, seed=2, dt=0.6, transient=20.0)["state"].values
    means, squares = states.mean(axis=(1, 2)), (states**2).mean(axis=(1, 2))
    error = means.std(ddof=1) / np.sqrt(len(means))
    assert error <= 0.004
    assert means.mean() == pytest.approx(2.3456, abs=4.0 * error)
    budget = 8.0 * means - squares
    assert abs(budget.mean()) <= 5.0 * budget.std(ddof=1) / np.sqrt(len(budget))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "largest", "its_error", "count", "dimension"),
    [({"F": 10.0}, 2.312, 0.008, 14, 29.49), ({"N": 36}, 1.674, 0.007, 11, 24.36)],
)
def test_lorenz_1996_at_another_forcing_and_size(
    parameters: dict[str, float], largest: float, its_error: float, count: int, dimension: float
) -> None:
    """The dimensions have no errors there: five of a hundredth, as forty cells have 0.03, are allowed."""
    found = spectrum_of("lorenz96", parameters, 12_000.0)
    spectrum = np.asarray(found.value)
    assert found.standard_error[0] <= 0.01
    assert_agree(spectrum[:1], found.standard_error[:1], [largest], [its_error])
    assert positive(spectrum) == count
    assert kaplan_yorke(spectrum)[0] == pytest.approx(dimension, abs=0.05)


@pytest.mark.slow
def test_five_cells_of_lorenz_1996() -> None:
    """0.452(9), 0, -0.521, -1.300, -3.631: 0.472(2) here, 2.2 of its standard errors above; the last three get the error of the first."""
    found = spectrum_of("lorenz96", {"N": 5}, 200_000.0)
    assert (found.standard_error <= 0.009).all()
    assert_agree(np.asarray(found.value), found.standard_error, [0.452, 0.0, -0.521, -1.300, -3.631], [0.009, 0.0005, 0.009, 0.009, 0.009])
    assert np.sum(found.value) == pytest.approx(-5.0, abs=1e-6)


@pytest.mark.slow
def test_two_scales_of_lorenz_1996_with_36_cells() -> None:
    """The largest exponent, that of the fast scale, 9.5(3) there, and the mean of the slow variables 2.64 without an error."""
    definition = system("lorenz96_two_scale").with_parameters({"N": 36})
    found = LargestExponent().estimate(compile_system(definition), seed=1, duration=200.0)
    assert found.standard_error <= 0.3
    assert abs(found.value - 9.5) <= max(0.3, 4.0 * found.standard_error)
    states = simulate(definition, n_trajectories=16, n_samples=300, seed=2, dt=0.1, transient=10.0)["state"].values
    slow = states[:, :, :36].mean(axis=(1, 2))
    error = slow.std(ddof=1) / np.sqrt(len(slow))
    assert error <= 0.03
    assert slow.mean() == pytest.approx(2.64, abs=4.0 * error)


def test_chuas_circuit() -> None:
    """0.329(3), 0, -2.542(9); the dimension, 2.129, is 2 plus their ratio, whose error is 0.0013."""
    facts = shipped("chua")
    spectrum, error = (np.array(values) for values in (facts.lyapunov_spectrum.value, facts.lyapunov_spectrum.standard_error))
    assert_agree(spectrum, error, [0.329, 0.0, -2.542], [0.003, 0.0, 0.009])
    assert facts.kaplan_yorke_dimension is not None
    assert facts.kaplan_yorke_dimension.value == pytest.approx(2.129, abs=0.0013 * 4.0)


@pytest.mark.slow
def test_chuas_circuit_at_its_other_parameters() -> None:
    """0.425(5), 0, -4.222(7), and 2.101 with the error 0.0012 of the ratio."""
    found = LyapunovSpectrum().estimate(compile_system(system("chua").variant("fast")), seed=1, duration=60_000.0)
    assert (found.standard_error <= [0.005, 0.001, 0.007]).all()
    assert_agree(np.asarray(found.value), found.standard_error, [0.425, 0.0, -4.222], [0.005, 0.0, 0.007])
    assert kaplan_yorke(np.asarray(found.value))[0] == pytest.approx(2.101, abs=0.0012 * 4.0)
