"""Taylor kernels that keep coefficients in memory: coefficients against the same rules in longer numbers, and bits."""

import ctypes
import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.expressions.expansion import expand
from chaosbench.expressions.separation import separated
from chaosbench.expressions.series import SeriesNode, series_tape
from chaosbench.expressions.tape import Tape
from chaosbench.kernels import assemble
from chaosbench.kernels.lanes import FIELDS, Lanes
from chaosbench.kernels.rolled_taylor_plan import TaylorPlan
from chaosbench.kernels.target import Processor, compile_assembly, load_object, processor

ORDER = 9
FORCED = [Processor("generic"), Processor("haswell")] if platform.machine() in {"x86_64", "AMD64"} else [Processor("generic")]
NUMPY = {
    **{"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2, "abs": np.abs, "neg": np.negative, "pow": np.power},
    **{"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "lt": np.less, "le": np.less_equal, "ge": np.greater_equal},
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "sign", "floor")},
    **{"gt": np.greater, "sum": lambda a: np.sum(a, axis=1, keepdims=True)},
}
MATRIX = {"formula": "sin(i + 2*j)/N", "shape": "NN"}
VECTOR = {"formula": "1 + i/N", "shape": "N"}


class Arrays:
    """The arithmetic of arrays over the cells i and j of the longest floating-point numbers there are."""

    add, sub, mul, div, neg = np.add, np.subtract, np.multiply, np.divide, np.negative
    constant = staticmethod(np.longdouble)
    select = staticmethod(np.where)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        return a * b + c

    def inverse(self, n: int) -> Any:
        return np.longdouble(1) / n

    def function(self, name: str, *args: Any) -> Any:
        return NUMPY[name](*args)


def expanded(compiled: CompiledSystem, state: np.ndarray, order: int) -> np.ndarray:
    """The coefficients (order + 1, D), in another arithmetic."""
    tape, size = compiled.tape, compiled.tape.size
    parameters, state = compiled.parameter_values.astype(np.longdouble), state.astype(np.longdouble)
    cells = {"i": np.arange(size)[:, None], "j": np.arange(size)[None, :]}

    def taken(source: np.ndarray, node: SeriesNode, start: int) -> Any:
        places = cells[node.axes] + node.offset
        inside = (places >= 0) & (places < size) | (tape.boundary == "periodic")
        return np.where(inside, source[start + places % size], np.longdouble(0))

    def leaf(node: SeriesNode, coefficients: Sequence[Any] | None) -> Any:
        if node.op == "constant":
            return np.longdouble(node.value)
        if node.op == "index":
            return cells[node.axes].astype(np.longdouble)
        if node.op == "parameter" and node.axes == "ij":
            return parameters[node.slot : node.slot + size**2].reshape(size, size)
        if node.op == "parameter":
            return taken(parameters, node, node.slot) if node.axes else parameters[node.slot]
        assert coefficients is not None
        variable = next(k for k, v in enumerate(tape.variables) if v.start == node.slot)
        flat = np.broadcast_to(np.ravel(coefficients[variable]), (tape.variables[variable].slots,))
        return taken(flat, node, 0) if node.axes else flat[0]

    start = [state[v.start : v.start + v.length][:, None] if v.length else state[v.start] for v in tape.variables]
    rows = expand(Arrays(), series_tape(tape), order, start, leaf).solution
    parts = [[np.broadcast_to(np.ravel(value), (v.slots,)) for value in row] for v, row in zip(tape.variables, rows, strict=True)]
    return np.array([np.concatenate([part[n] for part in parts]) for n in range(order + 1)])


def advanced(
    tape: Tape, parameters: np.ndarray, state: np.ndarray, times: np.ndarray, rounds: int, order: int = ORDER, cpu: Processor | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the coefficients (order + 1, D) of the last of some rounds, the outputs and the record, from memory full of NaN."""
    dimension, lanes = tape.dimension, Lanes(tape.dimension, 1)
    loaded = load_object(compile_assembly(assemble.assemble_taylor(tape, order, 1).text, cpu or processor()), ("advance",))
    sizes = assemble.taylor_sizes(tape, order, 1)
    u = np.zeros(sizes.record)
    u[:dimension] = state
    fields = dict.fromkeys(FIELDS, 0.0) | {"time": times[0], "end": times[-1], "index": 1.0, "count": len(times)}
    settings = {"rtol": 1e-9, "atol": 1e-9, "factor": 1.1, "most_steps": 1e6, "rounds": rounds, "attention": 0.0}
    for name, value in fields.items():
        u[lanes.field(name)] = value
    for name, value in settings.items():
        u[lanes.setting(name)] = value
    out = np.full((len(times), dimension), np.nan)
    margin = 16
    guarded = np.full(sizes.work + 2 * margin, np.nan)
    arrays = (u, parameters, times, np.full(sizes.spill, np.nan), guarded[margin:-margin], out)
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6)(loaded.addresses[0])(*(array.ctypes.data for array in arrays))
    assert np.isnan(guarded[:margin]).all(), "written before work"
    assert np.isnan(guarded[-margin:]).all(), "written behind work"
    return guarded[margin : margin + (order + 1) * dimension].reshape(order + 1, dimension).copy(), out, u


def lattice(equations: dict[str, str], size: int, boundary: str = "periodic") -> CompiledSystem:
    parameters = {key: value for key, value in {"A": MATRIX, "b": VECTOR}.items() if any(f"{key}[" in text for text in equations.values())}
    return compile_system(system_from(equations, size={"N": size}, boundary=boundary, parameters=parameters))


@pytest.fixture(params=[True, False], ids=["loop over the orders", "orders written out"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "UNROLLED_OPERATIONS", 0 if request.param else 10**9)


LATTICES = {
    "products": {"x[i]": "(x[i+1] - x[i-2])*x[i-1]/(2 + x[i]**2) - sqrt(1 + x[i+3])"},
    "functions": {
        "x[i]": "sin(x[i+1])*tan(x[i]) + atan2(x[i], 1 + x[i-1]) + acos(x[i]/5) + b[i-1]*tanh(x[i+2]) + (1 + x[i])**b[i] + exp(x[i])**x[i+1]"
    },
    "pairs": {"x[i]": "sum(j, exp(-(x[j] - x[i])**2)*A[i,j]/(1 + (i - j)**2)) + sum(j, sin(x[j] - b[i]*x[i]))/N"},
    "levels": {"m": "mean(x)*mean(y) - m", "y[i]": "sum(j, (x[j] - mean(x))*cos(x[j]*y[i])/(2 + m))", "x[i]": "m - x[i]*b[i+1]", "z": "2"},
    "branches": {"x[i]": "where(x[i+1] < x[i], x[i]**2, sin(x[i-1])) + floor(3*x[i])*x[i+1] + sum(j, max(x[i], x[j])*abs(x[j] - 1/2))/N"},
}


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("boundary", ["periodic", "zero"])
@pytest.mark.parametrize("size", [6, 8, 21])
@pytest.mark.parametrize("name", LATTICES)
def test_coefficients_are_those_of_longer_numbers(name: str, size: int, boundary: str) -> None:
    """Each coefficient is a few hundred roundings away, of terms about as large as the coefficients of its order."""
    compiled = lattice(LATTICES[name], size, boundary)
    state = np.random.default_rng(3).uniform(0.2, 0.8, compiled.dimension)
    found, _, _ = advanced(compiled.tape, compiled.parameter_values, state, np.array([0.0, 1.0]), 1)
    expected = expanded(compiled, state, ORDER)
    scale = np.maximum.accumulate(np.abs(expected).max(axis=1, keepdims=True))
    assert (np.abs(found - expected) <= 1e-13 * scale).all()


def test_a_second_step_uses_what_the_first_one_found_of_the_parameters() -> None:
    compiled = lattice(LATTICES["pairs"], 8)
    state = np.random.default_rng(3).uniform(0.2, 0.8, 8)
    found, _, _ = advanced(compiled.tape, compiled.parameter_values, state, np.array([0.0, 5.0]), 3)
    np.testing.assert_allclose(found, expanded(compiled, found[0], ORDER).astype(float), rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize("size", [4, 8, 13, 200])
@pytest.mark.parametrize("boundary", ["periodic", "zero"])
def test_every_processor_gives_the_same_bits(size: int, boundary: str) -> None:
    ring = lattice({"x[i]": "(x[i+1] - x[i-2])*x[i-1] - x[i] + 8 - mean(x)/9", "m": "mean(x) - m"}, size, boundary)
    state = np.random.default_rng(4).normal(8.0, 1.0, size + 1)
    results = []
    for cpu in [processor(), *FORCED]:
        coefficients, out, record = advanced(ring.tape, ring.parameter_values, state, np.linspace(0.0, 0.3, 23), 20, cpu=cpu)
        results.append((coefficients.tobytes(), out.tobytes(), record.tobytes()))
    assert results[1:] == results[:1] * len(FORCED)


def test_orders_written_out_agree_with_straight_line_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules and the step control are the same."""
    equations = {"x": "sin(x*y) - y/(1 + x**2)", "y": "sqrt(2 + z)*x - min(y, 0.1)", "z": "(1 + y**2)**1.3 - z*exp(-x)"}
    tape, state, times = compile_system(system_from(equations)).tape, np.array([0.3, 0.5, 0.7]), np.linspace(0.0, 1.0, 30)
    straight = advanced(tape, np.empty(0), state, times, 6)
    monkeypatch.setattr(assemble, "rolled_series", lambda tape, order: True)
    rolled = advanced(tape, np.empty(0), state, times, 6)
    for a, b in zip(straight, rolled, strict=True):  # straight-line code adds up sums of products in another order
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-16)


def test_what_differs_in_the_name_of_its_axis_is_computed_once() -> None:
    """The mean field of the Kuramoto model needs the sine and cosine of every phase once, not for i and for j."""
    plan = TaylorPlan(series_tape(separated(compile_system(system("kuramoto")).tape)))
    computed = [n for level in plan.moving for nodes in level.nodes for n in nodes]
    assert sorted(plan.nodes[n].function for n in computed if plan.nodes[n].op == "along") == ["cos", "sin"]
