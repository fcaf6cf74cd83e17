"""Sparsity, colours, order of the unknowns, and the band solver."""

import numpy as np
import pytest

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.expressions.sparsity import jacobian_pattern
from chaosbench.integrators._jacobian import jacobian_plan
from chaosbench.integrators._linear_drivers import factorise, substitute


def lattice(equations: dict[str, str], cells: int, **options) -> CompiledSystem:
    return compile_system(system_from(equations, size={"N": cells}, **options))


RING = lattice({"x[i]": "(x[i+1] - x[i-2])*x[i-1] - x[i] + 8"}, 30)
CHAIN = lattice({"x[i]": "x[i-1] - 2*x[i] + sin(x[i+1])"}, 30, boundary="zero")
FIELDS = lattice({"u[i]": "u[i-1] + u[i+1] - v[i]*w", "v[i]": "u[i]**2 + v[i]", "w": "-w"}, 15)
MEAN = lattice({"x[i]": "x[i+1] - mean(x)"}, 20)


@pytest.mark.parametrize("system", [RING, CHAIN, FIELDS], ids=["ring", "chain", "fields"])
def test_the_pattern_holds_exactly_where_a_random_jacobian_is_not_zero(system: CompiledSystem) -> None:
    jacobian = system.jacobian(np.random.default_rng(0).normal(size=(1, system.dimension)))[0]
    np.testing.assert_array_equal(jacobian_pattern(system.tape), jacobian != 0.0)


def test_both_sides_of_a_branch_count() -> None:
    system = compile_system(system_from({"x": "where(z < 1, x, y)", "y": "max(x, 0*y + 3)", "z": "floor(z)"}))
    assert jacobian_pattern(system.tape).tolist() == [[True, True, True], [True, True, False], [False, False, True]]


def test_a_sum_over_cells_reaches_all() -> None:
    assert jacobian_pattern(MEAN.tape) is None
    plan = jacobian_plan(MEAN)
    assert (plan.columns, plan.band) == (20, 19)


@pytest.mark.parametrize(("system", "columns", "band"), [(RING, 6, 6), (CHAIN, 3, 1), (FIELDS, 5, 6)], ids=["ring", "chain", "fields"])
def test_lattices_need_few_tangents_and_a_narrow_band(system: CompiledSystem, columns: int, band: int) -> None:
    """A ring folds onto itself: its band is twice that of the chain. The scalar w reaches every cell of u, yet only from one column."""
    plan = jacobian_plan(system)
    assert plan.columns <= columns
    if system is not FIELDS:
        assert plan.band <= band


@pytest.mark.parametrize("system", [RING, CHAIN, FIELDS, MEAN], ids=["ring", "chain", "fields", "mean"])
def test_the_tangents_of_the_plan_give_the_whole_jacobian(system: CompiledSystem) -> None:
    plan, size = jacobian_plan(system), system.dimension
    state = np.random.default_rng(1).normal(size=(1, size))
    slopes = np.concatenate([np.zeros(size), system.tangent(np.repeat(state, plan.columns, axis=0), plan.seeds).ravel()])
    matrix = np.zeros((size, size))
    matrix[plan.entries[:, 0], plan.entries[:, 1]] = slopes[plan.entries[:, 2]]
    np.testing.assert_array_equal(matrix[np.ix_(plan.place, plan.place)], system.jacobian(state)[0])
    assert sorted(plan.place) == list(range(size))
    assert np.abs(plan.entries[:, 0] - plan.entries[:, 1]).max() == plan.band


@pytest.mark.parametrize(("size", "band"), [(1, 0), (2, 1), (3, 2), (7, 0), (9, 1), (30, 4), (40, 39)])
def test_the_band_solver_solves(size: int, band: int) -> None:
    """Small diagonals force exchanges; outside of the band it must touch nothing."""
    random = np.random.default_rng(size)
    for _ in range(20):
        away = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
        full = np.where(away <= band, random.normal(size=(size, size)), 0.0)
        full[np.diag_indices(size)] *= 1e-3 if band else 1.0
        right = random.normal(size=size)
        columns = np.where((away <= band) | (np.subtract.outer(np.arange(size), np.arange(size)) <= 2 * band) & (away <= 2 * band), full.T, np.nan)
        pivots, vector = np.zeros(size, dtype=np.int64), right.copy()
        assert factorise(columns, pivots, band)
        substitute(columns, pivots, band, vector)
        residual = np.abs(full @ vector - right).max()
        assert residual < 1e-11 * (np.abs(full).max() * np.abs(vector).max() + 1.0)


@pytest.mark.parametrize("matrix", [[[0.0]], [[1.0, 2.0], [2.0, 4.0]], [[np.inf, 0.0], [0.0, 1.0]], [[np.nan, 0.0], [0.0, 1.0]]])
def test_a_singular_or_infinite_matrix_is_told(matrix: list) -> None:
    columns = np.array(matrix)
    assert not factorise(columns, np.zeros(len(columns), dtype=np.int64), len(columns) - 1)
