"""Averages and exponents of turbulent fields against those of another program."""

import numpy as np
import pytest

from chaosbench.atlas import facts_of
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.invariants._kaplan_yorke import kaplan_yorke
from chaosbench.invariants.lyapunov_spectrum import LyapunovSpectrum
from chaosbench.trajectories import simulate


def test_the_spectrum_of_kuramoto_sivashinsky_without_its_mean() -> None:
    """Length 22, the spatial mean held: with the mean free there is one more 0, and the dimension is 5.26."""
    facts = facts_of(system("kuramoto_sivashinsky"))
    found = np.array(facts.lyapunov_spectrum.value)
    assert found[:8] == pytest.approx([0.0478, 0.0, 0.0, -0.0024, -0.1887, -0.2563, -0.2899, -0.3096], abs=0.0015)
    assert facts.kaplan_yorke_dimension is not None
    assert facts.kaplan_yorke_dimension.value == pytest.approx(4.24, abs=0.03)


@pytest.mark.slow
def test_the_spectrum_of_kuramoto_sivashinsky_at_length_60() -> None:
    """0.0856(9) and five more positive exponents there; 13.57 with the mean free, which has one more exponent 0."""
    found = LyapunovSpectrum(n_exponents=16).estimate(compile_system(system("kuramoto_sivashinsky").variant("long")), seed=1, duration=100_000.0)
    wanted = [0.0856, 0.0683, 0.0518, 0.0388, 0.0234, 0.0100, 0.0, 0.0]
    assert (found.standard_error[:8] <= 0.001).all()
    assert (np.abs(found.value[:8] - wanted) <= 4.0 * np.hypot(found.standard_error[:8], 0.0009)).all()
    assert kaplan_yorke(np.asarray(found.value))[0] == pytest.approx(12.57, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "reference"), [(None, 1.405), ("longer", 1.667), ("long", 1.714), ("very_long", 1.733)])
def test_the_mean_square_of_kuramoto_sivashinsky_at_four_lengths(variant: str | None, reference: float) -> None:
    """References by another program, without errors: within four standard errors of eight orbits, which are half a per cent at most."""
    definition = system("kuramoto_sivashinsky")
    definition = definition if variant is None else definition.variant(variant)
    states = simulate(definition, n_trajectories=8, n_samples=1000, seed=3, dt=5.0, transient=500.0)["state"].values
    squares = (states**2).mean(axis=(1, 2, 3))
    error = squares.std(ddof=1) / np.sqrt(len(squares))
    assert error <= 0.005 * reference
    assert abs(squares.mean() - reference) <= 4.0 * error


@pytest.mark.slow
def test_dissipation_and_energy_of_kolmogorov_flow_at_reynolds_number_40() -> None:
    """In units of the laminar Re / (2 n^2) and Re^2 / (4 n^4): 0.095(5) and, without an error, 0.43 by another program."""
    definition = system("kolmogorov_flow")
    reynolds, n = (definition.scalars[name] for name in ("Re", "n"))
    assert (reynolds, n) == (40.0, 4.0)
    states = simulate(definition, n_trajectories=8, n_samples=200, seed=2, dt=3.0, transient=100.0)["state"].values
    dissipation = (states**2).mean(axis=(1, 2, 3, 4)) / reynolds / (reynolds / (2.0 * n**2))
    waves = np.fft.fftfreq(states.shape[-1], 1 / states.shape[-1])
    squares = waves[:, None] ** 2 + waves**2
    squares[0, 0] = np.inf  # the mean vorticity is 0
    power = np.abs(np.fft.fft2(states, norm="forward")) ** 2 / (2.0 * squares)
    energy = power.sum(axis=(3, 4)).mean(axis=(1, 2)) / (reynolds**2 / (4.0 * n**4))
    for values, reference, tolerance in ((dissipation, 0.095, 0.005), (energy, 0.43, 0.02)):
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert error <= tolerance
        assert abs(values.mean() - reference) <= max(tolerance, 4.0 * error)
