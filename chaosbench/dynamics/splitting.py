"""Equations that split into two halves, each moved by the other alone, such as positions and momenta of H = T(p) + V(q)."""

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.expressions.tree import names_in


def halves_of(definition: SystemDefinition) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the names of the variables of either half, None if no such halves exist.

    No rate may contain a variable of its own half, so that each half, the other held fixed, moves along a straight line, exactly solved and with
    determinant 1. The phase of a forcing belongs to the half that does not see it. The first variable of [state] is in the first half.
    """
    names = [entry.name for entry in definition.state]
    seen = {name: names_in(definition.equations[name]) & set(names) for name in names}
    side: dict[str, int] = {}
    for name in names:
        waiting = [] if name in side else [(name, 0)]
        while waiting:
            one, half = waiting.pop()
            if side.setdefault(one, half) != half:
                return None
            others = seen[one] | {other for other in names if one in seen[other]}
            waiting += [(other, 1 - half) for other in others if side.get(other) != 1 - half]
    first, second = (tuple(name for name in names if side[name] == half) for half in (0, 1))
    return first, second
