"""QR of tangent columns: against LAPACK, with weights, badly conditioned, rank deficient."""

import numpy as np
import pytest

from chaosbench.invariants._orthonormal import orthonormalise, orthonormalise_columns


def split(vectors: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    q, r = vectors.copy(), np.empty((vectors.shape[1],) * 2)
    orthonormalise(q, weights, r)
    return q, r


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 3), (7, 2), (40, 40), (100, 13)])
def test_q_and_r_are_lapacks_with_a_positive_diagonal(rows: int, columns: int) -> None:
    vectors = np.random.default_rng(rows).normal(size=(rows, columns))
    q, r = split(vectors, np.ones(rows))
    reference_q, reference_r = np.linalg.qr(vectors)
    signs = np.sign(np.diag(reference_r))
    assert np.allclose(q, reference_q * signs, rtol=0, atol=1e-12)
    assert np.allclose(r, signs[:, None] * reference_r, rtol=0, atol=1e-12)


def test_the_inner_product_carries_the_weights() -> None:
    stream = np.random.default_rng(0)
    vectors, weights = stream.normal(size=(20, 4)), stream.uniform(0.1, 2.0, 20)
    q, r = split(vectors, weights)
    assert np.allclose(q.T @ (weights[:, None] * q), np.eye(4), atol=1e-13)
    assert np.allclose(q @ r, vectors, atol=1e-13)


def test_nearly_parallel_columns_come_out_orthogonal_to_the_last_digits() -> None:
    stream = np.random.default_rng(1)
    base = stream.normal(size=(30, 1))
    vectors = base + 1e-9 * stream.normal(size=(30, 5))
    q, r = split(vectors, np.ones(30))
    assert np.abs(q.T @ q - np.eye(5)).max() < 1e-14
    assert np.abs(q @ r - vectors).max() < 1e-14


def test_the_diagonal_multiplies_to_the_determinant() -> None:
    matrix = np.random.default_rng(2).normal(size=(6, 6))
    _, r = split(matrix, np.ones(6))
    assert np.prod(np.diag(r)) == pytest.approx(abs(np.linalg.det(matrix)), rel=1e-13)


def test_a_column_without_length_becomes_zero_with_a_zero_on_the_diagonal() -> None:
    vectors = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    q, r = split(vectors, np.ones(3))
    assert np.array_equal(np.diag(r), [1.0, 0.0, 1.0])
    assert np.array_equal(q[:, 1], np.zeros(3))
    assert np.array_equal(q[:, 2], [0.0, 1.0, 0.0])


def test_columns_of_an_extended_state_are_replaced_and_the_state_is_not() -> None:
    state = np.concatenate([[7.0, 8.0], [3.0, 4.0], [0.0, 2.0]])  # x, v_1 = (3, 4), v_2 = (0, 2)
    r = np.empty((2, 2))
    orthonormalise_columns(state, 2, np.empty((2, 2)), np.ones(2), r)
    assert np.allclose(state, [7.0, 8.0, 0.6, 0.8, -0.8, 0.6])
    assert np.allclose(r, [[5.0, 1.6], [0.0, 1.2]])  # det = 6 = 5 * 1.2
