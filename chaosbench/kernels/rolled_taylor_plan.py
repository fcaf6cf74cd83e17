"""What the Taylor kernels of a system with cells compute where, and what they keep in memory.

A node with one axis has a number a cell; whether its axis is called i or j matters only where both are at work, so nodes that differ in nothing else
are computed once. In every order the nodes come by *levels*, a level being the number of sums over cells that must be finished before: first what
has no axes, then what has a number a cell, then what has one for every pair of cells. Nodes of parameters and constants alone are *static*.

Kept in memory are the coefficients that the rules of higher orders ask for, and those that are used in another level or for pairs.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from chaosbench.expressions.series import SeriesNode, SeriesTape
from chaosbench.expressions.tape import COMPARISONS, LEAVES
from chaosbench.kernels.graph import graph_of
from chaosbench.kernels.layout import parameter_layout
from chaosbench.kernels.operations import HEAVY
from chaosbench.kernels.sweeps import WIDTH

T = TypeVar("T")

ENDING = COMPARISONS | {"sign", "floor"}  # their series end at order 0

# Per operation the arguments whose lower orders its rule asks for (-1: its own), if they move.
_REMEMBERED: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(COMPARISONS, (0, 1)),
    **{"square": (0,), "sqrt": (-1,), "along": (0, 1), "across": (-1, 1), "angle": (-1, 0, 1, 2), "power": (-1, 0), "sign": (0,), "floor": (0,)},
}
_DIVISORS: Mapping[str, int] = {"div": 1, "across": 1, "angle": 2, "power": 0}


def aligned(length: int) -> int:
    """Return a length rounded up to whole vectors."""
    return -(-length // WIDTH) * WIDTH


class Reciprocal(NamedTuple):
    """1 / g_0, or half of it."""

    node: int
    half: bool


class Level(NamedTuple):
    """The nodes of one level by their axes, the sums over cells and over pairs that end with it, and the outputs, as numbers of variables."""

    nodes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    reciprocals: tuple[tuple[Reciprocal, ...], tuple[Reciprocal, ...], tuple[Reciprocal, ...]]
    totals: tuple[int, ...]
    row_totals: tuple[int, ...]
    scalar_outputs: tuple[int, ...]
    cell_outputs: tuple[int, ...]


class TaylorPlan:
    """The decisions about one series tape.

    twin: per node the node that is computed in its place. alive: whether it has coefficients beyond order 0. parameters: the layout of those used
    with an offset. copies: the variables used with an offset, which are copied. moving, static: the levels. kept: offsets of moving nodes and copies
    in the block of an order, of `block` doubles; now: those that their own order needs. found: offsets of static nodes. reciprocals: those of theirs.
    """

    def __init__(self, series: SeriesTape) -> None:
        self.series = series
        self.nodes = series.nodes
        self.size = series.tape.size
        self.parameters = parameter_layout(graph_of(series.tape, 0))
        self.twin = _twins(self.nodes)
        self.alive = _alive(self.nodes)
        self._level = _levels(self.nodes)
        computed = [n for n, node in enumerate(self.nodes) if self.twin[n] == n and node.op not in LEAVES]
        history = {self.twin[a] for n in range(len(self.nodes)) for a in _remembered(self.nodes, n)}
        shared = self._shared()
        self.copies = tuple(n for n, node in enumerate(self.nodes) if node.op == "state" and node.offset and self.twin[n] == n)
        moving = [n for n in computed if self.nodes[n].moving and self.nodes[n].op not in COMPARISONS]
        self.now = frozenset(n for n in moving if n in shared).union(self.copies)
        self.kept, self.block = self._arranged([*self.copies, *(n for n in moving if n in history or n in shared)], 0)
        static = [n for n in computed if not self.nodes[n].moving and self.nodes[n].op not in COMPARISONS]
        worth = [n for n in static if len(self.nodes[n].axes) < 2 or self.nodes[n].op in HEAVY]
        self.found, self.static_size = self._arranged(worth, aligned(self.parameters.size))
        reciprocals = self._reciprocals()
        self.moving = self._levels_of(moving, [r for r in reciprocals if self.nodes[r.node].moving], True)
        self.static = self._levels_of(worth, [r for r in reciprocals if not self.nodes[r.node].moving], False)
        self.reciprocals, self.reciprocal_size = self._arranged_reciprocals(reciprocals)

    def _shared(self) -> set[int]:
        """What is used where it is not at hand: by pairs, in a later level, or to decide a branch again."""
        found = set()
        for n, node in enumerate(self.nodes):
            for a in node.args:
                below = self.nodes[a]
                for_pairs = len(node.axes) > len(below.axes)
                later = self._level[n] > self._level[a] and node.op != "sum"
                if below.axes and (for_pairs or later or below.op == "sum" or node.op in COMPARISONS):
                    found.add(self.twin[a])
        return found | {self.twin[n] for n in self.series.outputs if self.nodes[n].op == "sum" and self.nodes[n].axes}

    def _reciprocals(self) -> list[Reciprocal]:
        found = []
        for n, node in enumerate(self.nodes):
            if node.moving and node.op in _DIVISORS:
                found.append(Reciprocal(self.twin[node.args[_DIVISORS[node.op]]], False))
            elif node.moving and node.op == "sqrt":
                found.append(Reciprocal(self.twin[n], True))
        return list(dict.fromkeys(found))

    def _arranged(self, nodes: Iterable[int], start: int) -> tuple[dict[int, int], int]:
        offsets, position = {}, start
        for n in sorted(nodes, key=lambda n: (len(self.nodes[n].axes), n)):
            position = aligned(position) if self.nodes[n].axes else position
            offsets[n] = position
            position += self.size ** len(self.nodes[n].axes)
        return offsets, aligned(position)

    def _arranged_reciprocals(self, reciprocals: Iterable[Reciprocal]) -> tuple[dict[Reciprocal, int], int]:
        offsets, position = {}, 0
        for half in (False, True):
            places, position = self._arranged([r.node for r in reciprocals if r.half == half], position)
            offsets.update({Reciprocal(n, half): place for n, place in places.items()})
        return offsets, position

    def _levels_of(self, nodes: Sequence[int], reciprocals: Sequence[Reciprocal], outputs: bool) -> tuple[Level, ...]:
        variables = range(len(self.series.outputs)) if outputs else range(0)
        results = {v: self._level[n] if self.nodes[n].moving else 0 for v, n in zip(variables, self.series.outputs, strict=False)}
        depth = max([-1, *(self._level[n] for n in nodes), *(self._level[r.node] for r in reciprocals), *results.values()])
        return tuple(self._level_of(level, nodes, reciprocals, [v for v in results if results[v] == level]) for level in range(depth + 1))

    def _level_of(self, level: int, nodes: Sequence[int], reciprocals: Sequence[Reciprocal], outputs: Sequence[int]) -> Level:
        here = [n for n in nodes if self._level[n] == level and self.nodes[n].op != "sum"]
        sums = [n for n in nodes if self._level[n] == level + 1 and self.nodes[n].op == "sum"]
        inverse = [r for r in reciprocals if self._level[r.node] == level]
        lengths = [variable.length for variable in self.series.tape.variables]
        return Level(
            nodes=_by_axes((n, self.nodes[n].axes) for n in here),
            reciprocals=_by_axes((r, self.nodes[r.node].axes) for r in inverse),
            totals=tuple(n for n in sums if not self.nodes[n].axes),
            row_totals=tuple(n for n in sums if self.nodes[n].axes),
            scalar_outputs=tuple(v for v in outputs if not lengths[v]),
            cell_outputs=tuple(v for v in outputs if lengths[v]),
        )


def _by_axes(things: Iterable[tuple[T, str]]) -> tuple[tuple[T, ...], tuple[T, ...], tuple[T, ...]]:
    found: tuple[list[T], list[T], list[T]] = ([], [], [])
    for thing, axes in things:
        found[len(axes)].append(thing)
    return tuple(found[0]), tuple(found[1]), tuple(found[2])


def _twins(nodes: Sequence[SeriesNode]) -> tuple[int, ...]:
    twin: list[int] = []
    known: dict[SeriesNode, int] = {}
    for n, node in enumerate(nodes):
        # The companion of "along" may stand later, and follows from the function and its argument.
        args = node.args[:1] if node.op == "along" else node.args
        key = node._replace(axes="i", args=tuple(twin[a] for a in args))
        twin.append(known.setdefault(key, n) if len(node.axes) == 1 and (node.op != "sum") else n)
    return tuple(twin)


def _dependencies(node: SeriesNode) -> tuple[int, ...]:
    """The arguments that a node needs to its own order."""
    return node.args[:1] if node.op == "along" else node.args


def _levels(nodes: Sequence[SeriesNode]) -> tuple[int, ...]:
    level: list[int] = []
    for node in nodes:
        below = [level[a] for a in _dependencies(node) if nodes[a].moving == node.moving]
        level.append(max(below, default=0) + (node.op == "sum"))
    return tuple(level)


def _alive(nodes: Sequence[SeriesNode]) -> tuple[bool, ...]:
    alive: list[bool] = []
    for node in nodes:
        below = node.args[1:] if node.op == "where" else _dependencies(node)
        alive.append(node.moving and node.op not in ENDING and (node.op in LEAVES or any(alive[a] for a in below)))
    return tuple(alive)


def _remembered(nodes: Sequence[SeriesNode], n: int) -> list[int]:
    node = nodes[n]
    if not node.moving:
        return []
    moving = [nodes[a].moving for a in node.args]
    if node.op in {"mul", "div"} and all(moving):
        return [*node.args, *([n] if node.op == "div" else [])]
    if node.op == "div" and moving[1]:
        return [node.args[1], n]
    return [n if k < 0 else node.args[k] for k in _REMEMBERED.get(node.op, ()) if k < 0 or moving[k]]
