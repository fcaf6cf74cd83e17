"""Fractional noise: exact covariances, the law of a driven process, and what cannot be done with it."""

import math

import numpy as np
import pytest

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import DatasetError, IntegrationError
from chaosbench.integrators._choice import choose
from chaosbench.integrators._fractional import fractional_noise
from chaosbench.integrators._philox import key_of, streams_of
from chaosbench.integrators.base import InitialState
from chaosbench.trajectories import simulate

EXPONENTS = (0.1, 0.3, 0.5, 0.7, 0.9)


def noise(hurst: float, count: int, paths: int) -> np.ndarray:
    """Increments (paths, count)."""
    return fractional_noise(hurst, count, key=key_of(0, "fractional"), stream=np.uint64(0), processes=paths).T


def driven(hurst: float = 0.7) -> CompiledSystem:
    definition = system_from({"x": "-x"}, kind="stochastic", hurst="H", diffusion={"x": "s"}, parameters={"H": hurst, "s": 1.0}, name="driven")
    return compile_system(definition)


@pytest.mark.parametrize("hurst", EXPONENTS)
def test_increments_have_the_covariances_of_fractional_brownian_motion(hurst: float) -> None:
    """Variance 1 and lag-1 correlation 2^(2H-1) - 1 over 32 paths of 2^12; the room is 5 standard errors, measured from the scatter of the paths."""
    found = noise(hurst, 2**12, 32)
    for lag, exact in ((0, 1.0), (1, 2 ** (2 * hurst - 1) - 1)):
        products = np.mean(found[:, lag:] * found[:, : found.shape[1] - lag], axis=1)
        assert abs(products.mean() - exact) <= 5 * products.std(ddof=1) / np.sqrt(32), lag


@pytest.mark.parametrize("hurst", EXPONENTS)
def test_the_madogram_has_the_slope_of_the_hurst_exponent(hurst: float) -> None:
    """Mean |B(t + d) - B(t)| grows like d^H; lags 1 to 16 over 32 paths of 2^12."""
    paths = np.cumsum(noise(hurst, 2**12, 32), axis=1)
    lags = 2 ** np.arange(5)
    means = [np.abs(paths[:, lag:] - paths[:, :-lag]).mean() for lag in lags]
    assert np.polyfit(np.log(lags), np.log(means), 1)[0] == pytest.approx(hurst, abs=0.015 if hurst < 0.8 else 0.03)


@pytest.mark.slow
@pytest.mark.parametrize("hurst", EXPONENTS)
def test_many_long_paths_have_the_slope_and_the_correlation_to_half_a_per_cent(hurst: float) -> None:
    """64 paths of 2^14. Near H = 1 paths scatter more: 0.01 at 0.9, and no bound there for the correlation but four of its errors."""
    increments = noise(hurst, 2**14, 64)
    paths, lags = np.cumsum(increments, axis=1), 2 ** np.arange(5)
    means = [np.abs(paths[:, lag:] - paths[:, :-lag]).mean() for lag in lags]
    assert np.polyfit(np.log(lags), np.log(means), 1)[0] == pytest.approx(hurst, abs=0.005 if hurst < 0.8 else 0.01)
    products = np.mean(increments[:, 1:] * increments[:, :-1], axis=1) / np.mean(increments**2)
    exact = 2 ** (2 * hurst - 1) - 1
    assert products.mean() == pytest.approx(exact, abs=0.005 if hurst < 0.8 else 4 * products.std(ddof=1) / 8)


def test_a_half_is_white_noise_and_the_numbers_are_the_counter_s() -> None:
    found = noise(0.5, 1000, 2)
    assert np.array_equal(found, noise(0.5, 1000, 2))
    assert abs(np.corrcoef(found)[0, 1]) < 5 / np.sqrt(1000)
    circle = fractional_noise(0.7, 64, key=key_of(0, "a"), stream=np.uint64(3), processes=1, circle=True)
    assert circle.shape == (64, 1)


def test_the_fractional_ornstein_uhlenbeck_process_has_its_variance() -> None:
    """s^2 Gamma(2H + 1)/(2 theta^(2H)) for H = 0.7: 0.6211; independent paths, 4 standard errors, and the bias of the Euler step."""
    system, paths = driven(), 1500
    states = choose(system).integrator.solve(system, InitialState(np.zeros((paths, 1))), np.array([0.0, 12.0]), seed=1).states[:, -1, 0]
    exact = math.gamma(2.4) / 2.0
    assert abs(np.mean(states**2) - exact) <= 4 * exact * np.sqrt(2 / paths) + 0.02 * exact


def test_a_refined_path_is_the_same_path() -> None:
    """A grid twice as fine, added up: Euler-Maruyama with drift 0 ends on the same number."""
    system = compile_system(system_from({"x": "0*x"}, kind="stochastic", hurst="0.3", diffusion={"x": "1"}, name="still"))
    method = type(choose(system).integrator)
    start, times = InitialState(np.zeros((3, 1))), np.linspace(0.0, 1.0, 5)
    coarse = method(step=1 / 8, refinement=2).solve(system, start, times, seed=1)
    fine = method(step=1 / 16, refinement=1).solve(system, start, times, seed=1)
    assert coarse.states == pytest.approx(fine.states, abs=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize(("hurst", "order"), [(0.3, 0.8), (0.7, 1.0)])
def test_euler_with_fractional_noise_has_order_h_and_a_half_up_to_one(hurst: float, order: float) -> None:
    """The noise between grid points is missed by h^(H + 1/2), the bend of the drift by h; against the finest step on the same path."""
    system = driven(hurst)
    method, start = type(choose(system).integrator), InitialState(np.zeros((1000, 1)))

    def end(level: int) -> np.ndarray:
        return method(step=2.0**-level, refinement=12 - level).solve(system, start, np.array([0.0, 1.0]), seed=3).states[:, -1, 0]

    exact, levels = end(12), (8, 7, 6, 5, 4)
    errors = [np.sqrt(np.mean((end(level) - exact) ** 2)) for level in levels]
    assert np.polyfit([-level for level in levels], np.log2(errors), 1)[0] == pytest.approx(order, abs=0.2)


def test_what_cannot_be_done_is_refused_with_the_reason() -> None:
    system = driven()
    method, start = choose(system).integrator, InitialState(np.zeros((1, 1)))
    ended = method.solve(system, start, np.array([0.0, 1.0]), seed=0).final
    with pytest.raises(IntegrationError, match="depends on all of its past"):
        method.solve(system, ended, np.array([0.0, 1.0]), seed=0)
    with pytest.raises(IntegrationError, match="not evenly spaced"):
        method.solve(system, start, np.array([0.0, 1.0, 3.0]))
    with pytest.raises(DatasetError, match="anchor = 2"):
        simulate(system.definition, n_trajectories=1, n_samples=4, seed=0, dt=0.1, transient=1.0, anchor=2)
    with pytest.raises(DatasetError, match="has noise"):
        simulate(system.definition, n_trajectories=1, n_samples=4, seed=0, dt=0.1, transient=1.0, certify=True)
    assert streams_of("initial", 0, 1)[0, 0] == 0


def test_data_with_fractional_noise_are_one_run_and_do_not_depend_on_the_batch() -> None:
    given = {"n_samples": 20, "seed": 2, "dt": 0.1, "transient": 3.0}
    whole = simulate(driven().definition, n_trajectories=3, **given)["state"].values
    part = simulate(driven().definition, n_trajectories=1, first=2, **given)["state"].values
    assert np.array_equal(whole[2:], part)
    assert whole.std() > 0.1
