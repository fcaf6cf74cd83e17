"""Next-generation reservoir computing: exact on polynomial maps, and the published error on Lorenz-63."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from chaosbench.forecasters.base import Problem, Training
from chaosbench.forecasters.ngrc import NextGenerationReservoir


def henon(samples: int) -> np.ndarray:
    states = [np.array([0.1, 0.1])]
    for _ in range(samples - 1):
        x, y = states[-1]
        states.append(np.array([1.0 - 1.4 * x * x + y, 0.3 * x]))
    return np.array(states)


def test_a_quadratic_map_is_learned_to_rounding() -> None:
    series = henon(300)
    forecaster = NextGenerationReservoir(delays=1, ridge=0.0)
    forecaster.fit(Training([series[:200]], dt=1.0), seed=0)
    forecast = forecaster.forecast(series[None, :200], 20)[0, 0]
    # rounding of 1e-15 grows by e^{0.42} a step: 20 steps make 4e-12
    np.testing.assert_allclose(forecast, series[200:220], atol=1e-10)
    model = forecaster.as_map()
    _, columns = model.step_tangents(np.array([0.4, -0.2]), np.eye(2))
    np.testing.assert_allclose(columns.T, [[-2 * 1.4 * 0.4, 1.0], [0.3, 0.0]], atol=1e-10)  # the Jacobian of the map


def test_the_published_error_on_lorenz_63() -> None:
    """Gauthier et al. 2021: test error over one Lyapunov time (2.1 +- 0.4)e-3, mean and standard error over ten training segments, raw units."""

    def lorenz(_: float, state: np.ndarray) -> list[float]:
        x, y, z = state
        return [10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z]

    dt, lyapunov_time, training = 0.025, 1.104, 400
    leads = round(lyapunov_time / dt)
    errors, training_errors = [], []
    for warmup in range(5, 105, 10):
        end = warmup + 10.0 + lyapunov_time
        times = np.linspace(0.0, end, round(end / dt) + 1)
        start = [17.67715816276679, 12.931379185960404, 43.91404334248268]
        series = solve_ivp(lorenz, (0.0, end), start, method="RK23", t_eval=times).y.T
        last = round(warmup / dt) + training  # two samples before the first of 400 targets, up to the sample before the test
        forecaster = NextGenerationReservoir(delays=2, stride=1, degree=2, ridge=2.5e-6)
        forecaster.fit(Training([series[last - training - 2 : last]], dt=dt), seed=0)
        forecast = forecaster.forecast(series[None, last - 2 : last], leads - 1)[0, 0]
        # their sum has 44 terms, the first of which is the known start; their normaliser is the variance of all three variables pooled
        squares = np.sum((forecast - series[last : last + leads - 1]) ** 2)
        errors.append(np.sqrt(squares / (3 * leads) / np.var(series)))
        pairs = np.stack([series[end - 2 : end] for end in range(last - training, last)])
        following = forecaster.forecast(pairs, 1)[:, 0, 0]
        training_errors.append(np.sqrt(np.mean((following - series[last - training : last]) ** 2) / np.var(series)))
    # Processors round the loose Runge-Kutta orbit differently and so give other segments, now and then one on which the model fails (0.26 was seen):
    # the median is held, within three of the published standard errors, and nine of ten.
    assert np.median(errors) == pytest.approx(2.1e-3, abs=1.3e-3)
    assert np.sort(errors)[8] <= 5e-3
    # one-step error on the training segments: (1.046 +- 0.034)e-4
    assert np.mean(training_errors) == pytest.approx(1.046e-4, abs=3 * 0.034e-4)


def test_levels_as_target_are_learned_to_rounding_too() -> None:
    series = henon(300)
    forecaster = NextGenerationReservoir(delays=1, ridge=0.0, increments=False)
    forecaster.fit(Training([series[:200]], dt=1.0), seed=0)
    np.testing.assert_allclose(forecaster.forecast(series[None, :200], 20)[0, 0], series[200:220], atol=1e-10)


def test_a_stride_reads_every_second_sample() -> None:
    # x_{t+1} = 1 - 1.2 x_{t-2}^2 + 0.2 x_t: a quadratic of the newest sample and the one two before
    series = list(np.random.default_rng(0).uniform(0.5, 1.0, 3))
    for _ in range(300):
        series.append(1.0 - 1.2 * series[-3] ** 2 + 0.2 * series[-1])
    states = np.array(series)[:, None]
    forecaster = NextGenerationReservoir(delays=2, stride=2, ridge=0.0)
    forecaster.fit(Training([states[:250]], dt=1.0), seed=0)
    np.testing.assert_allclose(forecaster.forecast(states[None, :250], 5)[0, 0], states[250:255], atol=1e-9)


def test_the_ridge_is_chosen_where_the_published_one_diverges(
    lorenz_series: np.ndarray, lorenz_windows: np.ndarray, prediction_times: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    mean, scale = lorenz_series.mean(axis=0), lorenz_series.std(axis=0)
    windows = (lorenz_windows - mean) / scale
    medians = {}
    for ridge in (1e-10, None):
        forecaster = NextGenerationReservoir(ridge=ridge)
        forecaster.fit(Training([(lorenz_series - mean) / scale], dt=0.02), seed=0)
        error = forecaster.forecast(windows[:, :100], 884)[:, 0] - windows[:, 100:]
        medians[ridge] = float(np.median(prediction_times(error, scale)))
    assert medians[1e-10] < 0.5  # measured 0.09: neighbouring delays are differenced
    assert medians[None] > 5.5  # measured 6.7


def test_the_trained_map_has_the_exponents_of_lorenz_63(lorenz_series: np.ndarray) -> None:
    mean, scale = lorenz_series.mean(axis=0), lorenz_series.std(axis=0)
    forecaster = NextGenerationReservoir(degree=3)
    forecaster.fit(Training([(lorenz_series - mean) / scale], dt=0.02), seed=0)
    model = forecaster.as_map()
    state, vectors = model.start((lorenz_series - mean) / scale), np.eye(3, model.dimension)
    logarithms = []
    for _ in range(6000):
        state, vectors = model.step_tangents(state, vectors)
        orthogonal, triangle = np.linalg.qr(vectors.T)
        vectors = orthogonal.T
        logarithms.append(np.log(np.abs(np.diag(triangle))))
    exponents = np.mean(logarithms[500:], axis=0) / 0.02
    # 110 time units leave a scatter of about 0.03; the sum is -(10 + 1 + 8/3) exactly
    np.testing.assert_allclose(exponents, [0.9056, 0.0, -14.5723], atol=0.12)
    assert exponents.sum() == pytest.approx(-41 / 3, abs=0.02)


def test_problems_with_too_many_monomials_get_a_reason() -> None:
    problem = Problem(dimension=40, dt=0.01, context=100, horizon=10, training_samples=5000)
    assert NextGenerationReservoir().unsupported(problem) is None  # comb(82, 2) = 3321
    assert NextGenerationReservoir(degree=3).unsupported(problem) == "91881 monomials of degree 3 in 2 delays of 40 components; at most 4000"
    assert NextGenerationReservoir(delays=3, stride=50).unsupported(problem) is not None
