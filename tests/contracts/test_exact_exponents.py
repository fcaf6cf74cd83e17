"""Exponents that ship, against closed forms and integrals: no run, no published value."""

from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad

from chaosbench.catalogue import system_files, systems_folder
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.reader import read_definition
from chaosbench.expressions.tree import names_in
from chaosbench.facts import Facts, facts_from_json


@cache
def definition_of(name: str) -> SystemDefinition:
    return read_definition(system_files()[name])


@cache
def facts_of(name: str) -> Facts:
    path = systems_folder() / "measured" / f"{name}.json"
    return facts_from_json(path.read_text(), str(path))


def constant_determinant(name: str) -> float | None:
    """The determinant of the Jacobian of a map without noise, where the file says one that does not depend on the state."""
    definition = definition_of(name)
    tree = (definition.identities or {}).get("determinant")
    if tree is None or definition.noise is not None or {entry.name for entry in definition.state} & names_in(tree):
        return None
    compiled = compile_system(definition)
    return float(compiled.quantity(tree).value(np.zeros((1, definition.dimension)), compiled.parameter_values)[0])


MAPS = [name for name, path in sorted(system_files().items()) if path.parent.name == "maps" and constant_determinant(name) is not None]


@pytest.mark.parametrize("name", MAPS)
def test_exponents_of_a_map_of_constant_determinant_sum_to_its_logarithm(name: str) -> None:
    spectrum = np.array(facts_of(name).lyapunov_spectrum.value)
    assert len(spectrum) == definition_of(name).dimension
    assert spectrum.sum() == pytest.approx(np.log(abs(constant_determinant(name))), abs=1e-9 * np.abs(spectrum).max())


def test_maps_of_constant_determinant_were_found() -> None:
    """Among them Henon's ln 0.3, Lozi's ln 0.5, Ikeda's 2 ln 0.9, Zaslavskii's -3 and the standard map's 0."""
    sums = {name: np.log(abs(constant_determinant(name))) for name in MAPS}
    assert len(MAPS) >= 20
    assert [sums[name] for name in ("henon", "lozi", "ikeda", "holmes_cubic", "generalized_henon", "zaslavskii", "standard")] == pytest.approx(
        [np.log(0.3), np.log(0.5), 2 * np.log(0.9), np.log(0.2), np.log(0.1), -3.0, 0.0], abs=1e-12
    )


def mean(function, potential, noise: float, low: float, high: float) -> float:
    """The mean over the density exp(-2 U/s^2)."""

    def density(x: float) -> float:
        return float(np.exp(-2.0 * potential(x) / noise**2))

    return quad(lambda x: function(x) * density(x), low, high)[0] / quad(density, low, high)[0]


def curvature_of_the_well() -> float:
    """<1 - 3 x^2> for U = x^4/4 - x^2/2, s = 0.5."""
    return mean(lambda x: 1 - 3 * x**2, lambda x: x**4 / 4 - x**2 / 2, 0.5, -4.0, 4.0)


@pytest.mark.parametrize(("noise", "second", "fourth"), [(0.5, 0.852136, 0.977136), (0.7, 0.832233, 1.077233)])
def test_the_moments_of_the_double_well_by_quadrature(noise: float, second: float, fourth: float) -> None:
    """By the other program; and exactly <x^2> - <x^4> + s^2/2 = 0."""
    found = [mean(lambda x, power=power: x**power, lambda x: x**4 / 4 - x**2 / 2, noise, -4.0, 4.0) for power in (2, 4)]
    assert found == pytest.approx([second, fourth], abs=1e-6)
    assert found[0] - found[1] + noise**2 / 2 == pytest.approx(0.0, abs=1e-10)


def curvature_of_the_circulation() -> float:
    """<-1 - mu (1 - y)^2 + 2 mu y (1 - y)> for the rate F - y - mu (y - 2 y^2 + y^3), F = 1.1, mu = 6.2, s = 0.3."""
    force, mu = 1.1, 6.2
    return mean(
        lambda y: -1 - mu * (1 - y) ** 2 + 2 * mu * y * (1 - y),
        lambda y: -force * y + y**2 / 2 + mu * (y**2 / 2 - 2 * y**3 / 3 + y**4 / 4),
        0.3,
        -2.0,
        3.0,
    )


EXACT = {
    "ornstein_uhlenbeck": -1.0,  # -theta
    "fractional_ornstein_uhlenbeck": -1.0,
    "geometric_brownian_motion": 0.05 - 0.5**2 / 2,  # mu - s^2/2
    "kubo_oscillator": 0.0,  # a rotation under Stratonovich
    "stochastic_pitchfork": -2.0,  # -2 a, because the mean of x^2 is a
    "cox_ingersoll_ross": -1.0 - 0.4**2 / 8 * (2 / 0.4**2) / (2 / 0.4**2 - 1),  # -k - s^2 <1/x>/8, x from a gamma density of shape and rate 2/s^2
    "double_well": curvature_of_the_well(),
    "stochastic_stommel": curvature_of_the_circulation(),
}
BIAS = 1e-3  # of the step


@pytest.mark.parametrize(("name", "exact"), EXACT.items())
def test_the_largest_exponent_under_common_noise_is_exact(name: str, exact: float) -> None:
    found = facts_of(name).lyapunov_spectrum
    assert found.value[0] == pytest.approx(exact, abs=4 * found.standard_error[0] + BIAS * max(1.0, abs(exact)))


MULTIPLICATIVE = 3 * 0.3**2 / 2  # s x dW in three variables: Ito's volumes shrink by s^2/2 for each
PREY, PREDATORS = np.linalg.solve([[0.2, 1.0], [1.0, -0.2]], [1.0 - 0.045, 1.0 + 0.045])  # means: logarithms do not drift
SUMS = {
    "noisy_lorenz": -41 / 3,
    "stochastic_lorenz": -41 / 3 - MULTIPLICATIVE,
    "langevin_pendulum": -0.5,
    "stochastic_duffing": -0.25,
    "noisy_henon": np.log(0.3),
    "stochastic_lotka_volterra": -0.2 * PREY - 0.2 * PREDATORS,
}


@pytest.mark.parametrize(("name", "exact"), SUMS.items())
def test_the_sum_of_exponents_under_common_noise_is_exact(name: str, exact: float) -> None:
    found = facts_of(name).lyapunov_spectrum
    error = float(np.sqrt(np.sum(np.square(found.standard_error))))
    assert sum(found.value) == pytest.approx(exact, abs=4 * error + BIAS * max(map(abs, found.value)))
