"""Whether a flow is stiff: the steps that accuracy asks for, against the steps that the stability of explicit methods allows.

Criterion: from a given state an implicit pair of order 5 takes up to 600 steps, whose length accuracy alone decides. The length of each is multiplied
by the fastest decay rate there, the largest -Re of an eigenvalue of the Jacobian. An explicit method must keep that product below its
stability limit, 3 to 8 for the usual ones, so the product divided by about 5 is the number of explicit steps that replace an implicit one. A flow is
called stiff when the mean product exceeds 50, ten explicit steps: an implicit step costs as much as about one explicit step for two components
and as twenty for a chain of hundreds. A single step counts at most 1000, and trailing steps in which nothing moves by more than the tolerance do not
count: a flow at rest, or about to be, is not stiff.

Eigenvalues are only taken if the products with the largest column sum of |J|, which no decay rate exceeds, leave the question open, and then of
a few Jacobians, at quantiles of those products. Costly Jacobians get fewer steps, down to 30.

Source of the idea: E. Hairer, G. Wanner, Solving Ordinary Differential Equations II, 2nd ed. (1996), section IV.2, "stiffness detection".
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.foreign import FunctionSystem
from chaosbench.integrators._jacobian import jacobian_plan
from chaosbench.integrators._rodas5p_tableau import RODAS5P
from chaosbench.integrators._rosenbrock_drivers import solve_stiff
from chaosbench.integrators._rosenbrock_memory import method_arrays, stiff_memory

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

LIMIT = 50.0
RTOL, ATOL = 1e-6, 1e-9
_STEPS, _FEWEST = 600, 30
_PROBE_WORK, _STEP_WORK = 1e6, 1e7
_SAMPLES = ((32, 16), (128, 4))  # up to so many components, so many eigenvalue problems; one beyond
_MOST = 1000.0
_TIGHTEST = (1e-10, 1e-13)
_FOREVER = 1e100


@dataclass(frozen=True)
class Stiffness:
    """product: mean of the step that accuracy asks for times the fastest decay rate; below the limit an upper bound of it. steps: in the mean."""

    product: float
    steps: int

    @property
    def stiff(self) -> bool:
        """Whether an implicit method pays."""
        return self.product > LIMIT


def too_large(system: "CompiledSystem") -> bool:
    """Tell whether one implicit step costs so much (D times the square of the band) that no number of explicit ones does."""
    return _work(system) > _STEP_WORK


def stiff_at(system: "CompiledSystem", state: np.ndarray, parameters: np.ndarray, rtol: float, atol: float) -> bool:
    """Tell whether the flow is stiff along the orbit from `state` (D,) at these tolerances, but none tighter than 1e-10; False without a Jacobian."""
    if isinstance(system, FunctionSystem) or too_large(system) or not np.isfinite(state).all():
        return False
    return probe(system, state, parameters, max(rtol, _TIGHTEST[0]), max(atol, _TIGHTEST[1])).stiff


def probe(system: "CompiledSystem", state: np.ndarray, parameters: np.ndarray, rtol: float = RTOL, atol: float = ATOL) -> Stiffness:
    """Return the stiffness along the orbit from `state` (D,) at `parameters` (P,)."""
    size = system.dimension
    address, sizes, method = method_arrays(system, RODAS5P)
    most = int(np.clip(_PROBE_WORK / _work(system), _FEWEST, _STEPS))
    trace = np.full((most + 1, 2 + size), np.nan)
    final = np.empty((1, size))
    solve_stiff(
        address,
        sizes,
        np.array([rtol, atol, 0.0]),
        2 * most,
        method,
        np.array(state[None]),
        np.array(parameters[None]),
        np.array([[0.0, _FOREVER]]),
        *stiff_memory(system, RODAS5P),
        np.empty((1, 2, size)),
        final,
        np.zeros(1, dtype=np.int8),
        np.zeros((1, 2), dtype=np.int64),
        trace,
        np.zeros(1, dtype=np.int64),
        0,
        1,
    )
    return _judged(system, parameters, trace[np.isfinite(trace[:, 0])], rtol, atol)


def _work(system: "CompiledSystem") -> float:
    return float(system.dimension) * (1.0 + jacobian_plan(system).band) ** 2


def _judged(system: "CompiledSystem", parameters: np.ndarray, trace: np.ndarray, rtol: float, atol: float) -> Stiffness:
    """Return what the accepted steps of a probe say; the last one serves only as the end of the one before."""
    states = trace[:, 2:]
    moved = np.sqrt(np.mean((np.diff(states, axis=0) / (atol + rtol * np.abs(states[:-1]))) ** 2, axis=1))
    moving = np.flatnonzero(moved > 1.0)
    if not moving.size:
        return Stiffness(0.0, 0)
    trace = trace[: moving[-1] + 1]
    count, states = len(trace), trace[:, 2:]
    bounds = np.minimum(trace[:, 0] * trace[:, 1], _MOST)
    if bounds.mean() <= LIMIT:
        return Stiffness(float(bounds.mean()), count)
    samples = next((number for dimension, number in _SAMPLES if system.dimension <= dimension), 1)
    share = (np.arange(samples) + 0.5) / samples
    places = np.minimum(np.searchsorted(np.cumsum(bounds) / bounds.sum(), share), count - 1)
    products = np.array([min(trace[place, 0] * _fastest_decay(system, states[place], parameters), _MOST) for place in places])
    return Stiffness(float(bounds.mean() * np.mean(products / bounds[places])), count)


def _fastest_decay(system: "CompiledSystem", state: np.ndarray, parameters: np.ndarray) -> float:
    return max(0.0, -float(np.linalg.eigvals(system.jacobian(state[None], parameters)[0]).real.min()))
