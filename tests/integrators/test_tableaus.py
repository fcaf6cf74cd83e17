"""The coefficients, against the order conditions themselves: every rooted tree, so nothing rests on a measured slope."""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy.integrate._ivp import dop853_coefficients

from chaosbench.catalogue import load, names
from chaosbench.kernels.tableau import Tableau

Tree = tuple  # a rooted tree is the sorted tuple of its branches; () is a single vertex

TABLEAUS = {name: load("integrators", name).tableau for name in names("integrators") if hasattr(load("integrators", name), "tableau")}


@pytest.fixture(params=sorted(TABLEAUS))
def tableau(request: pytest.FixtureRequest) -> Tableau:
    return TABLEAUS[request.param]


def grafted(tree: Tree) -> Iterator[Tree]:
    """All trees with one leaf more."""
    yield tuple(sorted((*tree, ())))
    for place, branch in enumerate(tree):
        for larger in grafted(branch):
            yield tuple(sorted((*tree[:place], larger, *tree[place + 1 :])))


def trees_of_order(order: int) -> set[Tree]:
    trees: set[Tree] = {()}
    for _ in range(order - 1):
        trees = {larger for tree in trees for larger in grafted(tree)}
    return trees


def vertices(tree: Tree) -> int:
    return 1 + sum(vertices(branch) for branch in tree)


def density(tree: Tree) -> int:
    product = vertices(tree)
    for branch in tree:
        product *= density(branch)
    return product


def elementary_weights(matrix: np.ndarray, tree: Tree) -> np.ndarray:
    weights = np.ones(len(matrix))
    for branch in tree:
        weights = weights * (matrix @ elementary_weights(matrix, branch))
    return weights


def stage_matrix(tableau: Tableau) -> np.ndarray:
    rows = tableau.a + tableau.dense_a
    return np.array([row + (0.0,) * (len(rows) - len(row)) for row in rows])


def padded(row: tuple[float, ...], tableau: Tableau) -> np.ndarray:
    return np.array(row + (0.0,) * (tableau.stages + len(tableau.dense_c) - len(row)))


def worst_residual(weights: np.ndarray, tableau: Tableau, order: int, right: bool = True) -> float:
    """Largest |sum_s weights_s phi_s(tree) - 1/density(tree)| over all trees of an order, the second term only if `right`."""
    matrix = stage_matrix(tableau)
    return max(abs(weights @ elementary_weights(matrix, tree) - right / density(tree)) for tree in trees_of_order(order))


def test_the_number_of_rooted_trees_is_the_known_one() -> None:
    assert [len(trees_of_order(order)) for order in range(1, 9)] == [1, 1, 2, 4, 9, 20, 48, 115]  # OEIS A000081


def test_the_step_meets_every_order_condition_up_to_its_order_and_not_beyond(tableau: Tableau) -> None:
    weights = padded(tableau.a[-1], tableau)
    assert all(worst_residual(weights, tableau, order) < 5e-14 for order in range(1, tableau.order + 1))
    assert worst_residual(weights, tableau, tableau.order + 1) > 1e-5


def test_the_continuous_extension_meets_every_order_condition_at_every_theta(tableau: Tableau) -> None:
    """sum_s b_s(theta) phi_s(tree) = theta^order / density: coefficient by coefficient of theta."""
    matrix, dense = stage_matrix(tableau), np.array(tableau.dense)
    for order in range(1, tableau.dense_order + 1):
        for tree in trees_of_order(order):
            wanted = np.zeros(tableau.degree)
            wanted[order - 1] = 1.0 / density(tree)
            np.testing.assert_allclose(dense @ elementary_weights(matrix, tree), wanted, rtol=0.0, atol=2e-12)


def test_the_continuous_extension_ends_in_the_step(tableau: Tableau) -> None:
    np.testing.assert_allclose(np.sum(tableau.dense, axis=0), padded(tableau.a[-1], tableau), rtol=0.0, atol=1e-13)


def test_the_error_estimates_vanish_up_to_their_order(tableau: Tableau) -> None:
    """A pair p(q) has an estimate with all trees up to q cancelled; Hairer's companions of orders 5 and 3 combine to h^8, order 7."""
    if tableau.error_second is None:
        assert all(worst_residual(padded(tableau.error, tableau), tableau, order, right=False) < 1e-14 for order in range(1, tableau.error_order + 1))
        assert worst_residual(padded(tableau.error, tableau), tableau, tableau.error_order + 1, right=False) > 1e-5
        return
    for estimate, exact in ((tableau.error, 5), (tableau.error_second, 3)):
        assert all(worst_residual(padded(estimate, tableau), tableau, order, right=False) < 1e-14 for order in range(1, exact + 1))
        assert worst_residual(padded(estimate, tableau), tableau, exact + 1, right=False) > 1e-5
    assert tableau.error_order == 2 * 6 - 4 - 1  # (h^6)^2 / h^4 = h^(7 + 1)


def test_the_eighth_order_pair_has_the_published_numbers() -> None:
    tableau = load("integrators", "dop853").tableau
    matrix = stage_matrix(tableau)
    np.testing.assert_array_equal(matrix, dop853_coefficients.A)
    np.testing.assert_array_equal(tableau.c + tableau.dense_c, dop853_coefficients.C)
    np.testing.assert_array_equal(tableau.error, dop853_coefficients.E5)
    np.testing.assert_array_equal(tableau.error_second, dop853_coefficients.E3)


@pytest.mark.parametrize("theta", [0.0, 0.1, 0.37, 0.5, 0.93, 1.0])
def test_the_monomial_form_of_the_seventh_order_extension_is_the_published_polynomial(theta: float) -> None:
    """The published nested form, evaluated with random stages at theta, against the monomials."""
    tableau = load("integrators", "dop853").tableau
    stages = np.random.default_rng(5).normal(size=16)
    step = dop853_coefficients.B @ stages[:12]
    nested = [step, stages[0] - step, 2.0 * step - stages[12] - stages[0], *(dop853_coefficients.D @ stages)]
    published = 0.0
    for number, coefficient in enumerate(reversed(nested)):
        published = (published + coefficient) * (theta if number % 2 == 0 else 1.0 - theta)
    monomial = sum(theta ** (q + 1) * np.dot(row, stages) for q, row in enumerate(tableau.dense))
    assert monomial == pytest.approx(published, abs=1e-12 * np.abs(dop853_coefficients.D).max())
