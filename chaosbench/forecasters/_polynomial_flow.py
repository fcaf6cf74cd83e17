"""A fitted polynomial differential equation as a map: Runge-Kutta steps between samples, with the tangent of those very steps.

The steps are compiled: in NumPy a free run of 20 000 samples took 13 s, most of it calls.
"""

from typing import Any

import numpy as np

from chaosbench.forecasters._feedback_map import FeedbackMap
from chaosbench.forecasters._polynomials import Monomials
from chaosbench.integrators._call import driver


@driver
def _rate(x: Any, parents: Any, factors: Any, terms: Any, components: Any, coefficients: Any, value: Any, slope: Any) -> None:
    """Write the right-hand side at x[0] and its derivatives along the other rows of x (1 + K, D) into slope; value (1 + K, F) is scratch."""
    rows, D = x.shape
    for k in range(rows):
        value[k, 0] = 1.0 if k == 0 else 0.0
        for i in range(D):
            value[k, 1 + i] = x[k, i]
            slope[k, i] = 0.0
        for j in range(len(parents)):
            parent, factor = parents[j], factors[j]
            product = value[k, parent] * x[0, factor]
            if k > 0:
                product += value[0, parent] * x[k, factor]
            value[k, 1 + D + j] = product
        for e in range(len(terms)):
            slope[k, components[e]] += coefficients[e] * value[k, terms[e]]


@driver
def _run(
    states: Any, parents: Any, factors: Any, terms: Any, components: Any, coefficients: Any, step: Any, substeps: Any, bound: Any, out: Any
) -> None:
    """Integrate states (W, 1 + K, D), row 0 the point and the others its tangents, in place; out (W, H, D) takes the points of every sample."""
    windows, rows, D = states.shape
    value = np.empty((rows, 1 + D + len(parents)))
    x, slope, total = np.empty((rows, D)), np.empty((rows, D)), np.empty((rows, D))
    for w in range(windows):
        for lead in range(out.shape[1]):
            for _ in range(substeps):
                for stage in range(4):
                    reach = 0.0 if stage == 0 else step if stage == 3 else 0.5 * step
                    for k in range(rows):
                        for i in range(D):
                            x[k, i] = states[w, k, i] + (reach * slope[k, i] if stage > 0 else 0.0)
                    _rate(x, parents, factors, terms, components, coefficients, value, slope)
                    share = 1.0 if stage == 0 or stage == 3 else 2.0
                    for k in range(rows):
                        for i in range(D):
                            total[k, i] = share * slope[k, i] + (total[k, i] if stage > 0 else 0.0)
                for k in range(rows):
                    for i in range(D):
                        states[w, k, i] += total[k, i] * (step / 6.0)
            escaped = False
            for i in range(D):
                escaped = escaped or not abs(states[w, 0, i]) <= bound
            for i in range(D):
                if escaped:
                    states[w, 0, i] = np.inf
                out[w, lead, i] = states[w, 0, i]


class FittedFlow(FeedbackMap):
    """dx/dt = weights' monomials(x), stepped by `substeps` classical Runge-Kutta steps of order 4 from sample to sample.

    State: x (D,). A state with an entry beyond `bound` has blown up (polynomial equations reach infinity in finite time) and becomes infinity.
    """

    def __init__(self, *, dt: float, library: Monomials, weights: np.ndarray, substeps: int, bound: float) -> None:
        self.dt = dt
        self.weights = weights
        self.substeps = substeps
        self.bound = bound
        self.dimension = self.observed = weights.shape[1]
        self.span = self.settling = 1
        terms, components = np.nonzero(weights)
        arrays = (*library.products(), terms, components, weights[terms, components])
        self._equation = tuple(np.ascontiguousarray(array) for array in arrays)  # strided views would be compiled for apart

    def roll(self, context: np.ndarray, horizon: int) -> np.ndarray:
        """Return the continuation (W, H, D) of `context` (W, C, D)."""
        return self._integrated(np.array(context[:, -1:], dtype=np.float64, order="C"), horizon)

    def start(self, context: np.ndarray) -> np.ndarray:
        """Return the last sample (D,) of `context` (C, D)."""
        return np.array(context[-1], dtype=np.float64)

    def step_tangents(self, state: np.ndarray, tangents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the next state (D,) and the carried tangents (K, D): the derivative of the Runge-Kutta steps."""
        together = np.concatenate([state[None], tangents])[None]
        self._integrated(together, 1)
        return together[0, 0], together[0, 1:]

    def observe(self, state: np.ndarray) -> np.ndarray:
        """Return the state (D,) itself."""
        return np.array(state)

    def _integrated(self, states: np.ndarray, horizon: int) -> np.ndarray:
        out = np.empty((len(states), horizon, self.dimension))
        _run(states, *self._equation, self.dt / self.substeps, self.substeps, self.bound, out)
        return out
