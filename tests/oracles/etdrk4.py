"""ETDRK4 for plans of fields, as plainly as can be: the oracle of the compiled stepper.

Cox and Matthews (2002), equations 26 to 29, with the functions phi_k of the whole matrix symbol h L from one exponential of a block matrix (no
contours, no cancellation): exp([[h L, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]) has exp, phi_1, phi_2, phi_3 of h L in its first row.
"""

import numpy as np
from scipy.linalg import expm

from chaosbench.dynamics.field_numpy import nonlinear, to_spectrum, to_states
from chaosbench.dynamics.field_plan import FieldPlan


def phi_functions(linear: np.ndarray, step: float) -> list[np.ndarray]:
    """Return exp, phi_1, phi_2, phi_3 of step * linear, each (F, F, *K)."""
    count, modes = len(linear), linear.shape[2:]
    blocks = np.zeros((int(np.prod(modes)), 4 * count, 4 * count), dtype=np.complex128)
    blocks[:, :count, :count] = step * np.moveaxis(linear.reshape(count, count, -1), 2, 0)
    for k in range(3):
        blocks[:, k * count : (k + 1) * count, (k + 1) * count : (k + 2) * count] = np.eye(count)
    rows = np.concatenate([expm(blocks[k : k + 4096]) for k in range(0, len(blocks), 4096)])[:, :count]
    parts = [rows[:, :, k * count : (k + 1) * count] for k in range(4)]
    return [np.moveaxis(part, 0, 2).reshape(count, count, *modes) for part in parts]


class Stepper:
    """One step size of one plan."""

    def __init__(self, plan: FieldPlan, step: float) -> None:
        self.plan, self.step = plan, step
        self.whole, phi1, phi2, phi3 = phi_functions(plan.linear, step)
        self.half, half_phi1, *_ = phi_functions(plan.linear, step / 2)
        self.q = step / 2 * half_phi1
        self.first = step * (phi1 - 3 * phi2 + 4 * phi3)
        self.middle = step * (2 * phi2 - 4 * phi3)
        self.last = step * (4 * phi3 - phi2)

    def advance(self, u: np.ndarray) -> np.ndarray:
        """Return the spectra (B, F, *K) one step later."""
        n = self._n(u)
        half = self._on(self.half, u)
        a = half + self._on(self.q, n)
        n_a = self._n(a)
        b = half + self._on(self.q, n_a)
        n_b = self._n(b)
        c = self._on(self.half, a) + self._on(self.q, 2 * n_b - n)
        return self._on(self.whole, u) + self._on(self.first, n) + self._on(self.middle, n_a + n_b) + self._on(self.last, self._n(c))

    def _n(self, u: np.ndarray) -> np.ndarray:
        return nonlinear(self.plan, u)[0]

    @staticmethod
    def _on(matrix: np.ndarray, u: np.ndarray) -> np.ndarray:
        return np.einsum("fg...,bg...->bf...", matrix, u)


def solve(plan: FieldPlan, states: np.ndarray, step: float, steps: int, every: int = 0) -> np.ndarray:
    """Return flat states (B, T, D) at the start and after every `every` steps (default: at the end only)."""
    stepper, u = Stepper(plan, step), to_spectrum(plan, states)
    found = [to_states(plan, u)]
    for count in range(1, steps + 1):
        u = stepper.advance(u)
        if count % (every or steps) == 0:
            found.append(to_states(plan, u))
    return np.stack(found, axis=1)
