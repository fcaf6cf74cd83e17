"""What ensembles on an accelerator check about their own arguments."""

from chaosbench.errors import IntegrationError
from chaosbench.integrators.base import Integrator
from chaosbench.kernels.tableau import Tableau


def tableau_of(method: type[Integrator] | Integrator) -> tuple[Tableau, int]:
    """Return the tableau and the order of an explicit Runge-Kutta integrator."""
    tableau = getattr(method, "tableau", None)
    if not isinstance(tableau, Tableau):
        name = getattr(method, "__name__", type(method).__name__)
        raise IntegrationError(f"method is {name}; rule: an explicit Runge-Kutta integrator with a tableau; pass one such as catalogue.load gives")
    return tableau, tableau.order


def checked_counts(steps: int | None, lanes: int) -> tuple[int | None, int]:
    """Return the number of equal steps a sample interval and of trajectories at a time."""
    if steps is not None and steps < 1:
        raise IntegrationError(f"steps is {steps}; rule: at least 1 from each sample time to the next, or None for error control; correct it")
    if lanes < 1:
        raise IntegrationError(f"lanes is {lanes}; rule: at least one trajectory at a time; 2**17 is usual")
    return steps, lanes
