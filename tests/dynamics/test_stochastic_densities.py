"""Stationary laws of stochastic systems of the registry, and the threshold of one: independent paths against closed forms."""

import numpy as np
import pytest
from scipy import stats

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState
from chaosbench.invariants._plans import Options
from chaosbench.invariants.largest_exponent import LargestExponent

PATHS = 4000


def ends(name: str, parameters: dict[str, float], start: list[float], time: float) -> np.ndarray:
    """The states (PATHS, D) at `time`, all from one start."""
    compiled = compile_system(system(name).with_parameters(parameters))
    states = np.tile(np.array(start), (PATHS, 1))
    method = load("integrators", choose(compiled).name)(step=2.0**-6)
    return method.solve(compiled, InitialState(states), np.array([0.0, time]), seed=11).states[:, -1]


def follows(values: np.ndarray, law) -> bool:
    """Whether the largest distance of the distribution functions is one that 99.9 % of samples stay below (Kolmogorov and Smirnov)."""
    return bool(stats.kstest(values, law.cdf).statistic < 1.95 / np.sqrt(len(values)))


def test_the_square_root_process_has_its_gamma_density() -> None:
    """Shape 2 k theta/s^2, scale s^2/(2 k)."""
    values = ends("cox_ingersoll_ross", {}, [1.0], 8.0)[:, 0]
    assert follows(values, stats.gamma(2 / 0.16, scale=0.16 / 2))
    assert not follows(values, stats.norm(1.0, np.sqrt(0.08)))


def test_prey_alone_have_the_gamma_density_of_logistic_growth() -> None:
    """dx = x (a - b x) dt + s x dW: shape 2 a/s^2 - 1, scale s^2/(2 b)."""
    states = ends("stochastic_lotka_volterra", {"c": 0.0, "e": 0.0}, [5.0, 1.0], 8.0)
    assert follows(states[:, 0], stats.gamma(2 / 0.09 - 1, scale=0.09 / 0.4))


def test_prey_and_predators_that_never_meet_are_log_normal() -> None:
    """Without crowding: ln x is normal about (a - s^2/2) t, ln y about -(d + s^2/2) t, both of variance s^2 t, and they are independent."""
    logs = np.log(ends("stochastic_lotka_volterra", dict.fromkeys("bcef", 0.0), [1.0, 1.0], 2.0))
    assert follows(logs[:, 0], stats.norm((1 - 0.045) * 2, 0.3 * np.sqrt(2)))
    assert follows(logs[:, 1], stats.norm((-1 - 0.045) * 2, 0.3 * np.sqrt(2)))
    assert abs(np.corrcoef(logs.T)[0, 1]) < 4 / np.sqrt(PATHS)


@pytest.mark.parametrize("a", [1.0, pytest.param(0.2, marks=pytest.mark.slow)])
def test_above_its_threshold_the_pitchfork_has_its_density(a: float) -> None:
    """x^2 has a gamma density of shape a/s^2 and scale s^2, hence the mean a."""
    assert follows(ends("stochastic_pitchfork", {"a": a}, [0.5], 8.0 / a)[:, 0] ** 2, stats.gamma(a / 0.25, scale=0.25))


@pytest.mark.slow
@pytest.mark.parametrize(("a", "exact"), [(-0.2, -0.2), (0.2, -0.4)])
def test_the_threshold_of_the_pitchfork_is_zero_whatever_the_noise(a: float, exact: float) -> None:
    """Below, everything dies out at the rate a; above, the exponent is -2 a, as without noise."""
    compiled = compile_system(system("stochastic_pitchfork").with_parameters({"a": a}))
    found = LargestExponent(options=Options(transient=100.0)).estimate(compiled, seed=1, duration=60_000.0)
    assert found.standard_error < 0.005
    assert found.value == pytest.approx(exact, abs=4 * found.standard_error + 1e-3)
