"""Which operations are fused and in which order sums are taken: the rules that fix every bit."""

from fractions import Fraction

import numpy as np
import pytest

from chaosbench.expressions.tape import Node, Tape, Variable
from chaosbench.kernels.target import Processor

A, B, C, D = 1.1, 2.3, -2.53, 0.7


def _fused(a, b, c):
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def _evaluate(runner, samples, nodes, outputs, **settings):
    variables = tuple(Variable(f"x{k}", k) for k in range(4))
    tape = Tape(tuple(nodes), variables, outputs, **settings)
    return runner(type(samples["polynomial"])("bits", tape, np.zeros(1))).value(np.array([A, B, C, D]))


def test_a_product_used_once_is_fused_into_the_sum_that_uses_it(runner, samples):
    x = [Node("state", slot=k) for k in range(4)]
    nodes = [*x, Node("mul", (0, 1)), Node("add", (4, 2)), Node("mul", (0, 1)), Node("sub", (6, 2)), Node("mul", (0, 1)), Node("sub", (2, 8))]
    assert _fused(A, B, C) != A * B + C
    result = _evaluate(runner, samples, nodes, (5, 7, 9, 0))
    assert result.tolist() == [_fused(A, B, C), _fused(A, B, -C), _fused(-A, B, C), A]


def test_a_product_used_twice_is_rounded_once_for_all(runner, samples):
    x = [Node("state", slot=k) for k in range(4)]
    nodes = [*x, Node("mul", (0, 1)), Node("add", (4, 2)), Node("add", (4, 3))]
    assert _evaluate(runner, samples, nodes, (5, 6, 0, 0)).tolist() == [A * B + C, A * B + D, A, A]


def test_a_product_that_is_itself_an_output_is_not_fused(runner, samples):
    x = [Node("state", slot=k) for k in range(4)]
    nodes = [*x, Node("mul", (0, 1)), Node("add", (4, 2))]
    assert _evaluate(runner, samples, nodes, (5, 4, 0, 0)).tolist() == [A * B + C, A * B, A, A]


def test_of_two_products_the_left_one_is_fused(runner, samples):
    x = [Node("state", slot=k) for k in range(4)]
    nodes = [*x, Node("mul", (0, 1)), Node("mul", (2, 3)), Node("add", (4, 5)), Node("sub", (4, 5))]
    assert _fused(A, B, C * D) != _fused(C, D, A * B)
    sum_alone = _evaluate(runner, samples, nodes, (6, 0, 0, 0))
    difference_alone = _evaluate(runner, samples, nodes, (7, 0, 0, 0))
    assert sum_alone[0] == _fused(A, B, C * D)
    assert difference_alone[0] == _fused(A, B, -(C * D))


def test_uses_by_a_tangent_do_not_change_the_rounding_of_the_state(runner, samples):
    x = [Node("state", slot=k) for k in range(4)]
    nodes = [*x, Node("mul", (0, 1)), Node("add", (4, 2)), Node("tangent", slot=2), Node("mul", (4, 6))]
    tape = Tape(tuple(nodes), tuple(Variable(f"x{k}", k) for k in range(4)), (5, 0, 0, 0), (7, 7, 7, 7))
    run = runner(type(samples["polynomial"])("bits", tape, np.zeros(1)), columns=1)
    result = run.value(np.array([A, B, C, D, 1.0, 1.0, D, 1.0]))
    assert result.tolist() == [_fused(A, B, C), A, A, A, *[A * B * D] * 4]


def _in_eight_sums(terms, add):
    """Term k joins partial sum k mod 8; then ((0+4) + (2+6)) + ((1+5) + (3+7))."""
    partial = [0.0] * 8
    for k, term in enumerate(terms):
        partial[k % 8] = add(partial[k % 8], term)
    p = partial
    return ((p[0] + p[4]) + (p[2] + p[6])) + ((p[1] + p[5]) + (p[3] + p[7]))


@pytest.mark.parametrize("size", [1, 2, 5, 8, 13, 16, 40, 43])
@pytest.mark.parametrize("cpu", [None, Processor("generic")])
def test_a_sum_over_cells_keeps_eight_partial_sums_on_every_processor(runner, samples, size, cpu):
    x = np.random.default_rng(size).normal(size=size) * 10.0 ** np.random.default_rng(1).integers(-8, 8, size)
    leaf = Node("state", axes="j")
    nodes = (leaf, Node("sum", (0,)), Node("mul", (0, 0), axes="j"), Node("sum", (2,)), Node("sub", (1, 3)))
    row = Node("state", axes="i"), Node("add", (0, 5), axes="ij"), Node("sum", (6,), axes="i")
    variables = (Variable("x", 0, size), Variable("s", size), Variable("q", size + 1))
    tape = Tape((*nodes, *row), variables, (7, 1, 3), size=size)
    result = runner(type(samples["polynomial"])("bits", tape, np.zeros(1)), cpu=cpu).value(np.array([*x, 0.0, 0.0]))
    assert result[size] == _in_eight_sums(x, lambda total, term: total + term)
    assert result[size + 1] == _in_eight_sums(x, lambda total, term: _fused(term, term, total))
    assert result[:size].tolist() == [_in_eight_sums(x + cell, lambda total, term: total + term) for cell in x]
