"""The nonlinear part of a field equation in the spectrum, and its derivative along a tangent.

Modes are multiplied (derivatives, inverse operators), brought to the grid, combined there point by point as the tape says, brought back, multiplied
again and added up.
"""

from collections.abc import Callable, Sequence

from chaosbench.expressions.tape import Node
from chaosbench.kernels.control import counted
from chaosbench.kernels.emitter import KERNEL_POINTERS, Assembly, Writer
from chaosbench.kernels.field_frame import CELL, FieldForm, Part, part_size
from chaosbench.kernels.field_transforms import Transforms
from chaosbench.kernels.fourier import LANES, Complex, load, store
from chaosbench.kernels.graph import Graph, graph_of
from chaosbench.kernels.operations import emit_operation
from chaosbench.kernels.values import Index, Value, constant

Leaf = Callable[[Node], Value]


def write_rates(assembly: Assembly, form: FieldForm, transforms: Transforms) -> None:
    """Write function nonlinear: the modes `u` to those of their nonlinear part, `out`; the inputs on the grid stay in `work`."""
    graph = graph_of(form.tape, 0)
    w = Writer(assembly, "nonlinear", KERNEL_POINTERS)
    _write_inputs(w, form, transforms, "inputs")
    _write_pointwise(w, form, graph, graph.outputs)
    _write_outputs(w, form, transforms, form.forced)
    w.finish()


def write_linearised(assembly: Assembly, form: FieldForm, transforms: Transforms) -> None:
    """Write function linearised: the tangent `u` to its rate `out`, about the state of the last call of nonlinear with the same `work`."""
    graph = graph_of(form.tape, 1)
    w = Writer(assembly, "linearised", KERNEL_POINTERS)
    _write_inputs(w, form, transforms, "tangents")
    _write_pointwise(w, form, graph, graph.tangent_outputs)
    _write_outputs(w, form, transforms, False)
    w.finish()


def multiplied(w: Writer, z: Complex, part: Part, base: str, offset: int, place: Index) -> Complex:
    """Z times the number of a table at a place."""
    entry = w.times(place, part_size(part))
    if part == "complex":
        m = load(w, base, offset, entry)
        return Complex(w.fma(w.neg(m.im), z.im, w.mul(m.re, z.re)), w.fma(m.im, z.re, w.mul(m.re, z.im)))
    factor = w.load(base, offset, entry, width=LANES)
    if part == "real":
        return Complex(w.mul(factor, z.re), w.mul(factor, z.im))
    return Complex(w.neg(w.mul(factor, z.im)), w.mul(factor, z.re))


def _write_inputs(w: Writer, form: FieldForm, transforms: Transforms, target: str) -> None:
    frame = form.frame
    for m, (field, part) in enumerate(form.inputs):
        base, start = form.tables["input", m], field * frame.places * CELL

        def produce(first: int, k: Index, part: Part = part, base: int = base, start: int = start) -> Complex:
            z = load(w, "%u", start + first * CELL, w.times(k, CELL))
            return multiplied(w, z, part, "%a", base + first * part_size(part), k)

        transforms.spread(w, produce, w.address("%work", form.memory[target] + m * frame.grid))


def _write_pointwise(w: Writer, form: FieldForm, graph: Graph, roots: Sequence[int]) -> None:
    """Evaluate the tape at every point of the grid."""
    frame, memory, parts = form.frame, form.memory, 2 if form.frame.complex else 1
    cell, wanted = parts * LANES, list(roots[: form.products * parts])
    given = {"state": memory["inputs"], "tangent": memory["tangents"]}
    closure = graph.closure(wanted)
    values: dict[int, Value] = {}
    for n in closure:
        if graph.static[n]:
            values[n] = _evaluated(w, graph, n, values, lambda node: w.load("%p", node.slot * LANES, width=LANES))
    with counted(w, frame.points, 1) as loop:
        point, scalar = w.times(loop.index, cell), w.times(loop.index, LANES)

        def leaf(node: Node) -> Value:
            m, part = divmod(node.slot, parts)
            if m < len(form.inputs):
                return w.load("%work", given[node.op] + m * frame.grid + part * LANES, point, width=LANES)
            if node.op == "tangent" or node.slot - parts * len(form.inputs) >= form.coefficients:
                return constant(0.0, LANES)  # given functions do not vary
            number = node.slot - parts * len(form.inputs)
            return w.load("%a", form.tables["coefficient", number], scalar, width=LANES)

        for n in closure:
            if n not in values:
                values[n] = _evaluated(w, graph, n, values, leaf)
        for number, n in enumerate(wanted):
            q, part = divmod(number, parts)
            w.store(w.splat(values[n], LANES), "%work", memory["products"] + q * frame.grid + part * LANES, point)


def _evaluated(w: Writer, graph: Graph, n: int, values: dict[int, Value], leaf: Leaf) -> Value:
    node = graph.nodes[n]
    if node.op == "constant":
        return constant(node.value, LANES)
    if not node.args:
        return leaf(node)
    return emit_operation(w, node.op, [values[a] for a in node.args])


def _write_outputs(w: Writer, form: FieldForm, transforms: Transforms, forced: bool) -> None:
    frame = form.frame
    with counted(w, form.fields * frame.places, 1) as loop:
        place, zero = w.times(loop.index, CELL), Complex(constant(0.0, LANES), constant(0.0, LANES))
        store(w, load(w, "%a", form.tables["constant", 0], place) if forced else zero, "%out", 0, place)
    for q in range(form.products):
        mine = [(o, field, part) for o, (field, product, part) in enumerate(form.outputs) if product == q]

        def consume(first: int, k: Index, z: Complex, mine: list[tuple[int, int, Part]] = mine) -> None:
            for o, field, part in mine:
                term = multiplied(w, z, part, "%a", form.tables["output", o] + first * part_size(part), k)
                offset, place = (field * frame.places + first) * CELL, w.times(k, CELL)
                before = load(w, "%out", offset, place)
                store(w, Complex(w.add(before.re, term.re), w.add(before.im, term.im)), "%out", offset, place)

        transforms.gather(w, w.address("%work", form.memory["products"] + q * frame.grid), consume)
