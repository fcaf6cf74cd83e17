"""Residuals, pseudospectra and the measure-preserving truncation: exact on invariant subspaces, on rotations, on normal operators."""

import numpy as np
import pytest

from chaosbench.errors import ForecasterError
from chaosbench.forecasters._residuals import SnapshotTriangle, polar
from chaosbench.forecasters.base import Problem, Training
from chaosbench.forecasters.edmd import ExtendedDynamicModeDecomposition
from chaosbench.forecasters.mpedmd import MeasurePreservingDecomposition
from chaosbench.forecasters.resdmd import ResidualDynamicModeDecomposition

ANGLE = 0.7


def linear_runs() -> list[np.ndarray]:
    """x' = 0.9 x, y' = 0.5 y from 20 starts: monomials of degree q are closed, with eigenvalues 0.9^i 0.5^j, i + j <= q."""
    starts = np.random.default_rng(0).uniform(-1.0, 1.0, (20, 2))
    return [start * np.array([0.9, 0.5]) ** np.arange(10)[:, None] for start in starts]


def circle(samples: int) -> np.ndarray:
    phase = ANGLE * np.arange(samples)
    return np.stack([np.cos(phase), np.sin(phase)], axis=1)


def logistic(samples: int) -> np.ndarray:
    series = [0.3]
    for _ in range(samples - 1):
        series.append(4.0 * series[-1] * (1.0 - series[-1]))
    return np.array(series)[:, None]


def test_an_invariant_subspace_has_no_residual() -> None:
    forecaster = ExtendedDynamicModeDecomposition(dictionary="monomials", degree=2, relift=False, ridge=0.0)
    forecaster.fit(Training(linear_runs(), dt=1.0), seed=0)
    pairs = forecaster.eigenpairs()
    exact = [1.0, 0.9, 0.81, 0.5, 0.45, 0.25]  # 0.9^i 0.5^j with i + j <= 2
    np.testing.assert_allclose(np.sort(pairs.values.real)[::-1], exact, atol=1e-10)
    assert pairs.residuals.max() < 1e-10  # through Gram matrices it could not be below 1e-8


def test_a_rotation_has_unimodular_eigenvalues_and_no_residual() -> None:
    forecaster = ExtendedDynamicModeDecomposition(dictionary="monomials", degree=3)
    forecaster.fit(Training([circle(300)], dt=1.0), seed=0)
    pairs = forecaster.koopman().eigenpairs()
    # degrees up to 3 on the circle span e^{ik phase}, |k| <= 3, once each
    assert len(pairs.values) == 7
    np.testing.assert_allclose(np.sort(np.angle(pairs.values)), ANGLE * np.arange(-3, 4), atol=1e-10)
    assert pairs.residuals.max() < 1e-10


def test_the_pseudospectrum_of_a_normal_operator_is_the_distance_to_its_eigenvalues() -> None:
    forecaster = ExtendedDynamicModeDecomposition(dictionary="monomials", degree=1)
    forecaster.fit(Training([circle(3001)], dt=1.0), seed=0)
    points = np.array([0.0, 1.5, 0.4 + 0.3j, -1.0 + 1.0j, np.exp(1j * ANGLE)])
    spectrum = np.array([1.0, np.exp(1j * ANGLE), np.exp(-1j * ANGLE)])
    distance = np.abs(points[:, None] - spectrum).min(axis=1)
    # e^{ik phase} are orthogonal only up to sampling: means over 3000 points are off by at most 1 / (3000 sin(0.35)) = 1e-3
    np.testing.assert_allclose(forecaster.koopman().pseudospectrum(points), distance, atol=3e-3)


def test_residuals_are_what_gram_matrices_give() -> None:
    random = np.random.default_rng(1)
    X, Y = random.normal(size=(2, 200, 5))
    operator = SnapshotTriangle([(X[:50], Y[:50]), (X[50:], Y[50:])]).compressed(5)
    G, A, L = X.T @ X, X.T @ Y, Y.T @ Y
    z, g = 0.3 - 0.8j, random.normal(size=5) + 1j * random.normal(size=5)
    square = g.conj() @ (L - z * A.T - np.conj(z) * A + abs(z) ** 2 * G) @ g / (g.conj() @ G @ g)
    coordinates = np.linalg.solve(operator.basis, g)  # psi'g = w' coordinates
    np.testing.assert_allclose(operator.residuals(np.array([z]), coordinates[:, None]), np.sqrt(square.real), rtol=1e-12)


def test_an_expanding_map_has_no_eigenpair_but_the_constant() -> None:
    # 4x(1 - x) doubles the degree of a polynomial: the best a mixing system has to offer is the constant
    forecaster = ResidualDynamicModeDecomposition(dictionary="monomials", degree=6, epsilon=0.1, cutoff=1e-8)
    forecaster.fit(Training([logistic(4000)], dt=1.0), seed=0)
    pairs = forecaster.koopman().eigenpairs()
    np.testing.assert_allclose([pairs.values[0], pairs.residuals[0]], [1.0, 0.0], atol=1e-7)
    assert pairs.residuals[1] > 0.3
    forecast = forecaster.forecast(logistic(5)[None], 3)[0, 0]
    np.testing.assert_allclose(forecast, logistic(4000).mean(), atol=1e-3)


def test_pairs_that_pass_forecast_exactly() -> None:
    forecaster = ResidualDynamicModeDecomposition(dictionary="monomials", degree=2, epsilon=1e-6)
    forecaster.fit(Training(linear_runs(), dt=1.0), seed=0)
    truth = np.array([0.8, -0.4]) * np.array([0.9, 0.5]) ** np.arange(31)[:, None]
    np.testing.assert_allclose(forecaster.forecast(truth[None, :1], 30)[0, 0], truth[1:], atol=1e-9)


def test_the_polar_factor_is_that_of_the_source() -> None:
    random = np.random.default_rng(2)
    X, Y = random.normal(size=(2, 100, 4))
    operator = SnapshotTriangle([(X, Y)]).compressed(4)
    G, A = X.T @ X, X.T @ Y
    values, vectors = np.linalg.eigh(G)
    root, inverse = vectors * np.sqrt(values) @ vectors.T, vectors / np.sqrt(values) @ vectors.T
    left, _, right = np.linalg.svd(inverse @ A.T @ inverse)
    expected = inverse @ (right.T @ left.T) @ root  # K = G^-1/2 V U* G^1/2
    K = operator.basis @ operator.orthogonal() @ operator.inverse
    np.testing.assert_allclose(K, expected, atol=1e-12)
    np.testing.assert_allclose(K.T @ G @ K, G, atol=1e-11)  # unitary in the inner product of G


def test_no_orthogonal_step_fits_the_data_better() -> None:
    random = np.random.default_rng(3)
    matrix = random.normal(size=(4, 4))
    best = np.linalg.norm(matrix - polar(matrix))
    for _ in range(50):
        other = polar(polar(matrix) + 0.1 * random.normal(size=(4, 4)))
        assert np.linalg.norm(matrix - other) >= best


def test_measure_preserving_forecasts_do_not_decay(lorenz_series: np.ndarray) -> None:
    states = (lorenz_series - lorenz_series.mean(axis=0)) / lorenz_series.std(axis=0)
    forecaster = MeasurePreservingDecomposition(observables=40, cutoff=1e-2)
    forecaster.fit(Training([states], dt=0.02), seed=0)
    model = forecaster.as_map()
    state = model.start(states[:100])
    before = np.linalg.norm(state)
    for _ in range(10_000):
        state, _ = model.step_tangents(state, np.empty((0, model.dimension)))
    np.testing.assert_allclose(np.linalg.norm(state), before, rtol=1e-10)
    late = forecaster.forecast(states[None, :100], 4000)[0, 0, 2000:]
    assert late.std() > 0.3  # EDMD iterated linearly is at 0 by then


@pytest.mark.parametrize("kind", [MeasurePreservingDecomposition, ResidualDynamicModeDecomposition])
def test_a_rotation_is_forecast_for_ever(kind: type[MeasurePreservingDecomposition] | type[ResidualDynamicModeDecomposition]) -> None:
    phase = 2 * np.pi * 3 / 50 * np.arange(5010)  # 401 samples: 24 whole turns and one more, so that the rotation keeps the sampled measure
    truth = np.stack([np.cos(phase), np.sin(phase)], axis=1)
    forecaster = kind(dictionary="monomials", degree=1)
    forecaster.fit(Training([truth[:401]], dt=1.0), seed=0)
    np.testing.assert_allclose(forecaster.forecast(truth[None, :10], 5000)[0, 0], truth[10:], atol=1e-9)


def test_options_and_problems_out_of_range_are_refused() -> None:
    with pytest.raises(ForecasterError, match="cutoff = 2"):
        MeasurePreservingDecomposition(cutoff=2.0)
    with pytest.raises(ForecasterError, match="epsilon = -1"):
        ResidualDynamicModeDecomposition(epsilon=-1.0)
    problem = Problem(dimension=40, dt=0.01, context=100, horizon=10, training_samples=5000)
    assert MeasurePreservingDecomposition(dictionary="monomials").unsupported(problem) is not None
    assert ResidualDynamicModeDecomposition(delays=200).unsupported(Problem(3, 0.01, context=100, horizon=10, training_samples=5000)) is not None
