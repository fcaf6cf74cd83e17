"""Echo state networks: the recursion by hand, the exact spectral radius, and the tuned score on Lorenz-63."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse

from chaosbench.errors import ForecasterError
from chaosbench.forecasters import _reservoir
from chaosbench.forecasters._reservoir import Reservoir, draw_reservoir, largest_modulus, stacked
from chaosbench.forecasters.base import Budget, Job, Problem, Training
from chaosbench.forecasters.echo_state import EchoStateNetwork
from chaosbench.randomness import generator


def test_one_unit_follows_the_recursion_worked_by_hand() -> None:
    reservoir = Reservoir(scipy.sparse.csr_array(np.array([[0.5, 2.0]])), bias=np.array([0.1]), leak=0.25)
    # 0.75 * 0.2 + 0.25 * tanh(0.5 * 0.2 + 2 * 0.3 + 0.1) = 0.15 + 0.25 * tanh(0.8)
    assert reservoir.advance(np.array([[0.2], [0.3]]))[0, 0] == pytest.approx(0.15 + 0.25 * 0.664036770267849, rel=1e-14)
    following, slope = reservoir.advance_tangents(np.array([[0.2], [0.3]]), np.eye(2)[:, :, None])
    square = 1 - 0.664036770267849**2
    assert following[0, 0] == pytest.approx(0.15 + 0.25 * 0.664036770267849, rel=1e-14)
    np.testing.assert_allclose(slope[0, :, 0], [0.75 + 0.25 * square * 0.5, 0.25 * square * 2.0], rtol=1e-13)


def drawn(units: int = 300, degree: float = 8.0) -> Reservoir:
    return draw_reservoir(generator(3, "test"), units=units, inputs=2, degree=degree, spectral_radius=0.4, input_scale=0.1, bias=1.6, leak=0.6)


def test_the_drawn_network_has_the_radius_the_degree_and_the_ranges_asked_for() -> None:
    reservoir = drawn()
    matrix = reservoir.network.toarray()
    recurrent, feeding = matrix[:, :300], matrix[:, 300:]
    assert np.abs(np.linalg.eigvals(recurrent)).max() == pytest.approx(0.4, rel=1e-12)
    entries = np.count_nonzero(recurrent)
    assert abs(entries - 300 * 8) < 4 * np.sqrt(300 * 8)  # binomial: four standard deviations
    assert 0.099 < np.abs(feeding).max() <= 0.1
    assert 1.58 < np.abs(reservoir.bias).max() <= 1.6


def test_iteration_and_all_eigenvalues_agree_on_the_radius(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    matrix = np.where(random.random((400, 400)) < 0.02, random.normal(size=(400, 400)), 0.0)
    exact = largest_modulus(matrix, random)
    monkeypatch.setattr(_reservoir, "_DENSE_LIMIT", 100)
    assert largest_modulus(matrix, random) == pytest.approx(exact, rel=1e-9)


def test_a_network_without_a_cycle_is_refused() -> None:
    with pytest.raises(ForecasterError, match=r"degree = 0.01: the drawn network of 20 units has no cycle"):
        drawn(units=20, degree=0.01)


def standardised(series: np.ndarray, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, scale = series.mean(axis=0), series.std(axis=0)
    return (series - mean) / scale, (windows - mean) / scale, scale


def test_five_reservoirs_predict_lorenz_63_for_seven_lyapunov_times(
    lorenz_series: np.ndarray, lorenz_windows: np.ndarray, prediction_times: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    """500 units, 1000 noise-free samples at dt = 0.02: median over 5 reservoirs x 100 windows."""
    training, windows, scale = standardised(lorenz_series, lorenz_windows)
    times = []
    for seed in range(5):
        forecaster = EchoStateNetwork(units=500, spectral_radius=0.4, input_scale=0.1, leak=0.6, bias=1.6, ridge=1e-8)
        forecaster.fit(Training([training], dt=0.02), seed=seed)
        times.append(prediction_times(forecaster.forecast(windows[:, :100], 884)[:, 0] - windows[:, 100:], scale))
    assert np.median(times) >= 6.8


@pytest.mark.slow
@pytest.mark.parametrize(("samples", "ridge", "least"), [(1000, 1e-8, 7.0), (1000, None, 10.0), (10_000, 1e-8, 8.5), (10_000, None, 12.0)])
def test_ten_reservoirs_predict_lorenz_63_as_long_as_the_best_published(
    samples: int,
    ridge: float | None,
    least: float,
    lorenz_long_series: np.ndarray,
    lorenz_windows: np.ndarray,
    prediction_times: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> None:
    """500 units, noise-free samples at dt = 0.02, threshold 0.4; measured 7.3, 12.4, 9.0 and 14.4 Lyapunov times, the windows end at 16.0."""
    training, windows, scale = standardised(lorenz_long_series[:samples], lorenz_windows)
    jobs = [Job({"ridge": ridge}, Training([training], dt=0.02), seed, "cpu", Budget()) for seed in range(10)]
    errors = [model.forecast(windows[:, :100], 884)[:, 0] - windows[:, 100:] for model in EchoStateNetwork.fit_many(jobs)]
    assert np.median([np.median(prediction_times(error, scale)) for error in errors]) >= least


def test_reservoirs_side_by_side_keep_their_bits() -> None:
    first, second = drawn(), drawn(units=200, degree=4.0)
    states = np.random.default_rng(0).normal(size=(504, 3))
    one = first.advance(np.concatenate([states[:300], states[500:502]]))
    other = second.advance(np.concatenate([states[300:500], states[502:]]))
    np.testing.assert_array_equal(stacked([first, second]).advance(states), np.concatenate([one, other]))


def test_many_fits_of_different_options_equal_single_ones() -> None:
    random = np.random.default_rng(1)
    training = Training([random.normal(size=(400, 2)), random.normal(size=(300, 2))], dt=1.0)
    options = [{"leak": 0.3}, {"spectral_radius": 0.9, "squares": True}, {"noise": 0.1, "increments": True}, {"units": 40}, {"ridge": 1e-3}]
    jobs = [Job({"units": 30, "washout": 20, "ridge": 1e-6} | chosen, training, 7, "cpu", Budget()) for chosen in options]
    for job, model in zip(jobs, EchoStateNetwork.fit_many(jobs), strict=True):
        alone = EchoStateNetwork(**job.options)
        alone.fit(training, seed=7)
        np.testing.assert_array_equal(model.forecast(training.states[0][None, :50], 10), alone.forecast(training.states[0][None, :50], 10))


def test_squares_give_an_even_target_that_odd_units_cannot() -> None:
    # without a bias tanh units are odd in their input, so their sums are odd, too: the square of the input is out of reach
    series = np.random.default_rng(2).uniform(-1.0, 1.0, 600)
    states = np.stack([series, np.concatenate([[0.0], series[:-1] ** 2 - 0.3])], axis=1)
    errors = {}
    for squares in (False, True):
        model = EchoStateNetwork(units=60, bias=0.0, spectral_radius=0.0, leak=1.0, input_scale=1.0, washout=10, ridge=1e-8, squares=squares)
        model.fit(Training([states], dt=1.0), seed=0)
        contexts = np.stack([states[n : n + 20] for n in range(100, 160)])
        errors[squares] = float(np.sqrt(np.mean((model.forecast(contexts, 1)[:, 0, 0, 1] - states[120:180, 1]) ** 2)))
    assert errors[True] < 0.2 * errors[False]


def test_qr_keeps_the_readout_accurate_where_the_squared_form_fails(
    lorenz_series: np.ndarray, lorenz_windows: np.ndarray, prediction_times: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> None:
    training, windows, scale = standardised(lorenz_series, lorenz_windows)
    forecaster = EchoStateNetwork(ridge=1e-12)
    forecaster.fit(Training([training], dt=0.02), seed=0)
    times = prediction_times(forecaster.forecast(windows[:40, :100], 884)[:, 0] - windows[:40, 100:], scale)
    assert np.median(times) > 10.0  # measured 12; the Gram matrix at this ridge gives between 0.05 and 9, by seed


def test_the_start_of_the_reservoir_is_forgotten() -> None:
    forecaster = EchoStateNetwork(units=50, washout=20)
    series = np.random.default_rng(5).normal(size=(300, 2))
    forecaster.fit(Training([series], dt=1.0), seed=0)
    model = forecaster.as_map()
    # the slowest unit state shrinks by at most 1 - 0.6 + 0.6 * 0.4 = 0.64 a step when it stays in the linear range: 0.64^100 = 4e-20
    np.testing.assert_allclose(model.start(series[100:]), model.start(series[:]), atol=1e-13)


def test_data_that_end_within_the_washout_are_refused() -> None:
    forecaster = EchoStateNetwork(washout=50)
    assert forecaster.unsupported(Problem(2, 1.0, context=10, horizon=5, training_samples=51)) is not None
    with pytest.raises(ForecasterError, match="longest of 1 trajectories has 51 samples; a washout of 50 and one pair need 52"):
        forecaster.fit(Training([np.zeros((51, 2))], dt=1.0), seed=0)
    with pytest.raises(ForecasterError, match=r"leak = 1.5: must lie in \(0, 1\]"):
        EchoStateNetwork(leak=1.5)
