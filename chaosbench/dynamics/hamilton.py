"""Hamilton's equations from a Hamiltonian: positions change by dH/dp, momenta by -dH/dq."""

from collections.abc import Sequence
from typing import Literal

from chaosbench.errors import DefinitionError
from chaosbench.expressions.derivative import Target, derivative
from chaosbench.expressions.tree import Expression


def hamilton_equations(
    hamiltonian: Expression, state: Sequence[tuple[str, bool]], *, boundary: Literal["periodic", "zero"], size_name: str, where: str
) -> dict[str, Expression]:
    """Return the equations of `hamiltonian` by variable name.

    Parameters: `state` lists (name, indexed), positions first, then the momenta in the same order.
    Raises DefinitionError if the two halves do not match.
    """
    half, odd = divmod(len(state), 2)
    pairs = list(zip(state[:half], state[half:], strict=False))
    if odd or not half or any(position[1] != momentum[1] for position, momentum in pairs):
        names = ", ".join(name for name, _ in state)
        raise DefinitionError(f"{where}: state {names} is not positions followed by as many momenta of the same kind; reorder [state]")
    equations = {}
    for (position, indexed), (momentum, _) in pairs:
        equations[position] = derivative(hamiltonian, Target(momentum, indexed, boundary, size_name), where=where)
        equations[momentum] = derivative(hamiltonian, Target(position, indexed, boundary, size_name), where=where, negative=True)
    return {name: equations[name] for name, _ in state}
