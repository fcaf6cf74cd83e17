"""The solver under every linear readout: exact small cases, blocks, and the digits that the squared form loses."""

import mpmath
import numpy as np
import pytest

from chaosbench.forecasters._least_squares import LeastSquares, numerical_rank, optimal_rank


def solved(features: np.ndarray, targets: np.ndarray, penalty: float) -> np.ndarray:
    problem = LeastSquares(features.shape[1], targets.shape[1])
    problem.add(features, targets)
    return problem.ridge(penalty)


def test_one_feature_is_worked_by_hand() -> None:
    # w = (1*1 + 1*3) / (1 + 1 + 2) = 1
    np.testing.assert_allclose(solved(np.array([[1.0], [1.0]]), np.array([[1.0], [3.0]]), 2.0), [[1.0]], rtol=1e-15)


def test_no_ridge_and_too_few_rows_give_the_solution_of_least_norm() -> None:
    # x + y = 2 has the shortest solution (1, 1)
    np.testing.assert_allclose(solved(np.array([[1.0, 1.0]]), np.array([[2.0]]), 0.0), [[1.0], [1.0]], rtol=1e-15)


@pytest.mark.parametrize("penalty", [1e-6, 1.0])
def test_blocks_of_rows_give_the_same_weights_as_one_block(penalty: float) -> None:
    random = np.random.default_rng(0)
    features, targets = random.normal(size=(5000, 7)), random.normal(size=(5000, 2))
    blocks = LeastSquares(7, 2)
    for first in range(0, 5000, 900):
        blocks.add(features[first : first + 900], targets[first : first + 900])
    textbook = np.linalg.solve(features.T @ features + penalty * np.eye(7), features.T @ targets)
    np.testing.assert_allclose(blocks.ridge(penalty), textbook, rtol=1e-11)
    np.testing.assert_allclose(solved(features, targets, penalty), textbook, rtol=1e-11)


def test_asking_twice_and_adding_more_rows_afterwards_are_allowed() -> None:
    random = np.random.default_rng(1)
    features, targets = random.normal(size=(60, 4)), random.normal(size=(60, 1))
    problem = LeastSquares(4, 1)
    problem.add(features[:30], targets[:30])
    np.testing.assert_allclose(problem.ridge(0.1), solved(features[:30], targets[:30], 0.1), rtol=1e-12)
    np.testing.assert_allclose(problem.ridge(10.0), solved(features[:30], targets[:30], 10.0), rtol=1e-12)
    problem.add(features[30:], targets[30:])
    np.testing.assert_allclose(problem.ridge(0.1), solved(features, targets, 0.1), rtol=1e-12)


def test_small_ridges_keep_the_digits_that_the_gram_matrix_loses() -> None:
    points = np.linspace(-1.0, 1.0, 40)
    features = np.vander(points, 15, increasing=True)
    targets = np.exp(points)[:, None]
    penalty = 1e-14
    with mpmath.workdps(60):
        exact_features = mpmath.matrix(features.tolist())
        gram = exact_features.T * exact_features + mpmath.mpf(penalty) * mpmath.eye(15)
        solution = mpmath.lu_solve(gram, exact_features.T * mpmath.matrix(targets.tolist()))
        exact = np.array([[float(value)] for value in solution])
    squared = np.linalg.solve(features.T @ features + penalty * np.eye(15), features.T @ targets)
    ours = np.abs(solved(features, targets, penalty) - exact).max()
    assert ours < 1e-9
    assert np.abs(squared - exact).max() > 100 * ours


def test_truncation_keeps_only_the_leading_directions() -> None:
    # Phi = diag(3, 2, 1e-3), targets all ones: full solution 1/3, 1/2, 1000; rank 2 leaves the last weight at zero
    problem = LeastSquares(3, 1)
    problem.add(np.diag([3.0, 2.0, 1e-3]), np.ones((3, 1)))
    np.testing.assert_allclose(problem.truncated(0.0, rank=2), [[1 / 3], [1 / 2], [0.0]], atol=1e-15)
    np.testing.assert_allclose(problem.truncated(0.0, rank=None), [[1 / 3], [1 / 2], [1e3]], rtol=1e-12)
    np.testing.assert_allclose(problem.truncated(1.0, rank=1), [[3 / 10], [0.0], [0.0]], atol=1e-15)
    np.testing.assert_allclose(problem.singular_values(), [3.0, 2.0, 1e-3], rtol=1e-14)


def test_numerical_rank_counts_what_rounding_cannot_have_made() -> None:
    assert numerical_rank(np.array([1.0, 1e-3, 1e-15, 1e-17]), 4) == 3  # the limit is 4 * 2.2e-16


def test_optimal_rank_finds_the_planted_rank_under_noise() -> None:
    random = np.random.default_rng(3)
    signal = random.normal(size=(400, 5)) @ random.normal(size=(5, 200))
    values = np.linalg.svd(signal + 0.5 * random.normal(size=(400, 200)), compute_uv=False)
    assert optimal_rank(values, 400) == 5
    # omega(1/2) = 0.07 - 0.2375 + 0.91 + 1.43 = 2.1725; median of (9, 4.4, 2, 1, 1) is 2, so the limit is 4.345
    assert optimal_rank(np.array([9.0, 4.4, 2.0, 1.0, 1.0]), 10) == 2
