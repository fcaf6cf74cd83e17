"""The readable evaluator: cells, boundaries, modulo, and the torch version of the same walk."""

import numpy as np
import pytest

from chaosbench.expressions.evaluate import evaluate, outputs_of
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import ParameterSlot, Scope
from chaosbench.expressions.tape import Variable
from chaosbench.expressions.trace import trace, trace_expressions


def sized(boundary="periodic", size=7):
    return Scope((Variable("x", 0, size), Variable("y", size)), {"F": ParameterSlot(0), "w": ParameterSlot(1, "N")}, "N", size, boundary)


def test_periodic_cells_are_rolled_arrays():
    scope = sized()
    tape = trace({"x": parse("(x[i+1] - x[i-2])*x[i-1] - x[i] + F", where="t"), "y": parse("mean(x)", where="t")}, scope)
    random = np.random.default_rng(0)
    states, parameters = random.normal(size=(4, 8)), random.normal(size=8)
    value, tangent = evaluate(tape, states, parameters)
    x = states[:, :7]
    expected = (np.roll(x, -1, axis=1) - np.roll(x, 2, axis=1)) * np.roll(x, 1, axis=1) - x + parameters[0]
    assert tangent is None
    np.testing.assert_array_equal(value[:, :7], expected)
    np.testing.assert_allclose(value[:, 7], x.mean(axis=1), rtol=1e-14)


def test_beyond_a_zero_boundary_cells_are_zero():
    tape = trace_expressions([parse("x[i+2] + 10*x[i-1] + 100*w[i+1]", where="t")], sized("zero", 4))
    [value], _ = outputs_of(tape, np.array([[1.0, 2.0, 3.0, 4.0, 0.0]]), np.array([0.0, 1.0, 1.0, 1.0, 1.0]))
    assert value.tolist() == [[3.0 + 100.0, 4.0 + 10.0 + 100.0, 20.0 + 100.0, 30.0]]


def test_an_output_without_cells_serves_all_cells():
    tape = trace({"x": parse("F", where="t"), "y": parse("2*F", where="t")}, sized(size=3))
    value, _ = evaluate(tape, np.zeros((2, 4)), np.array([[1.0, 0, 0, 0], [5.0, 0, 0, 0]]))
    assert value.tolist() == [[1.0, 1.0, 1.0, 2.0], [5.0, 5.0, 5.0, 10.0]]


@pytest.mark.parametrize(
    ("value", "modulus", "expected"), [(5.5, 2.0, 1.5), (-0.5, 2.0, 1.5), (-1e-20, 1.0, 0.0), (4.0, 2.0, 0.0), (-5.5, -2.0, -1.5)]
)
def test_modulo_lies_between_zero_and_the_modulus(value, modulus, expected):
    scope = Scope((Variable("x", 0),), {"m": ParameterSlot(0)})
    [found], _ = outputs_of(trace_expressions([parse("x % m", where="t")], scope), np.array([[value]]), np.array([modulus]))
    assert found[0, 0] == expected


def test_where_takes_the_side_its_comparison_says():
    scope = Scope((Variable("x", 0),))
    states = np.array([[-1.0], [0.0], [1.0]])
    for sign, expected in {"<": [1, 2, 2], "<=": [1, 1, 2], ">": [2, 2, 1], ">=": [2, 1, 1]}.items():
        [value], _ = outputs_of(trace_expressions([parse(f"where(x {sign} 0, 1, 2)", where="t")], scope), states, np.empty(0))
        assert value[:, 0].tolist() == expected


def test_not_a_number_is_passed_on_by_min_and_max():
    scope = Scope((Variable("x", 0), Variable("y", 1)))
    for text in ("min(x, y)", "max(x, y)"):
        [value], _ = outputs_of(trace_expressions([parse(text, where="t")], scope), np.array([[np.nan, 1.0], [1.0, np.nan]]), np.empty(0))
        assert np.isnan(value).all()


def test_leaving_the_domain_gives_nan_without_a_warning():
    scope = Scope((Variable("x", 0),))
    [value], _ = outputs_of(trace_expressions([parse("sqrt(x) + log(x) + 1/0", where="t")], scope), np.array([[-1.0]]), np.empty(0))
    assert np.isnan(value[0, 0])


def test_missing_delayed_values_are_an_error():
    scope = Scope((Variable("x", 0),), lags=(parse("2", where="t"),))
    tape = trace_expressions([parse("delay(x, 2)", where="t")], scope)
    with pytest.raises(ValueError, match="needs 'delayed' values"):
        outputs_of(tape, np.zeros((1, 1)), np.empty(0))
