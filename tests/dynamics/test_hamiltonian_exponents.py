"""Exponents of Hamiltonian systems against those that another program computed."""

import numpy as np
import pytest

from chaosbench.atlas import facts_of
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.invariants.largest_exponent import LargestExponent


def test_henon_heiles_at_an_eighth() -> None:
    """0.044(4): orbit means between 0.041 and 0.048. Its zeros are below 3e-4, its pairs equal to 1e-4."""
    facts = facts_of(system("henon_heiles"))
    spectrum, error = np.array(facts.lyapunov_spectrum.value), np.array(facts.lyapunov_spectrum.standard_error)
    assert error[0] <= 0.004
    assert abs(spectrum[0] - 0.044) <= max(0.004, 4.0 * error[0])
    assert np.abs(spectrum[1:3]).max() < 3e-4
    assert np.abs(spectrum + spectrum[::-1]).max() < 1e-4


@pytest.mark.slow
def test_henon_heiles_at_the_energy_of_escape() -> None:
    """0.125(8): orbit means between 0.112 and 0.132 over 40 000 units, for orbits stick to islands."""
    found = LargestExponent().estimate(compile_system(system("henon_heiles").variant("escape_energy")), seed=1, duration=800_000.0)
    assert found.standard_error <= 0.008
    assert abs(found.value - 0.125) <= max(0.008, 4.0 * found.standard_error)


@pytest.mark.slow
@pytest.mark.parametrize(("angle", "reference", "tolerance"), [(np.pi / 2, 0.293, 0.005), (2.0, 0.435, 0.007), (3.0, 0.321, 0.005)])
def test_exponents_of_the_double_pendulum_at_the_energy_of_release_at_rest(angle: float, reference: float, tolerance: float) -> None:
    """Both rods at one angle: E = -3 cos(angle). References by another program, with their standard errors."""
    released = compile_system(system("double_pendulum").with_parameters({"E": -3.0 * float(np.cos(angle))}))
    found = LargestExponent().estimate(released, seed=1, duration=20_000.0)
    assert found.standard_error <= tolerance
    assert abs(found.value - reference) <= max(tolerance, 4.0 * found.standard_error)


@pytest.mark.slow
def test_an_elastic_pendulum_at_resonance_is_not_chaotic_at_small_amplitude() -> None:
    """4e-4 there, after a time that it does not say: what a run has instead of 0, which falls with its length."""
    pendulum = compile_system(system("elastic_pendulum").variant("small"))
    values = [LargestExponent().estimate(pendulum, seed=1, duration=32 * length).value for length in (5_000.0, 50_000.0)]
    assert 0.0 < values[0] < 4e-4
    assert values[1] < values[0] / 3.0
