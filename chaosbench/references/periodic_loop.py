"""A piece of the truth closed into a loop: what a model scores that has the attractor's shape and repeats itself."""

from typing import ClassVar

import numpy as np

from chaosbench.errors import TaskError
from chaosbench.references.base import Reference
from chaosbench.tasks import Prepared


class PeriodicLoop(Reference):
    """x_h = y_{s + (h mod L)}: a segment of L samples of a true trajectory y, repeated for ever from where it is nearest to the context.

    Method: y is a true trajectory from a start of its own, as long as a free run. Among all segments of n to 1.5 n samples, n = `periods` dominant
    periods (maps: iterations), the one that ends nearest to where it began (Euclidean, standardised) is closed. A forecast enters the loop at the
    sample nearest to the context's last one. Windows use the first trajectory's loop, free run r that of trajectory r.
    Cost: one simulation and n / 2 comparisons of a whole trajectory. Fails: it never leaves its cycle, so it has no exponent above 0 and its spectrum
    is a comb; metrics that cannot tell it from the truth cannot tell a model that fell into a long cycle either.
    """

    source: ClassVar[str] = "D. Auerbach et al., Phys. Rev. Lett. 58, 2387 (1987), doi:10.1103/PhysRevLett.58.2387, close returns as periodic orbits"

    def __init__(self, *, periods: float = 10.0) -> None:
        if not 0 < periods < float("inf"):
            raise TaskError(f"periods = {periods!r}: must be a positive number; leave it out for the default")
        self.periods = periods

    def unsupported(self, prepared: Prepared) -> str | None:
        """Return a reason if a free run holds no such segment."""
        longest = self._longest(prepared)
        if prepared.climate_length <= longest:
            wanted = f"{self.periods:g} to {1.5 * self.periods:g} periods ({longest} samples)"
            return f"free runs of {prepared.climate_length} samples hold no loop of {wanted}"
        return None

    def windows(self, prepared: Prepared, seed: int) -> np.ndarray:
        """Return (W, 1, H, D)."""
        loop = self._loop(prepared, prepared.independent_runs(max(1, prepared.plan.spec.climate_runs))[0])
        return np.stack([_followed(loop, context[-1], prepared.problem.horizon) for context in prepared.contexts])[:, None]

    def climate(self, prepared: Prepared, seed: int) -> np.ndarray:
        """Return (R, 1, T, D)."""
        runs = prepared.independent_runs(max(1, prepared.plan.spec.climate_runs))
        answers = [
            _followed(self._loop(prepared, run), context[-1], prepared.climate_length)
            for run, context in zip(runs, prepared.climate_contexts, strict=False)
        ]
        return np.stack(answers)[:, None] if answers else np.zeros((0, 1, prepared.climate_length, prepared.problem.dimension))

    def _shortest(self, prepared: Prepared) -> int:
        return max(1, round(self.periods * prepared.plan.period / prepared.plan.dt))

    def _longest(self, prepared: Prepared) -> int:
        return max(self._shortest(prepared) + 1, round(1.5 * self.periods * prepared.plan.period / prepared.plan.dt))

    def _loop(self, prepared: Prepared, series: np.ndarray) -> np.ndarray:
        """Return the segment (L, D) of `series` (T, D) that closes best, the first of equals."""
        best, start, length = np.inf, 0, 1
        for candidate in range(self._shortest(prepared), self._longest(prepared) + 1):
            gaps = np.linalg.norm(series[candidate:] - series[:-candidate], axis=1)
            nearest = int(np.argmin(gaps))
            if gaps[nearest] < best:
                best, start, length = float(gaps[nearest]), nearest, candidate
        return series[start : start + length]


def _followed(loop: np.ndarray, last: np.ndarray, samples: int) -> np.ndarray:
    """Return the `samples` that follow the place of `loop` (L, D) nearest to `last` (D,)."""
    entry = int(np.argmin(np.linalg.norm(loop - last, axis=1)))
    return np.asarray(loop[(entry + 1 + np.arange(samples)) % len(loop)])
