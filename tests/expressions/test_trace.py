"""Tracing: shared subterms, folded constants, powers as multiplications, and the author's order of operations kept."""

import numpy as np
import pytest

from chaosbench.expressions.constants import constant_value
from chaosbench.expressions.evaluate import evaluate, outputs_of
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import ParameterSlot, Scope
from chaosbench.expressions.tape import Node, Variable
from chaosbench.expressions.trace import trace, trace_expressions

PLAIN = Scope((Variable("x", 0), Variable("y", 1)), {"a": ParameterSlot(0)})


def tape_of(text, scope=PLAIN):
    return trace_expressions([parse(text, where="test")], scope)


def ops(text, scope=PLAIN):
    return [node.op for node in tape_of(text, scope).nodes]


def test_the_tape_of_a_small_system_is_what_it_says():
    tape = trace({"x": parse("a*(y - x)", where="t"), "y": parse("x*y", where="t")}, PLAIN)
    assert tape.nodes == (
        Node("parameter", slot=0),
        Node("state", slot=1),
        Node("state", slot=0),
        Node("sub", (1, 2)),
        Node("mul", (0, 3)),
        Node("mul", (2, 1)),
    )
    assert tape.outputs == (4, 5)
    assert (tape.dimension, tape.n_parameters) == (2, 1)


def test_equal_subterms_share_one_node():
    assert ops("(x + y)*(x + y) + sin(x + y)").count("add") == 2
    assert ops("(x + y)*(y + x)").count("add") == 1, "a sum has the same bits either way round"
    assert ops("(x - y)*(y - x)").count("sub") == 2


def test_only_constants_are_folded_with_constants():
    assert ops("x + 2*pi/1.2") == ["state", "constant", "add"]
    assert tape_of("x + 2*pi/1.2").nodes[1].value == 2 * np.pi / 1.2
    assert ops("x*2*3").count("mul") == 2, "(x*2)*3 is not x*6"
    assert ops("x + 1 - 1") == ["state", "constant", "add", "sub"]
    assert ops("0*x + 1*y").count("mul") == 2, "zeros and ones in the author's equation stay"


def test_a_parameter_is_a_run_time_leaf():
    assert ops("a*x") == ["parameter", "state", "mul"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x**2", ["state", "mul"]),
        ("x**3", ["state", "mul", "mul"]),
        ("x**4", ["state", "mul", "mul"]),
        ("x**16", ["state", "mul", "mul", "mul", "mul"]),
        ("x**-2", ["constant", "state", "mul", "div"]),
        ("x**0.5", ["state", "sqrt"]),
        ("x**(1/2)", ["state", "sqrt"]),
        ("x**1", ["state"]),
        ("x**0", ["constant"]),
        ("x**17", ["state", "constant", "pow"]),
        ("x**1.5", ["state", "constant", "pow"]),
        ("x**a", ["state", "parameter", "pow"]),
    ],
)
def test_whole_powers_become_multiplications(text, expected):
    assert sorted(ops(text)) == sorted(expected)


def test_the_author_decides_the_bits():
    state = np.array([[0.1, 0.2]])
    parameters = np.array([0.3])
    left = evaluate(trace({"x": parse("(x + y) + a", where="t"), "y": parse("y", where="t")}, PLAIN), state, parameters)[0][0, 0]
    right = evaluate(trace({"x": parse("x + (y + a)", where="t"), "y": parse("y", where="t")}, PLAIN), state, parameters)[0][0, 0]
    assert left == (0.1 + 0.2) + 0.3
    assert right == 0.1 + (0.2 + 0.3)
    assert left != right


def test_a_sum_over_terms_without_j_is_a_product_with_the_size():
    scope = Scope((Variable("u", 0, 5), Variable("x", 5)), {}, "N", 5)
    tape = tape_of("sum(j, x)", scope)
    assert [node.op for node in tape.nodes] == ["state", "constant", "mul"]
    [total], _ = outputs_of(tape, np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 7.0]]), np.empty(0))
    assert total.tolist() == [[35.0]]


def test_sums_means_and_elements_have_the_axes_they_should():
    scope = Scope((Variable("u", 0, 3),), {"A": ParameterSlot(0, "NN"), "w": ParameterSlot(9, "N")}, "N", 3)
    tape = tape_of("sum(j, A[i,j]*u[j+1]) + mean(u)*w[i] + i", scope)
    axes = {node.op: node.axes for node in tape.nodes if node.op in ("sum", "index")}
    assert tape.nodes[tape.outputs[0]].axes == "i"
    assert axes["index"] == "i"
    states = np.array([[1.0, 2.0, 4.0]])
    matrix = np.arange(9.0).reshape(3, 3)
    weights = np.array([1.0, 10.0, 100.0])
    [value], _ = outputs_of(tape, states, np.concatenate([matrix.ravel(), weights]))
    expected = matrix @ np.array([2.0, 4.0, 1.0]) + states.mean() * weights + np.arange(3)
    np.testing.assert_allclose(value[0], expected, rtol=1e-15)


def test_delays_are_listed_once_for_each_variable_and_lag():
    trees = [parse(text, where="t") for text in ("delay(x, a) + delay(y, a)", "delay(x, 2*a)*delay(x, a)")]
    lags = (parse("a", where="t"), parse("2*a", where="t"))
    tape = trace_expressions(trees, Scope(PLAIN.variables, PLAIN.parameters, lags=lags))
    assert tape.delayed == ((0, 0), (1, 0), (0, 1))
    values, _ = outputs_of(tape, np.zeros((1, 2)), np.array([0.5]), past=np.array([[2.0, 3.0, 5.0]]))
    assert [value[0, 0] for value in values] == [2.0 + 3.0, 5.0 * 2.0]


CONSTANTS = {
    "8/3": 8 / 3,
    "-7 % 3": 2.0,
    "7 % -3": -2.0,
    "-1e-20 % 1": 0.0,
    "where(1 < 2, 3, 4)": 3.0,
    "max(min(1, 2), atan2(1, 1))": 1.0,
    "floor(-1.5) + sign(-3) + abs(-2)": -1.0,
    "2**0.5 - sqrt(2)": 0.0,
}


@pytest.mark.parametrize(("text", "expected"), CONSTANTS.items())
def test_constants_mean_the_same_folded_and_evaluated(text, expected):
    tree = parse(text, where="test")
    assert constant_value(tree, {}, where="test") == expected
    [value], _ = outputs_of(trace_expressions([tree], Scope()), np.zeros((1, 0)), np.empty(0))
    assert value[0, 0] == expected
