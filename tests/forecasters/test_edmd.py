"""EDMD: exact where the dictionary spans an invariant subspace, and what re-lifting is for where it does not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chaosbench.errors import ForecasterError
from chaosbench.forecasters.base import Problem, Training
from chaosbench.forecasters.edmd import ExtendedDynamicModeDecomposition

SLOW, FAST = 0.95, 0.6


def slow_manifold(samples: int, start: tuple[float, float]) -> np.ndarray:
    """x' = a x, y' = b y + (a^2 - b) x^2: {x, y, x^2} is closed under the dynamics, so K is finite there."""
    states = [np.array(start)]
    for _ in range(samples - 1):
        x, y = states[-1]
        states.append(np.array([SLOW * x, FAST * y + (SLOW**2 - FAST) * x * x]))
    return np.array(states)


TRAJECTORIES = [slow_manifold(30, start) for start in [(1.0, 0.5), (-0.7, 1.0), (0.3, -1.0), (1.2, -0.4)]]


def fitted(states: list[np.ndarray], **options: Any) -> ExtendedDynamicModeDecomposition:
    forecaster = ExtendedDynamicModeDecomposition(**options)
    forecaster.fit(Training(states, dt=1.0), seed=0)
    return forecaster


@pytest.mark.parametrize("relift", [True, False])
def test_an_invariant_subspace_is_forecast_exactly(relift: bool) -> None:
    forecaster = fitted(TRAJECTORIES, dictionary="monomials", degree=2, ridge=0.0, relift=relift)
    truth = slow_manifold(41, (0.8, 0.9))
    np.testing.assert_allclose(forecaster.forecast(truth[None, :1], 40)[0, 0], truth[1:], atol=1e-10)


def test_the_linear_map_holds_the_koopman_eigenvalues() -> None:
    model = fitted(TRAJECTORIES, dictionary="monomials", degree=2, ridge=0.0, relift=False).as_map()
    _, rows = model.step_tangents(np.zeros(6), np.eye(6))
    eigenvalues = np.linalg.eigvals(rows)
    # 1 of the constant, a and b of the coordinates, a^2 of x^2; products of eigenfunctions outside the dictionary are not represented
    for exact in (1.0, SLOW, FAST, SLOW**2):
        assert np.abs(eigenvalues - exact).min() < 1e-8


def test_delays_give_a_hidden_coordinate_back() -> None:
    # one component of a rotation by one radian: x_{t+1} = 2 cos(1) x_t - x_{t-1}, linear in two delays and not a function of one
    series = np.cos(np.arange(200.0))[:, None]
    options = {"dictionary": "monomials", "degree": 1, "ridge": 0.0}
    error = {}
    for delays in (1, 2):
        forecast = fitted([series[:100]], delays=delays, **options).forecast(series[None, :100], 100)[0, 0]
        error[delays] = np.abs(forecast - series[100:]).max()
    assert error[2] < 1e-10
    assert error[1] > 0.5


@pytest.mark.parametrize(("dictionary", "least"), [("fourier", 9.0), ("radial", 5.0)])
def test_re_lifting_follows_lorenz_63(
    dictionary: str,
    least: float,
    lorenz_series: np.ndarray,
    lorenz_windows: np.ndarray,
    prediction_times: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> None:
    """1000 noise-free samples; measured medians 11.8 and 7.1 Lyapunov times, the limits leave a quarter for another draw."""
    mean, scale = lorenz_series.mean(axis=0), lorenz_series.std(axis=0)
    windows = (lorenz_windows - mean) / scale
    forecaster = fitted([(lorenz_series - mean) / scale], dictionary=dictionary, ridge=1e-12)
    error = forecaster.forecast(windows[:40, :100], 884)[:, 0] - windows[:40, 100:]
    assert np.median(prediction_times(error, scale)) > least


def test_the_linear_forecast_of_a_mixing_system_relaxes_to_the_mean(lorenz_series: np.ndarray, lorenz_windows: np.ndarray) -> None:
    mean, scale = lorenz_series.mean(axis=0), lorenz_series.std(axis=0)
    windows = ((lorenz_windows - mean) / scale)[:30, :100]
    late = {}
    for relift in (True, False):
        forecaster = fitted([(lorenz_series - mean) / scale], ridge=1e-2, observables=100, relift=relift)
        late[relift] = forecaster.forecast(windows, 2000)[:, 0, 1000:].std()
    assert late[False] < 0.2 < 0.8 < late[True]


def test_truncation_removes_noise_and_too_little_rank_removes_the_dynamics() -> None:
    random = np.random.default_rng(0)
    clean = [slow_manifold(30, tuple(random.uniform(-1, 1, 2))) for _ in range(20)]
    noisy = [states + 0.02 * random.normal(size=states.shape) for states in clean]
    truth = slow_manifold(11, (0.8, 0.4))

    def error(states: list[np.ndarray], rank: Any) -> float:
        forecaster = fitted(states, dictionary="fourier", observables=60, ridge=0.0, rank=rank)
        return float(np.abs(forecaster.forecast(truth[None, :1], 10)[0, 0] - truth[1:]).max())

    assert error(clean, "numerical") < 1e-5
    assert error(noisy, "gavish-donoho") < 0.5 * error(noisy, "numerical")
    assert error(clean, 3) > 0.1  # three directions cannot hold two coordinates and a square


def test_another_seed_draws_another_dictionary_and_monomials_need_none() -> None:
    answers = {}
    for dictionary in ("fourier", "radial", "monomials"):
        for seed in (0, 1):
            forecaster = ExtendedDynamicModeDecomposition(dictionary=dictionary, observables=20, ridge=1e-8)  # type: ignore[arg-type]
            forecaster.fit(Training(TRAJECTORIES, dt=1.0), seed=seed)
            answers[dictionary, seed] = forecaster.forecast(np.array([[[0.5, 0.5]]]), 5)
    assert not np.array_equal(answers["fourier", 0], answers["fourier", 1])
    assert not np.array_equal(answers["radial", 0], answers["radial", 1])
    np.testing.assert_array_equal(answers["monomials", 0], answers["monomials", 1])


def test_options_and_problems_out_of_range_are_refused() -> None:
    with pytest.raises(ForecasterError, match="dictionary = 'wavelets': must be one of fourier, radial, monomials"):
        ExtendedDynamicModeDecomposition(dictionary="wavelets")  # type: ignore[arg-type]
    with pytest.raises(ForecasterError, match="rank = 'most'"):
        ExtendedDynamicModeDecomposition(rank="most")  # type: ignore[arg-type]
    problem = Problem(dimension=40, dt=0.01, context=100, horizon=10, training_samples=5000)
    assert ExtendedDynamicModeDecomposition().unsupported(problem) is None
    assert ExtendedDynamicModeDecomposition(dictionary="monomials").unsupported(problem) is not None  # comb(43, 3) = 12341
