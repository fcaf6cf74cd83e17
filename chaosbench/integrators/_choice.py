"""Which integrator to use when the caller names none."""

from typing import TYPE_CHECKING

from chaosbench import catalogue
from chaosbench.errors import IntegrationError
from chaosbench.integrators.base import Integrator

if TYPE_CHECKING:
    from chaosbench.dynamics.definition import SystemDefinition


def supporting(kind: str) -> tuple[str, ...]:
    """Return the names of the integrators that solve systems of `kind`, the highest order first."""
    orders = {
        name: catalogue.load("integrators", name).order
        for name in catalogue.names("integrators")
        if kind in catalogue.load("integrators", name).kinds
    }
    return tuple(sorted(orders, key=lambda name: (-orders[name], name)))


def default_integrator(definition: "SystemDefinition") -> Integrator:
    """Return the integrator of highest order that solves systems of the definition's kind.

    Reference data are made at tight tolerances, where the number of steps grows like tolerance**(-1 / order), so the highest order does the least
    work. A kink in the equations does not change the choice: error control cuts the steps until the kink is passed, which costs a few
    rejections with any method, and between kinks the high order pays as before.
    """
    names = supporting(definition.kind)
    if not names:
        raise IntegrationError(f"no integrator solves {definition.kind}; write one as a file in the integrators folder")
    integrator: Integrator = catalogue.load("integrators", names[0])()
    return integrator
