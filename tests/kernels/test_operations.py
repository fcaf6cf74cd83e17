import math

import numpy as np
import pytest

from chaosbench.errors import KernelError
from chaosbench.expressions.tape import BINARY, COMPARISONS, UNARY, Node, Tape, Variable
from chaosbench.kernels.assemble import assemble
from chaosbench.kernels.graph import graph_of

SPECIAL = [-math.inf, -1e300, -2.5, -1.0, -1e-300, -0.0, 0.0, 1e-20, 0.5, 1.0, 3.0, 1e22, math.inf, math.nan]


def _cells(op, arguments, runner, samples):
    """A map of N cells, one per row of `arguments`: vector code in full blocks and in a remainder."""
    size = len(arguments[0])
    leaves = [Node("state", slot=k * size, axes="i") for k in range(len(arguments))]
    nodes = [*leaves, Node(op, tuple(range(len(leaves))), axes="i")]
    if op in COMPARISONS:
        nodes += [Node("constant", value=1.0), Node("constant", value=0.0), Node("where", (len(leaves), len(nodes), len(nodes) + 1), axes="i")]
    variables = tuple(Variable(f"x{k}", k * size, size) for k in range(len(arguments)))
    tape = Tape(tuple(nodes), variables, (len(nodes) - 1,) * len(variables), size=size)
    return runner(_sample(samples, tape)).value(np.concatenate(arguments))[:size]


def _alone(op, arguments, runner, samples):
    """The same one by one in straight-line code."""
    leaves = [Node("state", slot=k) for k in range(len(arguments))]
    nodes = [*leaves, Node(op, tuple(range(len(leaves))))]
    if op in COMPARISONS:
        nodes += [Node("constant", value=1.0), Node("constant", value=0.0), Node("where", (len(leaves), len(nodes), len(nodes) + 1))]
    variables = tuple(Variable(f"x{k}", k) for k in range(len(arguments)))
    run = runner(_sample(samples, Tape(tuple(nodes), variables, (len(nodes) - 1,) * len(variables))), straight=True)
    return np.array([run.value(np.array(row))[0] for row in zip(*arguments, strict=True)])


def _sample(samples, tape):
    return type(samples["polynomial"])("one operation", tape, np.zeros(1))


def _arguments(op):
    rng = np.random.default_rng(5)
    if op in {"asin", "acos"}:
        return [np.concatenate([rng.uniform(-1, 1, 41), [-1.0, 1.0, 0.0, -0.0, math.nan]])]
    if op in UNARY:
        return [np.concatenate([3 * rng.normal(size=41), SPECIAL])]
    grid = np.array([(a, b) for a in SPECIAL for b in SPECIAL])
    if op == "mod":
        grid = grid[np.isfinite(grid[:, 1]) & (np.abs(grid[:, 1]) > 1e-10) & np.isfinite(grid[:, 0]) & (np.abs(grid[:, 0]) < 1e100)]
    return [np.concatenate([column, 3 * rng.normal(size=13)]) for column in grid.T]


@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero", "ignore:overflow")
@pytest.mark.parametrize("op", sorted(UNARY | BINARY | COMPARISONS))
def test_every_operation_agrees_with_numpy_on_ordinary_and_special_numbers(op, runner, samples):
    numpy_name = {"neg": "negative", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "sub": "subtract", "mul": "multiply"}
    numpy_name |= {"div": "divide", "pow": "power", "min": "minimum", "max": "maximum", "lt": "less", "le": "less_equal"}
    numpy_name |= {"gt": "greater", "ge": "greater_equal"}
    arguments = _arguments(op)
    expected = getattr(np, numpy_name.get(op, op))(*arguments).astype(float)
    if op == "mod":  # Python's remainder may round up to the modulus; ours stays below
        expected = np.where(np.abs(expected) >= np.abs(arguments[1]), 0.0, expected)
    for result in (_cells(op, arguments, runner, samples), _alone(op, arguments, runner, samples)):
        np.testing.assert_array_max_ulp(np.nan_to_num(result, nan=7e77), np.nan_to_num(expected, nan=7e77), maxulp=4)


def test_a_remainder_lies_in_its_interval(runner, samples):
    rng = np.random.default_rng(6)
    m = np.concatenate([rng.uniform(0.1, 10, 500), np.full(500, 2 * math.pi)])
    x = np.concatenate([rng.normal(size=500) * 10.0 ** rng.integers(-20, 20, 500), m[500:] * rng.integers(-(10**6), 10**6, 500)])
    for sign in (1.0, -1.0):
        result = sign * _alone("mod", [x, sign * m], runner, samples)
        assert (result >= 0).all()
        assert (result < m).all()
    exact = [math.fmod(a, b) % b for a, b in zip(x, m, strict=True)]
    wrapped = np.where(np.array(exact) >= m, 0.0, exact)
    assert (_alone("mod", [x, m], runner, samples) == wrapped).all()


def test_the_square_root_is_the_power_one_half(runner, samples):
    x = np.random.default_rng(7).uniform(0, 100, 50)
    nodes = (Node("state"), Node("constant", value=0.5), Node("pow", (0, 1)))
    run = runner(_sample(samples, Tape(nodes, (Variable("x", 0),), (2,))))
    assert all(run.value(np.array([a]))[0] == math.sqrt(a) for a in x)


@pytest.mark.parametrize("straight", [False, True])
@pytest.mark.parametrize("columns", [0, 1])
def test_sine_and_cosine_of_one_node_are_one_call(columns, straight):
    """cos x is there for the right-hand side or for its tangent; x and y need a call each."""
    x, y, along = Node("state"), Node("state", slot=1), Node("tangent")
    nodes = (x, y, Node("sin", (0,)), Node("cos", (1,)), Node("cos", (0,)), Node("mul", (2, 4)), along, Node("mul", (4, 6)))
    tape = Tape(nodes, (Variable("x", 0), Variable("y", 1)), (2 if columns else 5, 3), (7, 7))
    text = assemble(graph_of(tape, columns), None, straight=straight).text
    calls = [line.split("@")[1].split("(")[0] for line in text.splitlines() if "call {" in line and "lanes(" in line]
    assert sorted(calls) == ["cos_1_lanes", "sin_cos_1_lanes"]


@pytest.mark.parametrize(
    ("nodes", "complaint"),
    [
        ((Node("state"), Node("gamma", (0,))), "unknown operation 'gamma'"),
        ((Node("state"), Node("add", (0, 1))), "earlier nodes"),
        ((Node("state", axes="i"),), "without a size"),
        ((Node("state"), Node("lt", (0, 0)), Node("add", (0, 1))), "first argument of where"),
        ((Node("state"), Node("where", (0, 0, 0))), "first argument of where"),
    ],
)
def test_a_tape_that_breaks_a_rule_is_refused_with_the_rule(nodes, complaint):
    with pytest.raises(KernelError, match=complaint):
        graph_of(Tape(nodes, (Variable("x", 0),), (len(nodes) - 1,)), 0)


def test_columns_need_a_tangent_tape():
    with pytest.raises(KernelError, match="pass the tangent tape"):
        graph_of(Tape((Node("state"),), (Variable("x", 0),), (0,)), 2)
