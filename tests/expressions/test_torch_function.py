"""The torch right-hand side equals the NumPy one, and torch's derivatives equal the tangent tape's."""

import numpy as np
import pytest

from chaosbench.expressions.differentiate import tangent_tape
from chaosbench.expressions.evaluate import evaluate
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import ParameterSlot, Scope
from chaosbench.expressions.tape import Variable
from chaosbench.expressions.trace import trace

torch = pytest.importorskip("torch")
from chaosbench.expressions.torch import torch_function  # noqa: E402

POINT = Scope((Variable("x", 0), Variable("y", 1)), {"a": ParameterSlot(0)}, lags=(parse("a", where="t"),))
SIZED = Scope((Variable("u", 0, 5), Variable("z", 5)), {"A": ParameterSlot(0, "NN"), "w": ParameterSlot(25, "N")}, "N", 5)
ZERO_EDGES = Scope(SIZED.variables, SIZED.parameters, "N", 5, "zero")
CASES = [
    (POINT, {"x": "a*(y - x) + (x*y) % 0.3 + abs(x) + sign(y)*floor(3*x)", "y": "where(x < y, atan2(x, y), min(x, y)*max(x, 0.1)) + 1/3"}),
    (POINT, {"x": "delay(y, a)**3 - x**2.5/(1 + x**2)", "y": "exp(-y**2)*tanh(x) + sinh(y)*cosh(x) + atan(x)"}),
    (SIZED, {"u": "(u[i+1] - u[i-2])*u[i-1] + sum(j, A[i,j]*sin(u[j] - u[i])) + w[i]*z + i", "z": "mean(u) - sum(j, u[j]*w[j+1])"}),
    (ZERO_EDGES, {"u": "(u[i+2] - u[i-1])*u[i]", "z": "sum(j, u[j+1]*u[j]) + A_total"}),
]


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # inside torch.func.jvp of torch 2.x itself
@pytest.mark.parametrize("case", range(len(CASES)))
def test_values_and_derivatives_agree_with_numpy(case):
    scope, texts = CASES[case]
    equations = {name: parse(text.replace("A_total", "sum(j, w[j])"), where="t") for name, text in texts.items()}
    tape = trace(equations, scope)
    random = np.random.default_rng(case)
    states, direction = np.abs(random.normal(size=(3, tape.dimension))), random.normal(size=(3, tape.dimension))
    parameters = random.normal(size=(3, tape.n_parameters))
    past = random.normal(size=(3, len(tape.delayed)))
    value, slope = evaluate(tangent_tape(tape), states, parameters, past=past, tangents=direction, past_tangents=np.zeros_like(past))
    right_hand_side = torch_function(tape)

    def of_states(x):
        return right_hand_side(x, torch.tensor(parameters), torch.tensor(past))

    found, pushed = torch.func.jvp(of_states, (torch.tensor(states),), (torch.tensor(direction),))
    np.testing.assert_allclose(found.numpy(), value, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(pushed.numpy(), slope, rtol=1e-13, atol=1e-14)


def test_one_row_of_parameters_serves_all_states():
    scope, texts = CASES[2]
    tape = trace({name: parse(text, where="t") for name, text in texts.items()}, scope)
    random = np.random.default_rng(5)
    states, parameters = torch.tensor(random.normal(size=(7, 6))), torch.tensor(random.normal(size=tape.n_parameters))
    together = torch_function(tape)(states, parameters)
    torch.testing.assert_close(together, torch_function(tape)(states, parameters.expand(7, -1)), rtol=0.0, atol=0.0)
    torch.testing.assert_close(together[3:4], torch_function(tape)(states[3:4], parameters), rtol=0.0, atol=0.0)


def test_not_a_number_passes_through_min_and_max():
    tape = trace({"x": parse("min(x, y)", where="t"), "y": parse("max(x, y)", where="t")}, POINT)
    nan = float("nan")
    found = torch_function(tape)(torch.tensor([[nan, 1.0], [1.0, nan], [2.0, 1.0]]), torch.ones(1))
    assert torch.isnan(found[:2]).all()
    assert found[2].tolist() == [1.0, 2.0]


def test_the_dtype_of_the_states_is_kept():
    tape = trace({"x": parse("a*x + 0.1", where="t"), "y": parse("1/3 + y", where="t")}, POINT)
    found = torch_function(tape)(torch.zeros(2, 2, dtype=torch.float32), torch.ones(1, dtype=torch.float32))
    assert found.dtype == torch.float32
    assert found.shape == (2, 2)


def test_a_tangent_tape_and_missing_delays_are_refused():
    tape = trace({"x": parse("delay(x, a)", where="t"), "y": parse("y", where="t")}, POINT)
    with pytest.raises(ValueError, match="torch differentiates by itself"):
        torch_function(tangent_tape(tape))
    with pytest.raises(ValueError, match="no delayed values"):
        torch_function(tape)(torch.zeros(1, 2), torch.ones(1))
