"""Fractional noise as a sum of Ornstein-Uhlenbeck processes: its error, and the system that comes of it."""

import math

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.markov_noise import markov_approximation, rates_and_weights, squared_error
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import DefinitionError
from chaosbench.integrators.base import InitialState


@pytest.mark.parametrize(
    ("hurst", "terms", "error"),
    [(0.7, 3, 0.25), (0.7, 5, 0.0145), (0.7, 10, 3.8e-6), (0.3, 3, 0.084), (0.3, 5, 0.0068), (0.3, 10, 1.7e-3), (0.3, 20, 2.1e-4)],
)
def test_the_error_falls_with_the_number_of_terms(hurst: float, terms: int, error: float) -> None:
    """Numbers computed apart from this code, to the digits that were kept."""
    assert squared_error(hurst, terms) == pytest.approx(error, rel=0.05)


def test_the_variance_of_the_sum_is_that_of_type_two() -> None:
    """Var = sum_kl w_k w_l (1 - exp(-(g_k + g_l) t))/(g_k + g_l) against t^(2H)/(2H Gamma(H + 1/2)^2), H = 0.7, t = 5."""
    g, w = rates_and_weights(0.7, 10, 10.0)
    sums = g[:, None] + g[None, :]
    found = w @ (-np.expm1(-5.0 * sums) / sums) @ w
    assert found == pytest.approx(5.0**1.4 / (1.4 * math.gamma(1.2) ** 2), rel=1e-3)


def test_the_system_follows_the_sum_on_its_own_path() -> None:
    """dx = s dB without drift: x is s times the sum of the weighted variables, exactly but for the step."""
    definition = system_from({"x": "0*x"}, kind="stochastic", hurst="H", diffusion={"x": "s"}, parameters={"H": 0.7, "s": 2.0}, name="sum")
    approximation = markov_approximation(definition, terms=10)
    system = compile_system(approximation)
    assert system.dimension == 11
    assert system.diffusion.structure == "additive"
    assert approximation.noise.hurst is None
    states = load("integrators", "sra1")(step=2.0**-9).solve(system, InitialState(np.zeros((300, 11))), np.array([0.0, 2.0]), seed=1).states[:, -1]
    _, weights = rates_and_weights(0.7, 10, 10.0)
    assert states[:, 0] == pytest.approx(2.0 * states[:, 1:] @ weights, abs=1e-3)
    exact = 4.0 * 2.0**1.4 / (1.4 * math.gamma(1.2) ** 2)
    assert abs(np.mean(states[:, 0] ** 2) - exact) <= 4 * exact * np.sqrt(2 / 300)


def test_what_has_no_fractional_noise_is_refused() -> None:
    plain = system_from({"x": "-x"}, kind="stochastic", calculus="ito", diffusion={"x": "1"}, name="plain")
    with pytest.raises(DefinitionError, match="not fractional"):
        markov_approximation(plain)
