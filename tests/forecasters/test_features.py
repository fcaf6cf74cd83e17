"""Delay windows, monomials and dictionaries: explicit values, and every derivative against central differences."""

import numpy as np
import pytest
import scipy.sparse

from chaosbench.forecasters._delays import DelayWindow
from chaosbench.forecasters._dictionaries import FourierFeatures, RadialFeatures, draw_fourier, draw_radial, median_distance
from chaosbench.forecasters._polynomials import Monomials, n_monomials
from chaosbench.forecasters._products import columnwise, rowwise
from chaosbench.forecasters._window_map import FeatureMap


def test_a_window_lists_its_samples_newest_first() -> None:
    states = np.arange(12.0).reshape(6, 2)  # x_t = (2t, 2t + 1)
    window = DelayWindow(delays=2, stride=3, dimension=2)
    assert (window.span, window.size) == (4, 4)
    np.testing.assert_array_equal(window.embed(states), [[6, 7, 0, 1], [8, 9, 2, 3], [10, 11, 4, 5]])
    np.testing.assert_array_equal(window.read(states[:, None], 4), [[8, 9, 2, 3]])


def test_pairs_never_cross_from_one_trajectory_to_the_next() -> None:
    first, second = np.array([[0.0], [1.0], [2.0]]), np.array([[10.0], [11.0], [12.0], [13.0]])
    windows, following = DelayWindow(2, 1, 1).pairs([first, second])
    np.testing.assert_array_equal(windows, [[1, 0], [11, 10], [12, 11]])
    np.testing.assert_array_equal(following, [[2], [12], [13]])


def test_monomials_of_two_variables_up_to_degree_three() -> None:
    x, y = 2.0, 5.0
    expected = [1, x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3]
    np.testing.assert_array_equal(Monomials(2, 3).value(np.array([[x, y]])), [expected])


@pytest.mark.parametrize(("variables", "degree", "count"), [(6, 2, 28), (3, 4, 35), (80, 2, 3321), (1, 5, 6), (4, 1, 5)])
def test_the_number_of_monomials(variables: int, degree: int, count: int) -> None:
    assert n_monomials(variables, degree) == count  # 28: constant, 6 linear, 21 quadratic
    assert Monomials(variables, degree).value(np.ones((1, variables))).shape == (1, count)


def test_the_derivative_of_monomials_is_exact() -> None:
    # d(x^2 y) along (1, 0) = 2xy, along (0, 1) = x^2
    tangent = Monomials(2, 3).tangent(np.array([2.0, 5.0]), np.eye(2))
    np.testing.assert_array_equal(tangent, [[0, 1, 0, 4, 5, 0, 12, 20, 25, 0], [0, 0, 1, 0, 2, 10, 0, 4, 20, 75]])


FEATURES = {
    "monomials": lambda random: Monomials(4, 3),
    "fourier": lambda random: FourierFeatures(random.normal(size=(4, 9)), random.uniform(0, 6, 9)),
    "radial": lambda random: RadialFeatures(random.normal(size=(9, 4)), 1.7),
}


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature_map_knows_its_derivative_and_its_size(name: str) -> None:
    random = np.random.default_rng(2)
    features: FeatureMap = FEATURES[name](random)
    point, directions = random.normal(size=4), random.normal(size=(3, 4))
    assert features.value(point[None]).shape == (1, features.size)
    step = 1e-5
    differences = (features.value(point + step * directions) - features.value(point - step * directions)) / (2 * step)
    np.testing.assert_allclose(features.tangent(point, directions), differences, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ["fourier", "radial"])
def test_dictionaries_hold_the_constant_and_the_coordinates_first(name: str) -> None:
    features: FeatureMap = FEATURES[name](np.random.default_rng(2))
    np.testing.assert_array_equal(features.value(np.array([[4.0, 3.0, 2.0, 1.0]]))[0, :5], [1, 4, 3, 2, 1])


def test_a_bump_is_one_at_its_centre_and_falls_as_a_gaussian() -> None:
    features = RadialFeatures(np.array([[0.0, 0.0]]), 2.0)
    # at distance 5: exp(-25 / 8)
    np.testing.assert_allclose(features.value(np.array([[0.0, 0.0], [3.0, 4.0]]))[:, 3], [1.0, np.exp(-25 / 8)], rtol=1e-15)


def test_many_fourier_features_approximate_the_gaussian_kernel() -> None:
    # E[2 cos(w'x + p) cos(w'y + p)] = exp(-|x - y|^2 / (2 scale^2)); 20 000 waves leave a standard error of 1 / sqrt(20 000) = 0.007
    windows = np.random.default_rng(4).normal(size=(300, 2))
    features = draw_fourier(np.random.default_rng(5), windows, count=20_000, bandwidth=1.0)
    scale = median_distance(windows)
    near, far = features.value(np.array([[0.0, 0.0], [0.5 * scale, scale]]))[:, 3:]
    assert abs(near @ far - np.exp(-(0.25 + 1.0) / 2)) < 4 * 0.007


def test_the_median_distance_of_two_clusters_and_of_a_single_point() -> None:
    # distances of the points 0, 0, 3 are 0, 3, 3
    assert median_distance(np.array([[0.0], [0.0], [3.0]])) == 3.0
    assert median_distance(np.zeros((5, 2))) == 1.0


def test_bumps_sit_on_training_windows_and_are_no_more_than_there_are() -> None:
    windows = np.random.default_rng(6).normal(size=(10, 2))
    assert draw_radial(np.random.default_rng(7), windows, count=50, bandwidth=1.0).size == 1 + 2 + 10


@pytest.mark.parametrize("shape", [(3, 3), (28, 3), (501, 3), (501, 40), (77, 501), (3321, 40)])
def test_row_products_do_not_depend_on_the_batch(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(8)
    rows, matrix = random.normal(size=(37, shape[0])), random.normal(size=shape)
    together = rowwise(rows, matrix)
    np.testing.assert_allclose(together, rows @ matrix, rtol=1e-12, atol=1e-12)
    for row in range(37):
        np.testing.assert_array_equal(rowwise(rows[row : row + 1], matrix)[0], together[row])
    np.testing.assert_array_equal(rowwise(rows[5:20], matrix), together[5:20])


def test_sparse_column_products_do_not_depend_on_the_batch() -> None:
    random = np.random.default_rng(9)
    matrix = scipy.sparse.csr_array(np.where(random.random((200, 203)) < 0.05, random.normal(size=(200, 203)), 0.0))
    columns = random.normal(size=(203, 21))
    together = columnwise(matrix, columns)
    np.testing.assert_allclose(together, matrix.toarray() @ columns, rtol=1e-12, atol=1e-12)
    for column in range(21):
        np.testing.assert_array_equal(columnwise(matrix, columns[:, column : column + 1])[:, 0], together[:, column])
