"""How long the code of a Taylor expansion would be, to decide how it is written."""

from collections.abc import Mapping

from chaosbench.expressions.series import SeriesNode, SeriesTape
from chaosbench.kernels.sweeps import WIDTH

# Per operation how many sums over all lower orders its rule takes; multiples of coefficients count as half a sum.
_SUMS: Mapping[str, float] = {"mul": 1.0, "square": 0.5, "div": 1.0, "sqrt": 0.5, "along": 1.5, "across": 1.5, "angle": 4.5, "power": 3.0}
_FUNCTION = 30  # operations of a call, before the products


def expansion_operations(series: SeriesTape, order: int) -> int:
    """Estimate the operations in the code of an expansion in which every order is written out; loops over cells count as what is in them."""
    size = series.tape.size
    pieces = (size >= WIDTH) + (size % WIDTH > 0)  # full vectors and the rest
    total = 0.0
    for node in series.nodes:
        if node.moving and node.args:
            total += _operations(series.nodes, node, order) * (pieces if node.axes else 1)
    return int(total)


def _operations(nodes: tuple[SeriesNode, ...], node: SeriesNode, order: int) -> float:
    sums = _SUMS.get(node.op, 0.0)
    if node.op == "mul" and not all(nodes[a].moving for a in node.args):
        sums = 0.0
    if node.op == "div" and not nodes[node.args[1]].moving:
        sums = 0.0
    return sums * order * (order + 1) / 2 + order + _FUNCTION * (node.op in {"along", "across", "angle", "power"})
