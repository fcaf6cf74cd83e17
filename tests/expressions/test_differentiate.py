"""Tangents: against complex steps and SymPy, and without terms that are zero for every state."""

import numpy as np
import pytest
import sympy

from chaosbench.expressions.derivative import Target, derivative
from chaosbench.expressions.differentiate import tangent_tape
from chaosbench.expressions.evaluate import evaluate, outputs_of
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import ParameterSlot, Scope
from chaosbench.expressions.tape import Variable
from chaosbench.expressions.text import to_text
from chaosbench.expressions.trace import trace_expressions
from chaosbench.expressions.tree import ZERO

SCOPE = Scope((Variable("x", 0), Variable("y", 1)), {"a": ParameterSlot(0)})
FUNCTIONS = [
    "a*x*y - x**3/(1 + y**2)",
    "sin(x)*cos(y) + tan(x*y)",
    "asin(x/3) - acos(y/3) + atan(x*y)",
    "atan2(x, y) + atan2(y, -1 - x**2)",
    "sinh(x) + cosh(x*y) - tanh(a*y)",
    "exp(-x**2) * log(1 + y**2)",
    "sqrt(1 + x*x + y*y) + (2 + x**2)**1.5 + (1 + y**2)**0.5",
    "(1 + x**2)**y + (1 + x**2)**a + a**x",
    "x**16 + x**17 + x**-3 + (x + y)**-1",
    "(x*y) % 0.7 + x % (1 + y**2)",
    "abs(x - 2*y) + min(x, y) + max(x*y, 0.1)",
    "where(x > y, x*x, sin(y)) + sign(x)*y + floor(3*x)*y",
    "where(x < 10, 1, x)*y + where(y < 10, x, 1)",
    "2*(3*x)/3 - -x - (-y)",
    "5 + a",
]
SMOOTH = [text for text in FUNCTIONS if not any(word in text for word in ("%", "abs", "where"))]
POINTS = np.array([[0.3, 0.7], [-0.9, 0.4], [1.3, -0.6], [0.8, 1.1]])
PARAMETERS = np.array([1.7])


def tape_of(text, scope=SCOPE):
    return trace_expressions([parse(text, where="test")], scope)


def complex_step(tape, states, parameters, direction, **more):
    [value], _ = outputs_of(tape, states + 1e-30j * direction, parameters, **more)
    return value.imag / 1e-30


@pytest.mark.parametrize("text", FUNCTIONS)
def test_the_tangent_is_the_complex_step_derivative(text):
    tape = tape_of(text)
    direction = np.array([[0.6, -1.1]]) * np.ones((4, 1))
    _, [slope] = outputs_of(tangent_tape(tape), POINTS, PARAMETERS, tangents=direction)
    np.testing.assert_allclose(slope, complex_step(tape, POINTS, PARAMETERS, direction), rtol=4e-14, atol=1e-15)


@pytest.mark.parametrize("text", SMOOTH)
def test_tape_and_tree_derivatives_agree_with_sympy(text):
    x, y, a = sympy.symbols("x y a", real=True)
    formula = sympy.sympify(text, locals={"x": x, "y": y, "a": a})
    for place, (name, symbol) in enumerate((("x", x), ("y", y))):
        exact = sympy.lambdify((x, y, a), sympy.diff(formula, symbol), "mpmath")
        expected = [float(exact(*point, PARAMETERS[0])) for point in POINTS]
        direction = np.zeros((4, 2))
        direction[:, place] = 1.0
        _, [slope] = outputs_of(tangent_tape(tape_of(text)), POINTS, PARAMETERS, tangents=direction)
        np.testing.assert_allclose(slope[:, 0], expected, rtol=1e-13, atol=1e-14)
        tree = derivative(parse(text, where="test"), Target(name), where="test")
        [value], _ = outputs_of(trace_expressions([tree], SCOPE), POINTS, PARAMETERS)
        np.testing.assert_allclose(np.broadcast_to(value[:, 0], 4), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("text", [text for text in FUNCTIONS if text not in SMOOTH])
def test_the_tree_derivative_of_a_function_with_kinks_is_the_tangent(text):
    for place, name in enumerate(("x", "y")):
        direction = np.zeros((4, 2))
        direction[:, place] = 1.0
        _, [slope] = outputs_of(tangent_tape(tape_of(text)), POINTS, PARAMETERS, tangents=direction)
        [value], _ = outputs_of(trace_expressions([derivative(parse(text, where="test"), Target(name), where="test")], SCOPE), POINTS, PARAMETERS)
        np.testing.assert_allclose(np.broadcast_to(value, (4, 1)), slope, rtol=1e-14)


def test_structural_zeros_are_not_written():
    tape = tape_of("a*x + a**2 + sin(a)*floor(y) + sign(x) + 7")
    extra = [node for node in tangent_tape(tape).nodes if node not in tape.nodes]
    assert [node.op for node in extra] == ["tangent", "mul"], "only a*x'"


def test_a_right_hand_side_without_state_has_the_constant_tangent_zero():
    tape = tangent_tape(tape_of("5 + a"))
    assert tape.nodes[tape.tangent_outputs[0]].value == 0.0


def test_at_a_kink_the_first_side_is_taken():
    states, direction = np.array([[0.0, 0.0]]), np.array([[1.0, 10.0]])
    expected = {"abs(x)": 0.0, "min(x, y)": 1.0, "max(x, y)": 1.0, "where(x >= y, x, y)": 1.0, "where(x > y, x, y)": 10.0}
    for text, slope in expected.items():
        _, [found] = outputs_of(tangent_tape(tape_of(text)), states, PARAMETERS, tangents=direction)
        assert found[0, 0] == slope, text


def test_delayed_values_have_tangents_of_their_own():
    lags = (parse("a", where="t"),)
    tape = tape_of("x*delay(y, a)**2", Scope(SCOPE.variables, SCOPE.parameters, lags=lags))
    _, [slope] = outputs_of(
        tangent_tape(tape),
        np.array([[3.0, 0.0]]),
        PARAMETERS,
        past=np.array([[5.0]]),
        tangents=np.array([[1.0, 0.0]]),
        past_tangents=np.array([[0.1]]),
    )
    assert slope[0, 0] == pytest.approx(1.0 * 25.0 + 3.0 * 2 * 5.0 * 0.1, rel=1e-15)


@pytest.mark.parametrize("boundary", ["periodic", "zero"])
def test_tangents_of_sized_systems_are_complex_steps(boundary):
    scope = Scope((Variable("u", 0, 6), Variable("x", 6)), {"A": ParameterSlot(0, "NN"), "w": ParameterSlot(36, "N")}, "N", 6, boundary)
    random = np.random.default_rng(1)
    trees = [
        parse("(u[i+1] - u[i-2])*u[i-1] + w[i+1]*sum(j, A[i,j]*sin(u[j] - u[i])) + x*mean(u) + i*u[i]", where="t"),
        parse("mean(u)**2 - x*sum(j, u[j]*u[j+1]*j)", where="t"),
    ]
    tape = trace_expressions(trees, scope)
    states, parameters = random.normal(size=(3, 7)), random.normal(size=(3, 42))
    direction = random.normal(size=(3, 7))
    _, slope = evaluate(tangent_tape(tape), states, parameters, tangents=direction)
    stepped, _ = evaluate(tape, states + 1e-30j * direction, parameters)
    np.testing.assert_allclose(slope, stepped.imag / 1e-30, rtol=1e-13, atol=1e-13)


def test_a_tangent_tape_is_not_differentiated_again():
    with pytest.raises(ValueError, match="has tangents already"):
        tangent_tape(tangent_tape(tape_of("x")))


def test_derived_trees_are_short():
    expected = {
        "p**2/2 + x**2*p": "p + x**2",
        "3*p**3/2 - a*p": "9*p**2/2 - a",
        "-(p**2 + x)": "-2*p",
        "a*p**4/4": "a*p**3",
        "cos(2*p)": "-2*sin(2*p)",
        "p**-2": "-2*p**-3",
        "x": "0",
    }
    for text, short in expected.items():
        assert to_text(derivative(parse(text, where="t"), Target("p"), where="t")) == short


@pytest.mark.parametrize("boundary", ["periodic", "zero"])
def test_the_gradient_of_a_sum_over_cells_is_the_numerical_one(boundary):
    text = "sum(j, u[j]**2*w[j] + u[j]*u[j+1]*u[j-2]*j + sin(u[j+1] - u[j])) + mean(u)*sum(j, u[j]**3)"
    scope = Scope((Variable("u", 0, 6),), {"w": ParameterSlot(0, "N")}, "N", 6, boundary)
    tree = derivative(parse(text, where="t"), Target("u", True, boundary, "N"), where="t")
    assert tree != ZERO
    random = np.random.default_rng(2)
    states, weights = random.normal(size=(2, 6)), random.normal(size=6)
    [gradient], _ = outputs_of(trace_expressions([tree], scope), states, weights)
    energy = trace_expressions([parse(text, where="t")], scope)
    for cell in range(6):
        step = 1e-30j * np.eye(6)[cell]
        [value], _ = outputs_of(energy, states + step, weights)
        np.testing.assert_allclose(gradient[:, cell], value[:, 0].imag / 1e-30, rtol=1e-13, atol=1e-13)
