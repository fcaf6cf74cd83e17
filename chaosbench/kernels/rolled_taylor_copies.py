"""Copies of the variables of cells, moved by the offsets they are used with, so that every load of a later order is one whole vector stored before.

A load that spans two vectors just stored waits until both have reached the cache; so the copies of small systems are put together in registers
(a ring of 40 cells: 10 % of the step). In large ones many vectors share the wait, and only what takes cells from beyond the boundary is put together.
"""

from collections.abc import Sequence

from chaosbench.kernels.control import counted
from chaosbench.kernels.emitter import Writer
from chaosbench.kernels.rolled_taylor_memory import Order, View
from chaosbench.kernels.rolled_taylor_plan import TaylorPlan
from chaosbench.kernels.sweeps import WIDTH
from chaosbench.kernels.values import Value, constant

# Cells up to which all copies are put together in registers.
_SMALL = 128


def write_copies(w: Writer, plan: TaylorPlan, view: View, order: Order) -> None:
    """Write the copies of the coefficients of one order."""
    state, block = view.state(order), view.kept(order)
    source = w.address("%work", state.offset, *state.indices) if plan.copies else ""
    target = w.address("%work", block.offset, *block.indices) if plan.copies else ""
    vectors: dict[tuple[int, int], Value] = {}
    for n in plan.copies:
        node, place = plan.nodes[n], plan.kept[n]
        inner = _inner(plan.size, node.offset)
        if inner:
            with counted(w, len(inner) * WIDTH, WIDTH) as loop:
                value = w.load(source, node.slot + inner.start * WIDTH + node.offset, loop.index, width=WIDTH)
                w.store(value, target, place + inner.start * WIDTH, loop.index)
        for k in range(-(-plan.size // WIDTH)):
            if k not in inner:
                cells = range(k * WIDTH, min((k + 1) * WIDTH, plan.size))
                wanted = [cell + node.offset for cell in cells]
                if plan.series.tape.boundary == "periodic":
                    wanted = [cell % plan.size for cell in wanted]
                w.store(_gathered(w, plan.size, source, node.slot, wanted, vectors), target, place + cells.start)


def _inner(size: int, offset: int) -> range:
    """The vectors of a large system whose cells all lie inside."""
    if size <= _SMALL:
        return range(0)
    return range(-(min(offset, 0) // WIDTH), (size - max(offset, 0)) // WIDTH)


def _gathered(w: Writer, size: int, source: str, slot: int, cells: Sequence[int], vectors: dict[tuple[int, int], Value]) -> Value:
    """The given cells of a variable, zero for those that do not exist; `vectors` are those loaded so far."""
    inside = [0 <= cell < size for cell in cells]
    total: Value | None = None
    for k in dict.fromkeys(cell // WIDTH for cell, exists in zip(cells, inside, strict=True) if exists):
        if (slot, k) not in vectors:
            vectors[slot, k] = _widened(w, w.load(source, slot + k * WIDTH, width=min(WIDTH, size - k * WIDTH)))
        before = constant(0.0, WIDTH) if total is None else total
        mask = [
            WIDTH + cell % WIDTH if exists and cell // WIDTH == k else lane for lane, (cell, exists) in enumerate(zip(cells, inside, strict=True))
        ]
        total = w.shuffle(before, vectors[slot, k], mask + list(range(len(mask), WIDTH)))
    if total is None:
        return constant(0.0, len(cells))
    return total if len(cells) == WIDTH else w.shuffle(total, total, range(len(cells)))


def _widened(w: Writer, value: Value) -> Value:
    if value.width == WIDTH:
        return value
    if value.width == 1:
        return w.insert(constant(0.0, WIDTH), value, 0)
    return w.shuffle(value, value, [*range(value.width), *[-1] * (WIDTH - value.width)])
