"""Stochastic methods: strong orders on one Brownian path, both calculi, exact laws, reproducibility, and what they refuse."""

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import IntegrationError
from chaosbench.integrators._choice import choose, supporting
from chaosbench.integrators._philox import key_of, philox, streams_of
from chaosbench.integrators._stochastic import wiener_increments
from chaosbench.integrators.base import InitialState, Solution, Status

PATHS = 1000
LEVELS = (5, 4, 3, 2)  # the step is 2^-level
FINEST = 12


def noisy(equations: dict[str, str], diffusion: dict, calculus: str | None = "ito", **others) -> CompiledSystem:
    return compile_system(system_from(equations, kind="stochastic", calculus=calculus, diffusion=diffusion, **others))


def brownian() -> CompiledSystem:
    return noisy({"x": "mu*x"}, {"x": "s*x"}, parameters={"mu": 0.5, "s": 0.6}, name="brownian")


def double_well(s: float = 0.5) -> CompiledSystem:
    return noisy({"x": "x - x**3"}, {"x": "s"}, parameters={"s": s}, name="double well", initial={"centre": [0.5], "spread": 0.5})


def solved(name: str, system: CompiledSystem, level: int, *, finest: int = FINEST, paths: int = PATHS, seed: int = 7, end: float = 1.0) -> Solution:
    method = load("integrators", name)(step=2.0**-level, refinement=finest - level)
    states = np.full((paths, system.dimension), 0.7)
    return method.solve(system, InitialState(states), np.array([0.0, end]), seed=seed)


def strong_order(name: str, system: CompiledSystem, exact: np.ndarray, levels: tuple[int, ...] = LEVELS) -> float:
    """The slope of the root mean square error at time 1 over the step."""
    errors = [np.sqrt(np.mean((solved(name, system, level).states[:, -1] - exact) ** 2)) for level in levels]
    return float(np.polyfit([-level for level in levels], np.log2(errors), 1)[0])


def end_of_path(system: CompiledSystem, seed: int = 7) -> np.ndarray:
    """W(1) of every process (paths, M), added up from the finest grid."""
    start = InitialState(np.zeros((PATHS, system.dimension)))
    return wiener_increments(system, start, seed=seed, step=1.0, steps=1, refinement=FINEST)[0][:, 0]


def test_philox_gives_the_published_words() -> None:
    zero = np.uint64(0)
    assert philox(*(zero,) * 6) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    ones = np.uint64(0xFFFFFFFF)
    assert philox(*(ones,) * 6) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    pi = [np.uint64(word) for word in (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0)]
    assert philox(*pi) == (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)


def test_increments_have_the_law_of_a_wiener_process_and_its_integral() -> None:
    """Variances h and h^3/3, covariance h^2/2, no correlation between steps; 5 standard errors of 60 000 numbers."""
    h, steps = 0.25, 60
    w, z = wiener_increments(double_well(), InitialState(np.zeros((1000, 1))), seed=3, step=h, steps=steps, refinement=1)
    w, z = w[..., 0], z[..., 0]
    room = 5.0 / np.sqrt(w.size)
    assert abs(w.mean()) <= room * np.sqrt(h)
    assert w.var() == pytest.approx(h, rel=room * np.sqrt(2))
    assert z.var() == pytest.approx(h**3 / 3, rel=room * np.sqrt(2))
    assert np.mean(w * z) == pytest.approx(h**2 / 2, rel=2 * room)
    assert abs(np.mean(w[:, 1:] * w[:, :-1])) <= 1.1 * room * h
    assert np.mean(w**4) == pytest.approx(3 * h**2, rel=room * np.sqrt(32 / 3))


def test_a_refined_path_is_the_same_path() -> None:
    """Two steps of h/2 with refinement r - 1 add up to one of h with r; z takes what W had reached: z = z1 + z2 + w1 h/2."""
    start, system = InitialState(np.zeros((5, 1))), double_well()
    w, z = wiener_increments(system, start, seed=1, step=0.5, steps=3, refinement=3)
    fine_w, fine_z = wiener_increments(system, start, seed=1, step=0.25, steps=6, refinement=2)
    assert w == pytest.approx(fine_w[:, 0::2] + fine_w[:, 1::2], abs=1e-15)
    assert z == pytest.approx(fine_z[:, 0::2] + fine_z[:, 1::2] + 0.25 * fine_w[:, 0::2], abs=1e-15)


@pytest.mark.parametrize(("name", "order"), [("euler_maruyama", 0.5), ("milstein", 1.0), ("stochastic_heun", 1.0), ("sriw1", 1.5)])
def test_the_strong_order_on_geometric_brownian_motion(name: str, order: float) -> None:
    """x(1) = x(0) exp(mu - s^2/2 + s W(1)), the same path for every step."""
    system = brownian()
    mu, s = system.parameter_values
    exact = 0.7 * np.exp(mu - s**2 / 2 + s * end_of_path(system))
    assert strong_order(name, system, exact) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize(("name", "order"), [("euler_maruyama", 1.0), ("milstein", 1.0), ("stochastic_heun", 1.0), ("sra1", 1.5)])
def test_the_strong_order_with_additive_noise(name: str, order: float) -> None:
    """The double well against SRA1 with a 2^-12 step on the same path. Heun's order here is between 1 and 1.5, see `stochastic_heun`."""
    system = double_well()
    exact = solved("sra1", system, FINEST).states[:, -1]
    found = strong_order(name, system, exact)
    assert found == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize("calculus", ["ito", "stratonovich"])
@pytest.mark.parametrize("name", ["milstein", "stochastic_heun"])
def test_the_strong_order_with_commuting_noise(name: str, calculus: str) -> None:
    """A linear system whose two processes have diagonal, hence commuting, matrices A, B: x(1) = exp((M - (A^2 + B^2)/2) + A W1 + B W2) x(0)."""
    a, b, drift = np.array([0.4, -0.3]), np.array([0.2, 0.5]), np.array([-0.5, 0.3])
    diffusion = {"k": {"x": "0.4*x", "y": "-0.3*y"}, "l": {"x": "0.2*x", "y": "0.5*y"}}
    system = noisy({"x": "-0.5*x", "y": "0.3*y"}, diffusion, calculus, name="commuting")
    assert system.diffusion.structure == "commuting"
    half = (a**2 + b**2) / 2 if calculus == "ito" else 0.0
    w = end_of_path(system)
    exact = 0.7 * np.exp(drift - half + a * w[:, :1] + b * w[:, 1:])
    assert strong_order(name, system, exact) == pytest.approx(1.0, abs=0.2)
