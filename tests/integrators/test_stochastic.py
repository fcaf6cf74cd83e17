"""Stochastic methods: strong orders on one Brownian path, both calculi, exact laws, reproducibility, and what they refuse."""

import numpy as np
import pytest
from scipy.integrate import cumulative_trapezoid, trapezoid

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import IntegrationError
from chaosbench.integrators._choice import choose, supporting
from chaosbench.integrators._philox import key_of, philox, streams_of
from chaosbench.integrators._stochastic import wiener_increments
from chaosbench.integrators.base import InitialState, Solution, Status

PATHS = 1000
LEVELS = (7, 6, 5, 4)  # the step is 2^-level
FINEST = 11


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
    """The double well against SRA1 with the finest step on the same path; coarser steps than 2^-5 converge faster than they should."""
    system = double_well()
    exact = solved("sra1", system, FINEST).states[:, -1]
    found = strong_order(name, system, exact, (8, 7, 6, 5))
    assert found == pytest.approx(order, abs=0.2)


def test_the_strong_order_with_noise_that_depends_on_time() -> None:
    """Through the phase of the forcing such noise is scalar, not additive: SRIW1, against its finest step on the same path."""
    system = noisy({"x": "x - x**3 + 0.1*sin(2*pi*t)"}, {"x": "1 + 0.5*cos(2*pi*t)"}, forcing_period="1", name="breathing")
    assert choose(system).name == "sriw1"
    exact = solved("sriw1", system, FINEST).states[:, -1]
    assert strong_order("sriw1", system, exact, (9, 8, 7, 6)) == pytest.approx(1.5, abs=0.2)


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


def test_both_calculi_meet_on_one_path() -> None:
    """dx = mu x dt + s x o dW is dx = (mu + s^2/2) x dt + s x dW: every method, on either form, ends on the same number."""
    s = 0.6
    ring = noisy({"x": "0.5*x"}, {"x": "s*x"}, "stratonovich", parameters={"s": s}, name="ring")
    plain = noisy({"x": "0.5*x + s**2/2*x"}, {"x": "s*x"}, "ito", parameters={"s": s}, name="plain")
    for name in ("euler_maruyama", "milstein", "stochastic_heun", "sriw1"):
        for system in (ring, plain):
            found = solved(name, system, 8, paths=200, finest=8).states[:, -1]
            start = InitialState(np.zeros((200, 1)))
            w = wiener_increments(system, start, seed=7, step=1.0, steps=1, refinement=8)[0][:, 0]
            off = np.sqrt(np.mean((found / (0.7 * np.exp(0.5 + s * w)) - 1.0) ** 2))
            assert off < {"euler_maruyama": 0.04, "milstein": 0.004, "stochastic_heun": 0.004, "sriw1": 0.0002}[name], (name, system.definition.name)


def test_a_multiplicative_noise_that_does_not_commute_has_order_one_half() -> None:
    """Euler-Maruyama and Heun against themselves on a finer grid; Milstein's scheme is refused."""
    system = noisy({"x": "-x", "y": "-y"}, {"k": {"x": "0.5*y"}, "l": {"y": "0.5*x"}}, "stratonovich", name="general")
    assert system.diffusion.structure == "general"
    assert choose(system).name == "stochastic_heun"
    exact = solved("stochastic_heun", system, FINEST, paths=300).states[:, -1]
    errors = [np.sqrt(np.mean((solved("stochastic_heun", system, level, paths=300).states[:, -1] - exact) ** 2)) for level in (7, 6, 5, 4)]
    assert np.polyfit([-7, -6, -5, -4], np.log2(errors), 1)[0] == pytest.approx(0.5, abs=0.2)
    with pytest.raises(IntegrationError, match="do not commute"):
        solved("milstein", system, 4, paths=1)


def test_the_kubo_oscillator_stays_on_its_circle_to_the_order_of_the_step() -> None:
    """|x| is constant under Stratonovich; Heun leaves it by an amount that falls with the step, linearly or faster."""
    system = noisy({"x": "-y", "y": "x"}, {"w": {"x": "-0.5*y", "y": "0.5*x"}}, "stratonovich", name="kubo")
    drifts = []
    for level in (4, 7):
        states = solved("stochastic_heun", system, level, paths=100, finest=7).states[:, -1]
        drifts.append(np.sqrt(np.mean((np.hypot(*states.T) / (0.7 * np.sqrt(2)) - 1.0) ** 2)))
    assert drifts[0] < 0.05
    assert drifts[1] < drifts[0] / 6.0


@pytest.mark.parametrize("name", ["sra1", "euler_maruyama"])
def test_the_ornstein_uhlenbeck_process_has_its_stationary_law(name: str) -> None:
    """Mean 0, variance s^2/(2 theta), autocorrelation exp(-theta t), within 4 standard errors of independent paths."""
    system = noisy({"x": "-x"}, {"x": "0.8"}, name="ou", initial={"centre": [0.0], "spread": 0.5656854})
    paths = 4000
    start = 0.8 / np.sqrt(2) * np.random.default_rng(0).standard_normal((paths, 1))
    states = load("integrators", name)(step=2.0**-7).solve(system, InitialState(start), np.array([0.0, 2.0, 3.0]), seed=5).states[..., 0]
    variance, bias = 0.32, 0.32 * 2.0**-7 * (name == "euler_maruyama")
    assert abs(states[:, 1].mean()) <= 4 * np.sqrt(variance / paths)
    assert abs(states[:, 1].var() - variance) <= 4 * variance * np.sqrt(2 / paths) + bias
    correlation = np.mean(states[:, 1] * states[:, 2]) / variance
    assert abs(correlation - np.exp(-1)) <= 4 * np.sqrt((1 + np.exp(-2)) / paths) + 2.0**-7


@pytest.mark.parametrize(("s", "second", "fourth"), [(0.5, 0.852136, 0.977136), (0.7, 0.832233, 1.077233)])
def test_the_double_well_has_its_stationary_moments(s: float, second: float, fourth: float) -> None:
    """By quadrature of exp(-2 U/s^2): moments from independent paths that start in the wells' stationary law by a long run."""
    system, paths = double_well(s), 2000
    start = InitialState(np.where(np.arange(paths) % 2, 1.0, -1.0)[:, None] * np.ones((1, 1)))
    states = load("integrators", "sra1")(step=2.0**-5).solve(system, start, np.linspace(0.0, 8.0, 2), seed=2).states[:, -1, 0]
    for power, exact in ((2, second), (4, fourth)):
        values = states**power
        assert abs(values.mean() - exact) <= 4 * values.std() / np.sqrt(paths) + 0.002, power  # 0.002: step 2^-5


def test_results_depend_neither_on_threads_nor_on_the_batch() -> None:
    system, times = double_well(), np.linspace(0.0, 1.0, 6)
    start = InitialState(np.linspace(-1, 1, 12)[:, None], noise=streams_of("initial", 0, 12))
    method = choose(system).integrator
    whole = method.solve(system, start, times, seed=3, threads=1)
    spread = method.solve(system, start, times, seed=3, threads=4)
    part = method.solve(system, InitialState(start.states[5:8], noise=start.noise[5:8]), times, seed=3)
    assert np.array_equal(whole.states, spread.states)
    assert np.array_equal(whole.states[5:8], part.states)
    assert not np.array_equal(whole.states, method.solve(system, start, times, seed=4).states)
    assert len(np.unique(whole.states[:, -1])) == 12


@pytest.mark.parametrize("name", ["euler_maruyama", "milstein", "stochastic_heun", "sra1"])
def test_a_run_in_pieces_is_the_whole_run_bit_for_bit(name: str) -> None:
    system, times = double_well(), np.linspace(0.0, 2.0, 9)
    method = load("integrators", name)(step=2.0**-6, refinement=1)
    start = InitialState(np.array([[0.3], [-0.2]]))
    whole = method.solve(system, start, times, seed=1)
    head = method.solve(system, start, times[:4], seed=1)
    tail = method.solve(system, head.final, times[3:], seed=1)
    assert np.array_equal(whole.states, np.concatenate([head.states[:, :-1], tail.states], axis=1))
    assert np.array_equal(whole.final.noise, tail.final.noise)
    assert whole.final.noise[0, 1] == 2 * 2**7


def test_who_leaves_for_infinity_is_told_so_and_nobody_else_is_touched() -> None:
    system = noisy({"x": "x**3"}, {"x": "0.1"}, name="explosion")
    method = load("integrators", "sra1")(step=0.01)
    found = method.solve(system, InitialState(np.array([[0.0], [3.0]])), np.linspace(0.0, 1.0, 11), seed=0)
    assert found.status.tolist() == [Status.OK, Status.BLOW_UP]
    assert np.isfinite(found.states[0]).all()
    assert np.isnan(found.states[1, -1]).all()
    alone = method.solve(system, InitialState(np.array([[0.0]])), np.linspace(0.0, 1.0, 11), seed=0)
    assert np.array_equal(alone.states[0], found.states[0])


def test_a_noisy_map_is_the_map_plus_its_noise() -> None:
    system = compile_system(
        system_from({"x": "1 - 1.4*x**2 + y", "y": "0.3*x"}, kind="stochastic", time="discrete", diffusion={"x": "0.01"}, name="map")
    )
    start = InitialState(np.array([[0.1, 0.1]]))
    states = choose(system).integrator.solve(system, start, np.arange(6.0), seed=4).states[0]
    n = wiener_increments(system, start, seed=4, step=1.0, steps=5)[0][0, :, 0]
    for k in range(5):
        x, y = states[k]
        assert states[k + 1] == pytest.approx([1 - 1.4 * x**2 + y + 0.01 * n[k], 0.3 * x], abs=1e-15)
    with pytest.raises(IntegrationError, match="whole numbers"):
        choose(system).integrator.solve(system, start, np.array([0.0, 0.5]))


def test_the_choice_follows_the_structure_of_the_noise() -> None:
    assert choose(double_well()).name == "sra1"
    assert choose(brownian()).name == "sriw1"
    assert choose(noisy({"x": "-y", "y": "x"}, {"w": {"x": "-y", "y": "x"}}, "stratonovich")).name == "sriw1"
    assert choose(noisy({"x": "-x", "y": "-y"}, {"k": {"x": "x", "y": "y"}, "l": {"x": "2*x", "y": "-y"}})).name == "milstein"
    assert choose(noisy({"x": "-x", "y": "-y"}, {"k": {"x": "y"}, "l": {"y": "x"}})).name == "euler_maruyama"
    assert choose(noisy({"x": "-x"}, {"x": "1"}, None, hurst="0.7")).name == "euler_maruyama"
    assert choose(noisy({"x": "x/2"}, {"x": "0.1"}, None, time="discrete")).name == "noisy_iteration"
    assert set(supporting("stochastic")) >= {"sra1", "sriw1", "milstein", "stochastic_heun", "euler_maruyama", "noisy_iteration"}


def test_bad_input_says_what_to_do() -> None:
    system, times = double_well(), np.array([0.0, 1.0])
    start = InitialState(np.zeros((2, 1)))
    with pytest.raises(IntegrationError, match=r"solves flows.*not stochastic; integrators that do: .*sra1"):
        load("integrators", "rk4")().solve(system, start, times)
    with pytest.raises(IntegrationError, match="noise is diagonal"):
        solved("sra1", brownian(), 4, paths=1)
    with pytest.raises(IntegrationError, match="seed is -1"):
        choose(system).integrator.solve(system, start, times, seed=-1)
    with pytest.raises(IntegrationError, match=r"initial.noise is uint64"):
        choose(system).integrator.solve(system, InitialState(start.states, noise=streams_of("initial", 0, 3)), times)
    with pytest.raises(IntegrationError, match=r"refinement is 1.5"):
        load("integrators", "sra1")(refinement=1.5)
    flow = compile_system(system_from({"x": "-x"}, name="flow"))
    with pytest.raises(IntegrationError, match="only stochastic systems have noise"):
        choose(flow).integrator.solve(flow, InitialState(start.states, noise=streams_of("initial", 0, 2)), times)
    with pytest.raises(IntegrationError, match="streams"):
        streams_of("initial", 2**32 - 1, 2)
    assert not np.array_equal(key_of(0, "a"), key_of(0, "b"))


def mean_passage(level: float, noise: float) -> float:
    """The exact mean time from -1 to `level`: 2/s^2 times the integral of exp(2 U(y)/s^2) times that of exp(-2 U(z)/s^2) over z < y."""
    grid = np.linspace(-4.0, level, 400_001)
    well = 2.0 * (grid**4 / 4 - grid**2 / 2) / noise**2
    below = cumulative_trapezoid(np.exp(-well), grid, initial=0.0)
    inside = grid >= -1.0
    return float(2.0 / noise**2 * trapezoid(np.exp(well[inside]) * below[inside], grid[inside]))


@pytest.mark.parametrize(("noise", "exact", "kramers"), [(0.4, 120.006, 101.1), (0.5, 41.034, 32.8), (0.7, 14.639, 12.3)])
def test_the_quadrature_of_the_mean_passage_and_what_kramers_formula_makes_of_it(noise: float, exact: float, kramers: float) -> None:
    """2 pi/sqrt(U''(-1) |U''(0)|) exp(2 (1/4)/s^2) with U'' = 2 and -1 is 16 to 20 % low."""
    assert mean_passage(1.0, noise) == pytest.approx(exact, abs=1e-3)
    assert np.sqrt(2) * np.pi * np.exp(0.5 / noise**2) == pytest.approx(kramers, abs=0.05)
    assert 0.155 < 1 - kramers / exact < 0.205


@pytest.mark.slow
def test_the_mean_passage_from_well_to_well_is_that_of_the_quadrature() -> None:
    """At s = 0.7. A path seen every h passes a level 0.5826 s sqrt(h) late (Chernoff 1965), exact for small h."""
    system, paths = double_well(0.7), 2000
    times = np.arange(0.0, 160.0, 0.01)
    passages = []
    for first in range(0, paths, 100):
        start = InitialState(np.full((100, 1), -1.0), noise=streams_of("initial", first, 100))
        reached = load("integrators", "sra1")(step=0.01).solve(system, start, times, seed=9).states[..., 0] >= 1.0
        assert reached.any(axis=1).mean() > 0.98
        passages += [times[row.argmax()] if row.any() else times[-1] for row in reached]
    error = np.std(passages) / np.sqrt(paths)
    assert np.mean(passages) == pytest.approx(mean_passage(1.0 + 0.5826 * 0.7 * np.sqrt(0.01), 0.7), abs=3 * error)
    assert error < 0.4
