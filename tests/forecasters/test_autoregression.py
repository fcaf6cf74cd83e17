"""Linear autoregression: exact on linear systems, in its forecasts, its order and the exponents of its map."""

import numpy as np
import pytest

from chaosbench.errors import ForecasterError
from chaosbench.forecasters.autoregression import Autoregression
from chaosbench.forecasters.base import Problem, Training

# x_{t+1} = 0.1 + 1.6 x_t - 0.95 x_{t-1}: two complex poles of modulus sqrt(0.95)
CONSTANT, FIRST, SECOND = 0.1, 1.6, -0.95


def second_order(samples: int, noise: float = 0.0) -> np.ndarray:
    kicks = noise * np.random.default_rng(0).normal(size=samples)
    series = [1.0, -0.5]
    for t in range(2, samples):
        series.append(CONSTANT + FIRST * series[-1] + SECOND * series[-2] + kicks[t])
    return np.array(series)[:, None]


def fitted(states: np.ndarray, **options: object) -> Autoregression:
    forecaster = Autoregression(**options)  # type: ignore[arg-type]
    forecaster.fit(Training([states], dt=0.5), seed=0)
    return forecaster


def test_a_linear_recurrence_is_continued_exactly() -> None:
    series = second_order(160)
    forecast = fitted(series[:100], orders=(2,), ridge=0.0).forecast(series[None, :100], 60)
    np.testing.assert_allclose(forecast[0, 0], series[100:], atol=1e-11)


def test_the_order_that_made_the_data_is_chosen_under_noise() -> None:
    model = fitted(second_order(2000, noise=0.1), orders=(1, 2)).as_map()
    assert model.dimension == 2


def test_the_map_has_the_poles_of_the_recurrence() -> None:
    model = fitted(second_order(200), orders=(2,), ridge=0.0).as_map()
    _, columns = model.step_tangents(model.start(second_order(10)), np.eye(2))
    # poles of z^2 = 1.6 z - 0.95: 0.8 +- i sqrt(0.95 - 0.64)
    expected = [0.8 - 1j * np.sqrt(0.31), 0.8 + 1j * np.sqrt(0.31)]
    np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(columns.T)), expected, atol=1e-10)
    assert model.dt == 0.5


def test_too_little_data_for_a_validation_still_gives_the_smallest_order() -> None:
    model = fitted(np.array([[1.0], [0.5], [0.25]]), orders=(1, 8), ridge=0.0).as_map()
    assert model.dimension == 1


def test_options_and_problems_out_of_range_are_refused() -> None:
    with pytest.raises(ForecasterError, match="must hold at least one order"):
        Autoregression(orders=())
    with pytest.raises(ForecasterError, match=r"orders\[1\] = -2"):
        Autoregression(orders=(1, -2))
    assert Autoregression(orders=(4,)).unsupported(Problem(1, 1.0, context=3, horizon=5, training_samples=100)) is not None
