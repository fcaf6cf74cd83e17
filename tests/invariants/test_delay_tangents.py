"""Exponents of delay systems against the roots of characteristic equations, and the order of the discretisation."""

import numpy as np
import pytest
from scipy.optimize import fsolve
from scipy.special import lambertw

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import InvariantError
from chaosbench.integrators.base import InitialState
from chaosbench.invariants._tangents import TangentRun


def delayed(equations: dict[str, str], parameters: dict[str, float]) -> CompiledSystem:
    return compile_system(system_from(equations, parameters=parameters, kind="delays"))


def constant_past(lag: float, *values: float) -> InitialState:
    lags = np.linspace(lag, 0.0, 65)
    history = np.tile(np.array(values), (1, 65, 1))
    return InitialState(history[:, -1].copy(), history, lags)


def exponents(system: CompiledSystem, start: InitialState, columns: int, steps: int, turns: int = 400) -> np.ndarray:
    run = TangentRun(system, start, columns=columns, seed=0, steps_per_lag=steps)
    interval = steps // 2
    run.advance(60, interval=interval)
    return run.advance(turns, interval=interval).mean(axis=(0, 1)) / run.time_of(interval)


def test_exponents_of_a_linear_delay_equation_are_the_real_parts_of_lambert_roots() -> None:
    # x' = a x(t - tau): lambda = W_k(a tau) / tau, in conjugate pairs
    a, tau = -1.4, 1.0
    roots = np.sort([(lambertw(a * tau, k) / tau).real for k in range(-4, 4)])[::-1]
    found = exponents(delayed({"x": "a*delay(x, tau)"}, {"a": a, "tau": tau}), constant_past(tau, 0.5), 6, 64)
    assert found == pytest.approx(roots[:6], abs=0.01)


def test_growth_and_decay_have_the_roots_of_the_equation_with_a_present_term() -> None:
    # x' = a x + b x(t - tau): lambda = a + W_k(b tau exp(-a tau))/tau; for a = -1, b = -2, tau = 1.5 in pairs, the first of which grows
    a, b, tau = -1.0, -2.0, 1.5
    roots = np.sort([(a + lambertw(b * tau * np.exp(-a * tau), k) / tau).real for k in range(-4, 4)])[::-1][:6]
    assert roots == pytest.approx([0.065618, 0.065618, -0.648693, -0.648693, -1.033301, -1.033301], abs=1e-6)
    found = exponents(delayed({"x": "a*x + b*delay(x, tau)"}, {"a": a, "b": b, "tau": tau}), constant_past(tau, 0.0), 6, 64, turns=8000)
    assert found == pytest.approx(roots, abs=1e-4)  # x stays at 0, and only tangents grow


def test_a_real_leading_root_comes_out_to_many_digits() -> None:
    # a = -0.3: W_0 and W_-1 are real, -0.48940 and -1.78134
    a = -0.3
    roots = [lambertw(a, 0).real, lambertw(a, -1).real]
    found = exponents(delayed({"x": "a*delay(x, tau)"}, {"a": a, "tau": 1.0}), constant_past(1.0, 0.5), 2, 64, turns=40)
    assert found == pytest.approx(roots, abs=1e-7)


def test_the_error_falls_with_the_fourth_power_of_the_step_or_faster() -> None:
    # the continuous extension of the fifth-order pair is of order 4: halving h divides the error by 16 at least (slope within 0.2)
    a, root = -0.3, lambertw(-0.3, -1).real
    system, start = delayed({"x": "a*delay(x, tau)"}, {"a": a, "tau": 1.0}), constant_past(1.0, 0.5)
    errors = [abs(exponents(system, start, 2, steps, turns=40)[1] - root) for steps in (4, 8, 16)]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (slopes > 3.8).all(), slopes


def test_two_lags_and_two_components() -> None:
    # x' = y, y' = -2 y - x(t - 1) + 0.5 y(t - 0.37): lambda^2 + 2 lambda + exp(-lambda) - 0.5 lambda exp(-0.37 lambda) = 0
    system = delayed({"x": "y", "y": "-2*y - delay(x, 1) + 0.5*delay(y, s)"}, {"s": 0.37})
    found = exponents(system, constant_past(1.0, 0.3, 0.1), 1, 64, turns=800)

    def residual(parts: np.ndarray) -> list[float]:
        root = complex(*parts)
        value = root**2 + 2 * root + np.exp(-root) - 0.5 * root * np.exp(-0.37 * root)
        return [value.real, value.imag]

    leading = fsolve(residual, [found[0], 0.5])
    assert max(np.abs(residual(leading))) < 1e-10
    assert found[0] == pytest.approx(leading[0], abs=2e-3)
    for guess in np.linspace(0.0, 20.0, 41):  # no other root lies to the right
        other, _, success, _ = fsolve(residual, [found[0] + 0.3, guess], full_output=True)
        assert success != 1 or other[0] <= leading[0] + 1e-6


def test_a_step_longer_than_the_shortest_lag_is_refused() -> None:
    system = delayed({"x": "-delay(x, 1) + 0.1*delay(x, s)"}, {"s": 0.01})
    with pytest.raises(InvariantError, match="shortest lag"):
        TangentRun(system, constant_past(1.0, 0.5), columns=1, seed=0, steps_per_lag=32)


def test_a_delay_system_needs_a_history() -> None:
    system = delayed({"x": "-delay(x, 1)"}, {})
    with pytest.raises(InvariantError, match="history"):
        TangentRun(system, InitialState(np.ones((1, 1))), columns=1, seed=0, steps_per_lag=32)
