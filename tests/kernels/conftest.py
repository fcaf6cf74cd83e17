"""Tapes written by hand, a plain NumPy reading of a tape, and a caller of compiled kernels, for the tests of this folder."""

import ctypes
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chaosbench.expressions.tape import COMPARISONS, Node, Tape
from chaosbench.kernels.assemble import assemble
from chaosbench.kernels.build import Kernels, kernels_of
from chaosbench.kernels.cache import Entry
from chaosbench.kernels.graph import graph_of
from chaosbench.kernels.tableau import Tableau
from chaosbench.kernels.target import Processor, compile_assembly, processor

_SPECIFICATION = importlib.util.spec_from_file_location("kernel_tapes", Path(__file__).with_name("tapes.py"))
assert _SPECIFICATION is not None
assert _SPECIFICATION.loader is not None
tapes = importlib.util.module_from_spec(_SPECIFICATION)
sys.modules["kernel_tapes"] = tapes
_SPECIFICATION.loader.exec_module(tapes)

Array = np.ndarray


def evaluate(tape: Tape, x: Array, p: Array, past: Array | None = None) -> tuple[Array, Array]:
    """Return the right-hand side and, per slot, the sum of the absolute terms that made it (the scale of its rounding error)."""
    size, values, scales = tape.size, [], []
    cell = {"i": np.arange(size)[:, None], "j": np.arange(size)[None, :]}
    for node in tape.nodes:
        args, sizes = [values[a] for a in node.args], [scales[a] for a in node.args]
        if node.op in {"tangent", "delayed_tangent"}:
            value = np.array(np.nan)
        elif node.op == "constant":
            value = np.array(node.value)
        elif node.op == "index":
            value = cell[node.axes].astype(float)
        elif node.op in {"state", "parameter"}:
            value = _leaf(tape, node, x if node.op == "state" else p, cell)
        elif node.op == "delayed":
            assert past is not None
            value = np.array(past[node.slot])
        elif node.op == "sum":
            shape = (args[0].shape[0] if args[0].ndim else 1, size)
            value = np.broadcast_to(args[0], shape).sum(1, keepdims=True)
            value = value if node.axes else value[0, 0]
        else:
            value = np.asarray(NUMPY[node.op](*args))
        if node.op in {"add", "sub", "min", "max"}:
            scale = sizes[0] + sizes[1]
        elif node.op == "mul":
            scale = sizes[0] * sizes[1]
        elif node.op == "div":
            scale = sizes[0] / np.abs(args[1]) * (sizes[1] / np.abs(args[1]))
        elif node.op == "sum":
            scale = np.broadcast_to(sizes[0], shape).sum(1, keepdims=True)
            scale = scale if node.axes else scale[0, 0]
        elif node.op == "where":
            scale = sizes[1] + sizes[2]
        elif node.op in COMPARISONS or not args:
            scale = np.abs(value)
        else:
            scale = np.abs(value) + sum(sizes) * np.maximum(1.0, np.abs(value))
        values.append(value)
        scales.append(np.asarray(scale))
    return _flat(tape, values), _flat(tape, scales)


def _leaf(tape: Tape, node: Node, source: Array, cell: dict[str, Array]) -> Array:
    if not node.axes:
        return np.asarray(source[node.slot])
    if node.axes == "ij":
        return source[node.slot + cell["i"] * tape.size + cell["j"]]
    place = cell[node.axes] + node.offset
    inside = (place >= 0) & (place < tape.size) | (tape.boundary == "periodic")
    return np.where(inside, source[node.slot + place % tape.size], 0.0)


def _flat(tape: Tape, values: list[Array]) -> Array:
    parts = [np.broadcast_to(np.ravel(values[o]), (v.slots,)) for o, v in zip(tape.outputs, tape.variables, strict=True)]
    return np.concatenate(parts)


NUMPY: dict[str, Callable[..., Array]] = {
    **{name: getattr(np, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "sqrt", "sign", "floor", "where")},
    **{"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2, "abs": np.abs, "neg": np.negative},
    **{"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power, "mod": np.mod},
    **{"min": np.minimum, "max": np.maximum, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal},
}


class Runner:
    """Compiled kernels and their memory, with untouched margins around everything that a kernel may write."""

    MARGIN = 16

    def __init__(
        self,
        sample: "tapes.Sample",
        tableau: Tableau | None = None,
        *,
        columns: int = 0,
        straight: bool | None = None,
        cpu: Processor | None = None,
    ) -> None:
        self.sample, self.columns = sample, columns
        assembled = assemble(graph_of(sample.tape, columns), tableau, straight=straight)
        code = compile_assembly(assembled.text, cpu or processor())
        self.kernels: Kernels = kernels_of(Entry(code, assembled.work_size), sample.tape, tableau, columns)
        self.u = np.full(self.kernels.size, np.nan)
        self.a = np.full(3, np.nan)
        self.past = np.full((max(self.kernels.past_rows, 1), 1 + columns, max(self.kernels.n_delayed, 1)), np.nan)
        self._buffers = [np.full(n + 2 * self.MARGIN, np.nan) for n in (self.kernels.work_size, self.kernels.out_size)]
        self.work, self.out = (buffer[self.MARGIN : -self.MARGIN] for buffer in self._buffers)

    def call(self, address: int) -> None:
        arrays = (self.u, self.sample.parameters, self.a, self.past, self.work, self.out)
        ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 6)(address)(*(array.ctypes.data for array in arrays))
        for buffer in self._buffers:
            assert np.isnan(buffer[: self.MARGIN]).all(), "written before the buffer"
            assert np.isnan(buffer[-self.MARGIN :]).all(), "written behind the buffer"

    def value(self, u: Array) -> Array:
        self.u[:] = u
        self.call(self.kernels.value)
        return self.out[: self.kernels.size].copy()

    def step(self, u: Array, h: float, atol: float = 1e-6, rtol: float = 1e-4) -> tuple[Array, float]:
        self.a[:] = (h, atol, rtol)
        self.work[: self.kernels.size] = self.value(u)
        self.call(self.kernels.step)
        return self.out[: self.kernels.size].copy(), float(self.out[self.kernels.size])

    def dense(self) -> Array:
        self.call(self.kernels.dense)
        return self.out[self.kernels.size + 1 :].reshape(-1, self.kernels.size).copy()

    def stages(self) -> Array:
        return self.work[: self.kernels.stages * self.kernels.size].reshape(-1, self.kernels.size).copy()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for fixture, wanted in (("sample", True), ("sample_without_cells", False)):
        if fixture in metafunc.fixturenames:
            samples = [sample for sample in tapes.samples() if wanted or not sample.tape.size]
            metafunc.parametrize(fixture, samples, ids=[sample.name for sample in samples])


@pytest.fixture(scope="session")
def samples() -> dict:
    return {sample.name: sample for sample in tapes.samples()}


@pytest.fixture(scope="session")
def runner() -> type[Runner]:
    return Runner


@pytest.fixture(scope="session")
def reading() -> Callable[..., tuple[Array, Array]]:
    return evaluate


@pytest.fixture(scope="session")
def modes() -> Callable[..., list[bool]]:
    """The kinds of kernels a sample can have: rolled always, straight without cells."""
    return lambda sample: [False] if sample.tape.size else [False, True]


@pytest.fixture(scope="session")
def pair() -> Tableau:
    """Bogacki and Shampine's 3(2) with its cubic Hermite extension."""
    weights = (2 / 9, 1 / 3, 4 / 9)
    return Tableau(
        "bogacki-shampine", 4, ((), (0.5,), (0.0, 0.75), weights), (0.0, 0.5, 0.75, 1.0),
        tuple(w - e for w, e in zip((*weights, 0.0), (7 / 24, 1 / 4, 1 / 3, 1 / 8), strict=True)),
        _hermite(weights, 0), 3, 2, 3,
    )  # fmt: skip


@pytest.fixture(scope="session")
def extended_pair(pair: Tableau) -> Tableau:
    """The same with a second error estimate and an extra stage for the extension (made up; only the arithmetic is tested)."""
    rows = [list(row) for row in _hermite((2 / 9, 1 / 3, 4 / 9), 1)]
    for power, bump in enumerate((0.0, 1.0, -2.0, 1.0)):  # theta^2 (1 - theta)^2 vanishes at both ends
        if power == len(rows):
            rows.append([0.0] * 5)
        rows[power] = [w + bump * d for w, d in zip(rows[power], (-0.2, 0.1, 0.0, 0.0, 0.1), strict=True)]
    return Tableau(
        "extended", pair.stages, pair.a, pair.c, pair.error, tuple(map(tuple, rows)), 3, 2, 3,
        error_second=(0.1, 0.0, -0.3, 0.2), dense_a=((0.2, 0.1, 0.1, 0.1),), dense_c=(0.5,),
    )  # fmt: skip


def _hermite(weights: tuple[float, ...], extra: int) -> tuple[tuple[float, ...], ...]:
    """Rows of theta, theta^2, theta^3 for y0 + h [theta k0 + theta^2 (3 b - 2 k0 - k3) + theta^3 (k0 + k3 - 2 b)]."""
    b = np.array([*weights, *[0.0] * (1 + extra)])
    first, last = np.eye(4 + extra)[0], np.eye(4 + extra)[3]
    return tuple(tuple(row) for row in (first, 3 * b - 2 * first - last, first + last - 2 * b))
