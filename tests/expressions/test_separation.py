"""Sums over pairs taken apart: the same values, fewer functions and products for every pair."""

import numpy as np
import pytest

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.expressions.evaluate import outputs_of
from chaosbench.expressions.separation import separated
from chaosbench.expressions.tape import Tape

SIZE = 7
TABLES = {"A": {"formula": "sin(1 + i + 2*j)", "shape": "NN"}, "b": {"formula": "1 + i/N", "shape": "N"}, "k": 0.7}


def lattice(text: str, boundary: str = "periodic") -> CompiledSystem:
    parameters = {name: value for name, value in TABLES.items() if f"{name}[" in text or f"{name}*" in text}
    return compile_system(system_from({"x[i]": text}, size={"N": SIZE}, parameters=parameters, boundary=boundary))


def functions_of_pairs(tape: Tape) -> int:
    moving: list[bool] = []
    for node in tape.nodes:
        moving.append(node.op == "state" or any(moving[a] for a in node.args))
    costly = [node.op in {"sin", "cos", "exp", "div"} or (node.op == "mul" and all(moving[a] for a in node.args)) for node in tape.nodes]
    return sum(node.axes == "ij" and moving[n] and costly[n] for n, node in enumerate(tape.nodes))


# The number of functions and products of changing numbers for every pair before and after.
CASES = {
    "sum(j, sin(x[j] - x[i]))": (1, 0),
    "x[i] + k*sum(j, A[i,j]*sin(x[j] - x[i] - 1))": (1, 0),
    "sum(j, cos(k*(x[i] - 2*x[j+1]))*b[j])": (1, 0),
    "sum(j, (x[j] - x[i])*sin(x[i])/(3 + x[i-1]))": (2, 0),
    "sum(j, x[i]*x[j]*exp(-x[j])*b[i]/(2 + x[j]))": (3, 0),
    "sum(j, sin(x[j] - x[i])*cos(x[j] + x[i]))": (3, 0),
    "sum(j, x[i]*exp(x[j] - x[i]))": (2, 1),
    "sum(j, exp(-(x[j] - x[i])**2))": (2, 2),
    "sum(j, A[i,j]*sin(x[j]) - x[i])": (0, 0),
    "sum(j, sin(A[i,j]*(x[j] - x[i])))": (1, 1),
    "sum(j, x[j]) + mean(x)*x[i]": (0, 0),
}


@pytest.mark.parametrize("boundary", ["periodic", "zero"])
@pytest.mark.parametrize("text", CASES)
def test_the_outputs_are_the_same(text: str, boundary: str) -> None:
    """Sums of at most 4 N terms, whose sizes are about 1 or about that of the result; each is rounded a few times."""
    system = lattice(text, boundary)
    states = np.random.default_rng(2).uniform(-2.0, 2.0, (50, SIZE))
    [before], _ = outputs_of(system.tape, states, system.parameter_values)
    [after], _ = outputs_of(separated(system.tape), states, system.parameter_values)
    size = np.maximum(np.abs(before).max(axis=1, keepdims=True), 4 * SIZE)
    assert (np.abs(after - before) <= 1e-13 * size).all()


@pytest.mark.parametrize("text", CASES)
def test_pairs_cost_less(text: str) -> None:
    tape = lattice(text).tape
    assert (functions_of_pairs(tape), functions_of_pairs(separated(tape))) == CASES[text]


@pytest.mark.parametrize("text", [text for text, (before, after) in CASES.items() if before == after])
def test_what_cannot_be_taken_apart_stays_as_it_is(text: str) -> None:
    tape = lattice(text).tape
    assert separated(tape).outputs == tape.outputs
    assert separated(tape).nodes == tape.nodes
