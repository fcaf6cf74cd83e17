"""Which integrator to use when the caller names none, and why."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench import catalogue
from chaosbench.dynamics.foreign import FunctionSystem
from chaosbench.errors import IntegrationError
from chaosbench.integrators._noise_choice import noise_order
from chaosbench.integrators._stiffness import LIMIT, Stiffness, probe, too_large
from chaosbench.integrators.base import Integrator
from chaosbench.randomness import generator

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


@dataclass(frozen=True)
class Choice:
    """An integrator, its name in the catalogue, and one sentence that says why it was taken."""

    integrator: Integrator
    name: str
    reason: str


def supporting(kind: str) -> tuple[str, ...]:
    """Return the names of the integrators that solve systems of `kind`, the highest order first."""
    orders = {
        name: catalogue.load("integrators", name).order
        for name in catalogue.names("integrators")
        if kind in catalogue.load("integrators", name).kinds
    }
    return tuple(sorted(orders, key=lambda name: (-orders[name], name)))


def choose(system: "CompiledSystem") -> Choice:
    """Return the integrator for `system`: a matter of its definition and parameter values alone.

    Method: the explicit method of highest order, because reference data are made at tight tolerances, where the number of steps grows like
    tolerance**(-1 / order); methods that choose their steps go before those that do not, and reference methods are left out. A flow that is
    stiff, by the criterion of `_stiffness` on an orbit from its initial rule, gets the implicit method of highest order. A kink in the equations
    changes nothing: error control cuts the steps until the kink is passed. The answer is remembered by identity.

    Raises IntegrationError if no integrator solves systems of this kind.
    """
    kind = system.definition.kind
    foreign = isinstance(system, FunctionSystem)
    able = [(name, catalogue.load("integrators", name)) for name in supporting(kind)]
    able = [(name, method) for name, method in able if not method.reference and not (foreign and method.needs_equations)]
    able = [(name, method) for name, method in able if method.unsupported(system) is None]
    explicit = sorted((entry for entry in able if not entry[1].implicit), key=lambda entry: not entry[1].adaptive)
    implicit = [entry for entry in able if entry[1].implicit]
    if not able:
        raise IntegrationError(f"no integrator solves {kind}; write one as a file in the integrators folder")
    if system.definition.noise is not None and system.diffusion is not None:
        return _choice(*noise_order(able, system.diffusion))
    if kind == "maps":
        return _choice(able, "maps are iterated")
    if foreign or kind != "flows" or not implicit or not explicit:
        return _choice(explicit or implicit, f"highest order of the methods for {'functions' if foreign else kind}")
    if too_large(system):
        return _choice(explicit, "too large and too tightly coupled for implicit steps; explicit method of highest order")
    product = _stiffness(_Subject(system.definition.identity, system)).product
    found = f"accuracy's steps times the fastest decay rate are {product:.3g} on average"
    if product > LIMIT:
        return _choice(implicit, f"stiff: {found}, more than {LIMIT:g}; implicit method of highest order")
    return _choice(explicit, f"not stiff: {found}, not above {LIMIT:g}; explicit method of highest order")


def _choice(candidates: list[tuple[str, Any]], reason: str) -> Choice:
    name, method = candidates[0]
    return Choice(method(), name, reason)


@dataclass(frozen=True)
class _Subject:
    identity: str
    system: "CompiledSystem" = field(compare=False)


@lru_cache(maxsize=256)
def _stiffness(subject: _Subject) -> Stiffness:
    return probe(subject.system, start_of(subject.system), subject.system.parameter_values)


def start_of(system: "CompiledSystem") -> np.ndarray:
    """Return a state (D,) by the definition's initial rule, not moved onto level sets: which orbit is probed matters little."""
    rule, stream = system.definition.initial, generator(0, "stiffness", system.definition.identity)
    if rule.points is not None:
        return np.array(rule.points[0], dtype=np.float64)
    slots = [variable.slots for variable in system.tape.variables]
    if rule.box is not None:
        low, high = (np.repeat(edge, slots) for edge in zip(*rule.box, strict=True))
        return np.asarray(low + (high - low) * stream.random(system.dimension))
    centre, spread = (np.repeat(np.broadcast_to(numbers or 0.0, len(slots)), slots) for numbers in (rule.centre, rule.spread))
    return np.asarray(centre + spread * stream.standard_normal(system.dimension))
