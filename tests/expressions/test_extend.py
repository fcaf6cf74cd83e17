"""A state with its tangent columns as one state, and cells written out: the same numbers as the tapes they come from."""

import numpy as np
import pytest

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.expressions.evaluate import evaluate
from chaosbench.expressions.extend import extended_tape
from chaosbench.expressions.unroll import unrolled, unrolled_size

PLAIN = ["lorenz63", "chua", "double_pendulum", "duffing", "hindmarsh_rose", "ikeda", "lozi", "henon"]


def numbers(subject: CompiledSystem, columns: int) -> tuple[np.ndarray, np.ndarray]:
    stream = np.random.default_rng(subject.dimension)
    return stream.uniform(0.1, 1.5, (5, subject.dimension)), stream.normal(size=(5, columns, subject.dimension))


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("columns", [1, 3])
def test_the_extended_tape_is_the_right_hand_side_and_its_derivative_along_every_column(name: str, columns: int) -> None:
    subject = compile_system(system(name))
    states, tangents = numbers(subject, columns)
    tape = extended_tape(subject.tape, columns)
    found = evaluate(tape, np.concatenate([states, tangents.reshape(5, -1)], axis=1), subject.parameter_values)[0]
    expected = [subject.value(states), *(subject.tangent(states, tangents[:, k]) for k in range(columns))]
    assert tape.dimension == subject.dimension * (1 + columns)
    assert found == pytest.approx(np.concatenate(expected, axis=1), rel=1e-14, abs=1e-14)


def test_what_depends_on_the_state_alone_is_written_once() -> None:
    tape = compile_system(system("double_pendulum")).tape
    one, two, three = (len(extended_tape(tape, columns).nodes) for columns in (1, 2, 3))
    assert three - two == two - one
    assert sum(node.op == "sin" for node in extended_tape(tape, 3).nodes) == sum(node.op == "sin" for node in extended_tape(tape, 1).nodes)


@pytest.mark.parametrize("name", ["lorenz96", "mackey_glass"])
def test_cells_and_delays_cannot_be_extended(name: str) -> None:
    with pytest.raises(ValueError, match="cells or delays"):
        extended_tape(compile_system(system(name)).tape, 2)


LATTICES = {
    "zero boundary": {"equations": {"x[i]": "x[i+1] - 2*x[i] + x[i-2] + y", "y": "mean(x) - y"}, "size": {"N": 5}, "boundary": "zero"},
    "index": {"equations": {"x[i]": "sin(x[i])*(i + 1) - x[i-1]"}, "size": {"N": 4}},
    "pairs": {"equations": {"x[i]": "sum(j, (i - j)*tanh(x[j] - x[i])) - max(x[i], 0)"}, "size": {"N": 5}},
}


@pytest.mark.parametrize("name", ["lorenz96", "kuramoto", "coupled_logistic", *LATTICES])
def test_a_lattice_written_out_has_the_same_rates(name: str) -> None:
    subject = compile_system(system_from(**LATTICES[name]) if name in LATTICES else system(name))  # type: ignore[arg-type]
    states, _ = numbers(subject, 1)
    tape = unrolled(subject.tape)
    assert not any(node.axes for node in tape.nodes)
    assert tape.dimension == subject.dimension
    assert len(tape.nodes) <= unrolled_size(subject.tape)
    assert evaluate(tape, states, subject.parameter_values)[0] == pytest.approx(subject.value(states), rel=1e-13, abs=1e-14)


def test_matrix_parameters_keep_their_places() -> None:
    definition = system_from(
        {"x[i]": "sum(j, W[i, j]*x[j]) - x[i]"}, size={"N": 4}, parameters={"W": {"normal": [0, 1], "shape": "NN", "seed": 1, "meaning": "weights"}}
    )
    subject = compile_system(definition)
    states, _ = numbers(subject, 1)
    weights = subject.parameter_values.reshape(4, 4)
    assert evaluate(unrolled(subject.tape), states, subject.parameter_values)[0] == pytest.approx(states @ weights.T - states, rel=1e-13)


def test_a_tape_without_cells_is_left_as_it_is() -> None:
    tape = compile_system(system("lorenz63")).tape
    assert unrolled(tape) is tape


def test_a_tape_with_tangents_is_not_unrolled() -> None:
    with pytest.raises(ValueError, match="before differentiating"):
        unrolled(compile_system(system("lorenz96")).tangent_tape)
