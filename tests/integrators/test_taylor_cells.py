"""Taylor series of systems with cells: the trajectories of another method, whatever the equations are made of."""

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators.base import InitialState, Solution
from chaosbench.integrators.taylor import Taylor

ADVECTION = "(x[i+1] - x[i-2])*x[i-1] - x[i] + F"
MATRIX = {"formula": "sin(i + 2*j)/N", "shape": "NN"}
VECTOR = {"formula": "1 + i/N", "shape": "N"}


def lattice(equations: dict[str, str], size: int, **options) -> CompiledSystem:
    return compile_system(system_from(equations, size={"N": size}, **options))


def start(system: CompiledSystem, count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).uniform(0.3, 0.9, (count, system.dimension))


def solve(system: CompiledSystem, states, times, **options) -> Solution:
    return Taylor().solve(system, InitialState(np.array(states, dtype=float)), np.array(times, dtype=float), **options)


def agrees(system: CompiledSystem, states, end: float, tolerance: float, method: str = "dop853", rtol: float = 1e-15) -> None:
    """The same trajectory as another method's, which is the less accurate of the two even at its tightest tolerance."""
    times = np.linspace(0.0, end, 21)
    found = solve(system, states, times, rtol=1e-13, atol=1e-13)
    assert (found.status == 0).all()
    expected = load("integrators", method)().solve(system, InitialState(np.array(states, dtype=float)), times, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(found.states, expected.states, rtol=tolerance, atol=tolerance)


SMOOTH = {
    "products and quotients": {"x[i]": "2 + x[i-1]*x[i+2]/(1 + x[i]**2) - x[i]*sqrt(x[i] + 2) + x[i]**2.5/(x[i] + b[i+1])"},
    "functions of cells": {"x[i]": "sin(x[i+1] - x[i]) - tanh(x[i-1]) + exp(-x[i]*b[i])*log(2 + x[i]) + atan2(x[i], 2 + x[i+1]) - asin(x[i]/9)"},
    "pairs": {"x[i]": "sum(j, A[i,j]*sin(x[j+1] - x[i])) - x[i] + b[i]*sum(j, A[i,j]*x[j])"},
    "pairs after sums": {"x[i]": "sum(j, (x[j] - mean(x))*exp(-(x[j] - x[i])**2/(1 + (i - j)**2))) - sum(j, A[i,j]*x[j]/(1 + x[i]**2))*b[i-1]"},
    "a mean": {"x[i]": "b[i] - mean(x)*x[i]**3"},
    "scalars beside cells": {
        "m": "mean(x)*cos(m) - m + sum(j, y[j]*x[j])/N",
        "x[i]": "y[i+1] - x[i]*m + sin(m)*b[i]",
        "y[i]": "m",
        "z": "mean(y) - z + sum(j, cos(x[j])*b[j])",
        "w[i]": "b[i] - w[i]",
    },
}


@pytest.mark.parametrize("size", [4, 10, 40, 41])
def test_advection_agrees_with_runge_kutta(size: int) -> None:
    """One time unit: errors of 1e-13 a step grow by e^1.7 at most, and DOP853 makes steps of its own."""
    ring = lattice({"x[i]": ADVECTION}, size, parameters={"F": 8.0})
    agrees(ring, 8.0 + start(ring), 1.0, 2e-11)


@pytest.mark.parametrize("boundary", ["periodic", "zero"])
@pytest.mark.parametrize("size", [5, 8, 19])
@pytest.mark.parametrize("name", SMOOTH)
def test_whatever_the_equations_hold(name: str, size: int, boundary: str) -> None:
    parameters = {key: value for key, value in {"A": MATRIX, "b": VECTOR}.items() if any(f"{key}[" in text for text in SMOOTH[name].values())}
    system = lattice(SMOOTH[name], size, boundary=boundary, parameters=parameters)
    agrees(system, start(system), 1.0, 1e-11)


KINKED = {
    "maxima of pairs": {"x[i]": "sum(j, max(x[j] - x[i], 0))/N - x[i] + b[i]*cos(y)", "y": "3"},
    "branches of cells": {
        "x[i]": "where(v[i] < 0, x[i-1], 1) - abs(v[i]) - min(v[i+1], m)*b[i]",
        "v[i]": "3*cos(b[i]*y)",
        "m": "abs(mean(v)) - m",
        "y": "2",
    },
    "steps of cells": {
        "x[i]": "floor(v[i])*x[i+1] - (2*v[i] % b[i]) - 5*x[i]",
        "v[i]": "2*b[i]",
        "z": "sign(mean(v) - 2) + mean(x) - z",
    },
}


@pytest.mark.parametrize("name", KINKED)
def test_kinks_are_not_stepped_over(name: str) -> None:
    """A pair with error control meets the same kinks by rejected steps."""
    system = lattice(KINKED[name], 9, parameters={"b": VECTOR})
    agrees(system, start(system), 1.5, 1e-11)
