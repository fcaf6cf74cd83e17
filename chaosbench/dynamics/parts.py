"""The parts of a definition: one frozen record for each kind of entry in a definition file, and the symbol table made from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chaosbench.expressions.scope import ParameterSlot, Scope
from chaosbench.expressions.tape import Variable
from chaosbench.expressions.tree import Expression, to_data


@dataclass(frozen=True)
class StateVariable:
    """One state variable: `indexed` means one per cell; `period` (an expression of parameters) marks an angle.

    discrete: changed by the events of a hybrid system alone.
    """

    name: str
    meaning: str
    unit: str = "1"
    indexed: bool = False
    period: Expression | None = None
    discrete: bool = False


@dataclass(frozen=True)
class Parameter:
    """One parameter. `value` is a float, or for vectors and matrices a flat tuple; `shape` is "", "N" or "NN" in cells."""

    name: str
    value: float | tuple[float, ...]
    meaning: str
    unit: str = "1"
    shape: Literal["", "N", "NN"] = ""
    chaotic: tuple[float, float] | None = None
    recipe: Mapping[str, Any] | None = None  # how a vector or matrix was made (formula or seeded draw), remade when N changes


@dataclass(frozen=True)
class InitialRule:
    """How initial states are drawn: exactly one of centre (+ spread), box, points or history; `on` projects onto level sets.

    history: per variable an expression in t (t <= 0); `spread` then adds one normal offset per variable, constant in t.
    """

    centre: tuple[float, ...] | None = None
    spread: float | tuple[float, ...] = 0.0
    box: tuple[tuple[float, float], ...] | None = None
    points: tuple[tuple[float, ...], ...] | None = None
    history: Mapping[str, Expression] | None = None
    on: Mapping[str, Expression] | None = None

    def to_data(self) -> dict[str, Any]:
        """Return the rule as plain data for an identity."""
        trees = {key: {name: to_data(tree) for name, tree in (found or {}).items()} for key, found in (("history", self.history), ("on", self.on))}
        return {"centre": self.centre, "spread": self.spread, "box": self.box, "points": self.points, **trees}


@dataclass(frozen=True)
class Known:
    """A published value with the tolerance its source supports. `without_phase`: published without the forcing phase."""

    quantity: str
    value: float | tuple[float, ...]
    tolerance: float | tuple[float, ...]
    source: str
    parameters: Mapping[str, float] | None = None
    size: Mapping[str, int] | None = None
    without_phase: bool = False
    note: str = ""


@dataclass(frozen=True)
class Source:
    """Where something comes from."""

    key: str
    cite: str
    doi: str = ""


@dataclass(frozen=True)
class Peer:
    """The same system in another library.

    parameters: our parameter values at its defaults, where they differ from ours. coordinates: its state as expressions of ours, None if it is
    ours. rate: how much faster its clock runs, 1 if its time is ours. wrong_equations, wrong_parameters: what is wrong
    there and how it shows; empty if nothing is.
    """

    library: str
    name: str
    parameters: Mapping[str, float]
    coordinates: tuple[Expression, ...] | None = None
    rate: float = 1.0
    wrong_equations: str = ""
    wrong_parameters: str = ""


@dataclass(frozen=True)
class Variant:
    """Another parameter set or regime of the same equations."""

    name: str
    summary: str
    parameters: Mapping[str, float]
    regime: str = ""
    points: Mapping[str, int] | None = None  # of fields: grid points along axes where they differ


def scope_of(
    state: Sequence[StateVariable],
    parameters: Sequence[Parameter],
    size: tuple[str, int] | None,
    boundary: Literal["periodic", "zero"] = "periodic",
    lags: tuple[Expression, ...] = (),
) -> Scope:
    """Return the symbol table: flat state slots and flat parameter slots in file order, the size and the lags."""
    size_name, cells = size or ("", 0)
    variables, start = [], 0
    for entry in state:
        variables.append(Variable(entry.name, start, cells if entry.indexed else 0))
        start += variables[-1].slots
    slots, start = {}, 0
    for parameter in parameters:
        slots[parameter.name] = ParameterSlot(start, parameter.shape)
        start += len(parameter.value) if isinstance(parameter.value, tuple) else 1
    return Scope(tuple(variables), slots, size_name, cells, boundary, lags)
