"""What a system is: a frozen record of one definition file. Reading stands in `reader`, running in `compile`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from chaosbench.expressions.tree import Expression

KINDS = ("flows", "maps", "delays")


@dataclass(frozen=True)
class StateVariable:
    """One state variable: `indexed` means one per cell; `period` (an expression of parameters) marks an angle."""

    name: str
    meaning: str
    unit: str = "1"
    indexed: bool = False
    period: "Expression | None" = None


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
    history: "Mapping[str, Expression] | None" = None
    on: "Mapping[str, Expression] | None" = None


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
class Variant:
    """Another parameter set or regime of the same equations."""

    name: str
    summary: str
    parameters: Mapping[str, float]
    regime: str = ""


@dataclass(frozen=True)
class SystemDefinition:
    """One system, frozen and validated.

    equations: for each state variable name (without "[i]") its right-hand side tree in the author's order of operations: the rate of a flow or
        delay, the next value of a map. For a Hamiltonian system they are derived from `hamiltonian` (first half of the state positions, second
        half momenta, in order). A forced system ends with the variable "phase" (rate 1, period `forcing_period`) in the place of t.
    size: None, or ("N", 40). boundary: rule for indices outside.
    lags: distinct lag expressions of the `delay(x, tau)` terms, in order of first use.
    """

    name: str
    kind: Literal["flows", "maps", "delays"]
    title: str
    summary: str
    tags: tuple[str, ...]
    state: tuple[StateVariable, ...]
    parameters: tuple[Parameter, ...]
    equations: "Mapping[str, Expression]"
    initial: InitialRule
    hamiltonian: "Expression | None" = None
    forcing_period: "Expression | None" = None
    size: tuple[str, int] | None = None
    boundary: Literal["periodic", "zero"] = "periodic"
    lags: "tuple[Expression, ...]" = ()
    integrals: "Mapping[str, Expression] | None" = None
    identities: "Mapping[str, Expression] | None" = None
    symmetries: "Mapping[str, Mapping[str, Expression]] | None" = None
    known: tuple[Known, ...] = ()
    sources: tuple[Source, ...] = ()
    variants: tuple[Variant, ...] = ()
    aliases: tuple[str, ...] = ()
    conservative: bool = False
    path: Path | None = None
