"""Flows and a delay system of neurons, oscillators, lasers and the ocean, against what is known of them exactly or by another program."""

import numpy as np
import pytest
from scipy.optimize import brentq

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.integrators.base import InitialState


def solved(compiled: CompiledSystem, start: np.ndarray, times: np.ndarray, tolerance: float = 1e-11) -> np.ndarray:
    """The states (T, D) along one orbit."""
    initial = InitialState(np.atleast_2d(start))
    solution = load("integrators", "dop853")().solve(compiled, initial, times, rtol=tolerance, atol=tolerance, max_steps=10**7)
    assert not solution.status.any()
    return solution.states[0]


def test_the_laser_of_maxwell_and_bloch_is_the_convection_of_lorenz() -> None:
    """x = E sqrt(beta (rho - 1)), y = P sqrt(beta (rho - 1)), z = rho - D at sigma = kappa, rho = lam + 1, beta = gamma_par (Haken 1975)."""
    laser, convection = compile_system(system("maxwell_bloch")), compile_system(system("lorenz63"))
    scale = np.array([np.sqrt(8 / 3 * 27), np.sqrt(8 / 3 * 27), -1.0])
    states = np.random.default_rng(0).normal(size=(32, 3)) * [1.0, 1.0, 10.0]
    assert laser.value(states) * scale == pytest.approx(convection.value(states * scale + [0.0, 0.0, 28.0]), rel=1e-12, abs=1e-12)


def axon(current: float) -> tuple[CompiledSystem, np.ndarray]:
    """The axon under a current, and its gates at -65 mV as they are after a long time there."""
    v = -65.0
    opening = np.array([0.01 * (v + 55) / (1 - np.exp(-(v + 55) / 10)), 0.1 * (v + 40) / (1 - np.exp(-(v + 40) / 10)), 0.07 * np.exp(-(v + 65) / 20)])
    closing = np.array([0.125 * np.exp(-(v + 65) / 80), 4 * np.exp(-(v + 65) / 18), 1 / (1 + np.exp(-(v + 35) / 10))])
    return compile_system(system("hodgkin_huxley", {"I": current})), np.concatenate([[v], opening / (opening + closing)])


def spikes(current: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Times at which V rises through 0 mV, and V at the end."""
    times = np.arange(0.0, end, 0.005)
    v = solved(*axon(current), times)[:, 0]
    up = np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0))
    return times[up] - v[up] / (v[up + 1] - v[up]) * 0.005, v[-2000:]


def test_the_axon_fires_every_14_6383_milliseconds_under_10_and_twice_under_6_microamperes() -> None:
    """The period is by another program; by linear interpolation between samples it is known to 1e-5."""
    times, _ = spikes(10.0, 200.0)
    assert np.diff(times)[-3:] == pytest.approx([14.6383] * 3, abs=1e-4)
    times, late = spikes(6.0, 300.0)
    assert len(times) == 2
    assert np.ptp(late) < 0.01, "and then it rests"


@pytest.mark.slow
@pytest.mark.parametrize(("coupling", "other"), [(1.2, 0.4069), (2.0, 0.7067), (4.0, 0.8661), (0.8, 0.029)])
def test_oscillators_with_lorentz_frequencies_agree_on_a_phase_as_kuramoto_found(coupling: float, other: float) -> None:
    """r = sqrt(1 - 2 gamma/K) above K = 2 gamma, and a few 1/sqrt(N) below; frequencies at the quantiles of gamma = 0.5, N = 2000."""
    frequencies = {"formula": "0.5*tan(pi*((i + 0.5)/N - 0.5))", "shape": "N"}
    text = "omega[i] + K/N*(cos(theta[i])*sum(j, sin(theta[j])) - sin(theta[i])*sum(j, cos(theta[j])))"
    crowd = compile_system(system_from({"theta[i]": text}, parameters={"K": coupling, "omega": frequencies}, size={"N": 2000}, name="lorentzian"))
    start = np.random.default_rng(0).uniform(0.0, 2 * np.pi, 2000)
    phases = solved(crowd, start, np.concatenate([[0.0], np.linspace(100.0, 150.0, 201)]), 1e-6)[1:]
    order = np.abs(np.exp(1j * phases).mean(axis=1))
    exact = np.sqrt(max(0.0, 1 - 1 / coupling))
    assert order.mean() == pytest.approx(exact, abs=0.003 if coupling > 1 else 2 / np.sqrt(2000))
    assert order.mean() == pytest.approx(other, abs=0.003 if coupling > 1 else 2 / np.sqrt(2000))


def circulations(ratio: float) -> np.ndarray:
    """All flows f = (R x - y)/lam of steady states: x = delta/(delta + |f|), y = 1/(1 + |f|)."""

    def excess(f: float) -> float:
        return (ratio / 6) / (1 / 6 + abs(f)) - 1 / (1 + abs(f)) - 0.2 * f

    grid = np.linspace(-5.0, 25.0, 60_001)
    values = np.array([excess(f) for f in grid])
    return np.array([brentq(excess, grid[k], grid[k + 1]) for k in np.flatnonzero(values[:-1] * values[1:] < 0)])


def test_the_boxes_of_stommel_have_two_stable_circulations_and_a_saddle() -> None:
    """f = -1.07, -0.31 and 0.22, as read from his figure."""
    found = circulations(2.0)
    assert found == pytest.approx([-1.07, -0.31, 0.22], abs=0.006)
    boxes = compile_system(system("stommel"))
    steady = np.stack([1 / 6 / (1 / 6 + np.abs(found)), 1 / (1 + np.abs(found))], axis=1)
    assert boxes.value(steady) == pytest.approx(np.zeros((3, 2)), abs=1e-12)
    eigenvalues = np.linalg.eigvals(boxes.jacobian(steady))
    assert (eigenvalues.real.max(axis=1) < 0).tolist() == [True, False, True]
    assert eigenvalues[1].real.min() < 0


def test_the_boxes_of_stommel_remember_where_they_come_from() -> None:
    """A rise and a fall of R past both folds pass R = 2 on different branches."""
    assert [len(circulations(ratio)) for ratio in (0.9, 2.0, 3.0)] == [1, 3, 1]
    place, flows = np.array([0.5, 0.8]), {}
    for ratio in [*range(9, 31), *range(29, 19, -1)]:  # tenths; a single jump back would throw the boxes onto the other branch
        place = solved(compile_system(system("stommel", {"R": ratio / 10})), place, np.array([0.0, 100.0]))[-1]
        flows.setdefault(ratio, []).append((ratio / 10 * place[0] - place[1]) / 0.2)
    assert flows[20] == pytest.approx(circulations(2.0)[[0, 2]], abs=1e-8)


def test_a_laser_with_feedback_has_the_modes_of_its_external_cavity() -> None:
    """E = r exp(i w t): n = -eta cos(w tau), w = alpha n - eta sin(w tau), r^2 = (J - n)/(1 + 2 n); such a past goes on as it is."""
    laser = compile_system(system("lang_kobayashi"))
    alpha, eta, tau, pump = 5.0, 0.135, 70.0, 0.155

    def excess(w: float) -> float:
        return -alpha * eta * np.cos(w * tau) - eta * np.sin(w * tau) - w

    grid = np.linspace(-0.75, 0.75, 3001)
    values = excess(grid)
    modes = np.array([brentq(excess, grid[k], grid[k + 1], xtol=1e-15) for k in np.flatnonzero(values[:-1] * values[1:] < 0)])
    assert len(modes) > 10
    for w in modes[[0, len(modes) // 2]]:
        n = -eta * np.cos(w * tau)
        radius = np.sqrt((pump - n) / (1 + 2 * n))
        lags = np.linspace(tau, 0.0, 2049)
        past = np.stack([radius * np.cos(-w * lags), radius * np.sin(-w * lags), np.full(len(lags), n)], axis=1)[None]
        times = np.linspace(0.0, 70.0, 8)
        solution = load("integrators", "dop853")().solve(laser, InitialState(past[:, -1].copy(), past, lags), times, rtol=1e-11, atol=1e-11)
        wanted = np.stack([radius * np.cos(w * times), radius * np.sin(w * times), np.full(len(times), n)], axis=1)
        assert solution.states[0] == pytest.approx(wanted, abs=1e-6)
