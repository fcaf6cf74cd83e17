"""Exponents under common noise against exact numbers, and the mean rate at which volumes change."""

import numpy as np
import pytest
from scipy.integrate import quad

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import InvariantError
from chaosbench.integrators.base import InitialState
from chaosbench.invariants._block_error import BlockMean
from chaosbench.invariants._noisy_volumes import volume_rates
from chaosbench.invariants._plans import Options
from chaosbench.invariants._regime import regime_of
from chaosbench.invariants._tangents import TangentRun, directions, log_growth
from chaosbench.invariants.largest_exponent import LargestExponent
from chaosbench.invariants.lyapunov_spectrum import LyapunovSpectrum


def noisy(equations: dict[str, str], diffusion: dict, calculus: str | None = "ito", **others) -> CompiledSystem:
    return compile_system(system_from(equations, kind="stochastic", calculus=calculus, diffusion=diffusion, **others))


def assert_measured(value: np.ndarray, error: np.ndarray, exact: list[float], bias: float) -> None:
    assert (np.abs(np.atleast_1d(value) - exact) <= 4 * np.atleast_1d(error) + bias).all(), (value, error, exact)


@pytest.mark.parametrize(("calculus", "exact"), [("ito", -0.1 - 0.5**2 / 2), ("stratonovich", -0.1)])
def test_geometric_brownian_motion_grows_at_mu_minus_half_the_variance(calculus: str, exact: float) -> None:
    system = noisy({"x": "-0.1*x"}, {"x": "0.5*x"}, calculus, name="growth")
    found = LargestExponent(options=Options(transient=1.0)).estimate(system, seed=1, duration=20_000.0)
    assert_measured(found.value, found.standard_error, [exact], 1e-3)
    assert found.standard_error < 0.03


def test_a_linear_system_with_commuting_noise_has_its_exact_spectrum() -> None:
    """Diagonal matrices: exponents a_i - (b_i^2 + c_i^2)/2, here by Euler-Maruyama, whose step has a bias of order h."""
    system = noisy({"x": "0.02*x", "y": "-0.5*y"}, {"k": {"x": "0.4*x", "y": "-0.3*y"}, "l": {"x": "0.2*x", "y": "0.5*y"}}, name="linear")
    found = LyapunovSpectrum(options=Options(transient=1.0)).estimate(system, seed=2, duration=12_000.0)
    assert_measured(found.value, found.standard_error, [0.02 - 0.1, -0.5 - 0.17], 0.01)


def test_a_gradient_system_contracts_at_the_mean_curvature() -> None:
    """Additive noise: the exponent is the mean of 1 - 3 x^2 over the density exp(-2 U/s^2), by quadrature."""
    system, s = noisy({"x": "x - x**3"}, {"x": "0.7"}, name="wells", initial={"centre": [0.0], "spread": 1.0}), 0.7

    def density(x: float) -> float:
        return float(np.exp(-2.0 * (x**4 / 4 - x**2 / 2) / s**2))

    exact = quad(lambda x: (1 - 3 * x**2) * density(x), -4, 4)[0] / quad(density, -4, 4)[0]
    found = LargestExponent(options=Options(transient=50.0)).estimate(system, seed=3, duration=6_000.0)
    assert_measured(found.value, found.standard_error, [exact], 1e-3)
    assert found.standard_error < 0.03


def test_a_pitchfork_with_fluctuating_parameter_contracts_at_twice_it() -> None:
    system = noisy({"x": "x - x**3"}, {"x": "0.5*x"}, "stratonovich", name="pitchfork", initial={"box": [[0.5, 1.5]]})
    found = LargestExponent(options=Options(transient=50.0)).estimate(system, seed=4, duration=6_000.0)
    assert_measured(found.value, found.standard_error, [-2.0], 2e-3)


def test_tangents_are_differences_under_the_same_noise() -> None:
    """Two starts 1e-7 apart under one path of the noise part as the tangent says."""
    equations, noise = {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8*z/3"}, {"w": {"x": "0.3*x", "y": "0.3*y", "z": "0.3*z"}}
    system = noisy(equations, noise, name="lorenz")
    state = np.array([[1.0, 2.0, 20.0]])
    start = InitialState(state, noise=np.zeros((1, 2), dtype=np.uint64))
    run = TangentRun(system, start, columns=1, seed=5)
    logs = run.advance(1, interval=256.0)
    [lane] = run._carriers
    h = lane.time_of(1.0)
    along = directions(system.definition, 5, 0, 1, 3)
    both = InitialState(np.concatenate([state, state + 1e-7 * along]), noise=np.zeros((2, 2), dtype=np.uint64))
    ends = load("integrators", "sriw1")(step=h).solve(system, both, np.array([0.0, 256 * h]), seed=5).states[:, -1]
    assert np.log(np.linalg.norm(ends[1] - ends[0]) / 1e-7) == pytest.approx(logs[0, 0, 0], abs=1e-4)


def test_the_sum_of_exponents_is_the_mean_rate_of_volume_change() -> None:
    """In either calculus: for linear noise dx = a x dt + s x dW it is a - s^2/2, dx = a x dt + s x o dW a."""
    states = np.random.default_rng(0).standard_normal((5, 1))
    for calculus, exact in (("ito", 0.1 - 0.125), ("stratonovich", 0.1)):
        system = noisy({"x": "0.1*x"}, {"x": "0.5*x"}, calculus, name="growth")
        assert volume_rates(system, system.diffusion, states, 0) == pytest.approx(exact, abs=1e-8)
    bent = noisy({"x": "0.1*x"}, {"x": "sin(x)"}, "stratonovich", name="bent")  # 1/2 g g'' = -sin(x)^2/2
    assert volume_rates(bent, bent.diffusion, states, 0) == pytest.approx(0.1 - np.sin(states[:, 0]) ** 2 / 2, abs=1e-6)


def test_a_fractional_pull_contracts_at_its_rate() -> None:
    system = noisy({"x": "-x"}, {"x": "1"}, None, hurst="0.7", name="pull")
    found = LargestExponent(options=Options(transient=1.0)).estimate(system, seed=0, duration=2_000.0)
    assert found.value == pytest.approx(-1.0, abs=1e-3)


def test_regimes_under_common_noise() -> None:
    system = noisy({"x": "-x", "y": "-y"}, {"x": "1"}, name="plain")

    def regime(*exponents: float) -> str:
        mean = np.array(exponents)
        return regime_of(system.definition, BlockMean(mean, 0.01 + 0 * mean, np.eye(2) * 1e-4, 31, "", True, False, False), at_rest=False)

    assert regime(-1.0, -2.0) == "random fixed point"
    assert regime(0.5, -2.0) == "chaotic"
    assert regime(0.5, 0.2) == "hyperchaotic"
    assert regime(0.02, -2.0) == "neutral"


def test_an_initial_state_without_streams_is_refused() -> None:
    system = noisy({"x": "-x"}, {"x": "1"}, name="plain")
    with pytest.raises(InvariantError, match="streams of noise"):
        log_growth(system, InitialState(np.zeros((1, 1))), columns=1, interval=1, n_intervals=1, transient_intervals=0)
