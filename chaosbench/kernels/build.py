"""Compiled kernels of a tape: `build` is the door to this sub-package."""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from chaosbench.expressions.tape import Tape
from chaosbench.kernels.advance import Sizes
from chaosbench.kernels.assemble import STRAIGHT_OPERATIONS, Assembled, assemble, assemble_taylor, straight_operations, taylor_sizes
from chaosbench.kernels.cache import Entry, emitter_version, read_entry, write_entry
from chaosbench.kernels.field import FUNCTIONS, field_text
from chaosbench.kernels.field_frame import FieldForm
from chaosbench.kernels.graph import graph_of
from chaosbench.kernels.growth import growth_sizes, growth_text
from chaosbench.kernels.rk_lanes import pair_sizes, pair_text
from chaosbench.kernels.tableau import Tableau
from chaosbench.kernels.target import Processor, compile_assembly, load_object, processor, toolchain


@dataclass(frozen=True, eq=False)
class Kernels:
    """Compiled kernels of one system. Every address is of a function (u, p, a, past, work, out), all pointers to double, 0 if absent.

    u: the extended state [x, v_1, ..., v_K], E numbers. p: P parameters. a: [h, atol, rtol]. past: delayed values, row s for stage s, of
    (1 + K) * n_delayed numbers each, first those of the state, then those of each column; not read without delays. work: work_size numbers,
    the derivative at stage s in work[s*E : (s+1)*E]. out: out_size numbers. Memory must not overlap, except that value may have its `out` at
    `u` or at `work`.

    value: out[0:E] = the derivative (for a map the next state) and J v_k. Reads row 0 of past.
    step: needs work[0:E] = the derivative at u. Writes the other stages, the new state to out[0:E] and the error norm to out[E]; afterwards
        work[(S-1)*E : S*E] is the derivative at the new state.
    dense: after a step with the same u, a and work. Writes out[E+1:], degree + 1 rows of E: row q is the coefficient of theta**q.

    size: E. stages: S. degree: of the continuous extension. past_rows: rows of `past` that the kernels may read. library: keeps the code
    in memory; the addresses are valid as long as this object lives. The kernels keep no state and may run in any number of threads.
    """

    value: int
    step: int
    dense: int
    size: int
    stages: int
    degree: int
    work_size: int
    out_size: int
    n_delayed: int
    past_rows: int
    library: Any = field(repr=False)


@dataclass(frozen=True, eq=False)
class PairKernels:
    """A Runge-Kutta pair for `width` trajectories at once.

    value: address of the right-hand side of one trajectory, as in `Kernels`. advance: address, see kernels/advance.py. sizes: doubles that it needs.
    """

    value: int
    advance: int
    width: int
    sizes: Sizes
    library: Any = field(repr=False)


@dataclass(frozen=True, eq=False)
class TaylorKernels:
    """The compiled Taylor integration of one system, for `width` trajectories at once.

    advance: address, see kernels/advance.py. order: N. sizes: doubles that it needs; work begins with the coefficients [N + 1][D][width] of the
    last step.
    """

    advance: int
    order: int
    width: int
    sizes: Sizes
    library: Any = field(repr=False)


@dataclass(frozen=True, eq=False)
class GrowthKernels:
    """Compiled kernels that carry `width` states with their tangent columns, see kernels/growth.py for advance and finish.

    order: N of a flow's Taylor steps, 0 for a map. columns: K. sizes: doubles of u, p, past and work; out takes K times width.
    """

    advance: int
    finish: int
    order: int
    columns: int
    width: int
    sizes: Sizes
    library: Any = field(repr=False)


@dataclass(frozen=True, eq=False)
class FieldKernels:
    """The compiled stages of a field equation, see kernels/field.py; addresses by name, all of functions (u, p, a, past, work, out).

    u: a state, or a block of a state and its stages. p: parameters [P][W]. a: tables. work: see `FieldForm.memory`. past is not read.
    """

    form: FieldForm
    addresses: Mapping[str, int]
    library: Any = field(repr=False)


def build(tape: Tape, *, structure: str, tableau: Tableau | None = None, columns: int = 0) -> Kernels:
    """Return the kernels of a tape: from memory, else from the cache on disk, else compiled.

    Parameters
    ----------
    tape: the right-hand side or map; with `columns` > 0 it must have tangent outputs.
    structure: identity of the system without its parameter values; part of the cache key.
    tableau: the Runge-Kutta method of `step` and `dense`; None builds `value` alone.
    columns: number K of tangent vectors carried along.

    Raises
    ------
    KernelError: the tape holds an operation that cannot be compiled, or lacks tangent outputs.
    """
    kernels: Kernels = _built(
        _request(
            ("step", structure, tape, tableau, columns),
            lambda: assemble(graph_of(tape, columns), tableau),
            lambda entry: kernels_of(entry, tape, tableau, columns),
        )
    )
    return kernels


def build_taylor(tape: Tape, *, structure: str, order: int, width: int, landing: bool = False) -> TaylorKernels:
    """Return the Taylor kernels of a right-hand side: from memory, else from the cache on disk, else compiled.

    Parameters
    ----------
    tape, structure: as in `build`. order: N >= 2. width: trajectories at once, 1 or 8; systems with cells take 1. landing: no step passes a sample.

    Raises
    ------
    KernelError: the tape holds an operation that cannot be compiled.
    """

    def load(entry: Entry) -> TaylorKernels:
        loaded = load_object(entry.code, ("advance",))
        [address] = loaded.addresses
        return TaylorKernels(address, order, width, taylor_sizes(tape, order, width), loaded.library)

    content = ("series", structure, tape, order, width, landing)
    kernels: TaylorKernels = _built(_request(content, lambda: assemble_taylor(tape, order, width, landing=landing), load))
    return kernels


def build_growth(tape: Tape, *, structure: str, order: int, width: int, columns: int, angles: tuple[tuple[int, float], ...] = ()) -> GrowthKernels:
    """Return the kernels that carry tangent columns: from memory, else from the cache on disk, else compiled.

    Parameters
    ----------
    tape, structure: as in `build`, without cells or delays. order: N >= 2 for a flow, 0 for a map. width: states at once. columns: K.
    angles: the slot and the period of every component that is wrapped.

    Raises
    ------
    KernelError: the tape holds an operation that cannot be compiled.
    """
    sizes = growth_sizes(tape, order, width, columns)

    def load(entry: Entry) -> GrowthKernels:
        loaded = load_object(entry.code, ("advance", "finish"))
        advance, finish = loaded.addresses
        return GrowthKernels(advance, finish, order, columns, width, sizes, loaded.library)

    content = ("growth", structure, tape, order, width, columns, angles)
    kernels: GrowthKernels = _built(_request(content, lambda: Assembled(growth_text(tape, order, width, columns, angles), sizes.work), load))
    return kernels


def build_field(form: FieldForm) -> FieldKernels:
    """Return the kernels of a field equation, whose tape has tangent outputs: from memory, else from the cache on disk, else compiled.

    Raises
    ------
    KernelError: the tape holds an operation that cannot be compiled, or a number of points has a prime factor above 5.
    """

    def load(entry: Entry) -> FieldKernels:
        loaded = load_object(entry.code, FUNCTIONS)
        return FieldKernels(form, dict(zip(FUNCTIONS, loaded.addresses, strict=True)), loaded.library)

    content = ("field", form)
    kernels: FieldKernels = _built(_request(content, lambda: Assembled(field_text(form), form.memory["end"]), load))
    return kernels


def build_pair(tape: Tape, *, structure: str, tableau: Tableau, width: int) -> PairKernels | None:
    """Return a Runge-Kutta pair in lanes: from memory, else from the cache on disk, else compiled; None for systems with cells or too large for it.

    Parameters
    ----------
    tape, structure: as in `build`. tableau: the method. width: trajectories at once.

    Raises
    ------
    KernelError: the tape holds an operation that cannot be compiled.
    """
    graph = graph_of(tape, 0)
    if graph.has_axes or graph.n_delayed or straight_operations(graph, tableau) > STRAIGHT_OPERATIONS:
        return None
    sizes = pair_sizes(graph, tableau, width)

    def load(entry: Entry) -> PairKernels:
        loaded = load_object(entry.code, ("value", "advance"))
        value, advance = loaded.addresses
        return PairKernels(value, advance, width, sizes, loaded.library)

    content = ("pair", structure, tape, tableau, width)
    kernels: PairKernels = _built(_request(content, lambda: Assembled(pair_text(graph, tableau, width), sizes.work), load))
    return kernels


@dataclass(frozen=True)
class _Request:
    """What to build; two requests are the same when their keys are."""

    key: str
    write: Callable[[], Assembled] = field(compare=False)
    load: Callable[[Entry], Any] = field(compare=False)
    cpu: Processor = field(compare=False)


_BUILDING = threading.Lock()


def _request(content: tuple[object, ...], write: Callable[[], Assembled], load: Callable[[Entry], Any]) -> _Request:
    """`content` says in full what `write` writes."""
    cpu = processor()
    key = hashlib.sha256(repr((content, cpu, toolchain(), emitter_version())).encode()).hexdigest()
    return _Request(key, write, load, cpu)


def _built(request: _Request) -> Any:
    with _BUILDING:
        return _remembered(request)


@lru_cache(maxsize=1024)
def _remembered(request: _Request) -> Any:
    entry = read_entry(request.key)
    if entry is None:
        assembled = request.write()
        entry = Entry(compile_assembly(assembled.text, request.cpu), assembled.work_size)
        write_entry(request.key, entry)
    return request.load(entry)


def kernels_of(entry: Entry, tape: Tape, tableau: Tableau | None, columns: int) -> Kernels:
    """Load compiled code."""
    size, delayed = tape.dimension * (1 + columns), len(tape.delayed)
    names = ("value",) if tableau is None else ("value", "step", "dense")
    loaded = load_object(entry.code, names)
    addresses = (*loaded.addresses, 0, 0)
    stages, extra, degree = (0, 0, 0) if tableau is None else (tableau.stages, len(tableau.dense_c), tableau.degree)
    return Kernels(
        value=addresses[0],
        step=addresses[1],
        dense=addresses[2],
        size=size,
        stages=stages,
        degree=degree,
        work_size=entry.work_size,
        out_size=size if tableau is None else size + 1 + (degree + 1) * size,
        n_delayed=delayed,
        past_rows=max(stages + extra, 1) if delayed else 0,
        library=loaded.library,
    )
