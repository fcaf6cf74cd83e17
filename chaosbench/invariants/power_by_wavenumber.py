"""How the square of fields is spread over wavenumbers, on the attractor."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

from chaosbench.dynamics.compile import FieldSystem
from chaosbench.dynamics.field_numpy import on_grid, transform
from chaosbench.dynamics.field_operator import Spectrum
from chaosbench.errors import InvariantError
from chaosbench.integrators._choice import choose
from chaosbench.integrators.base import InitialState
from chaosbench.invariants._block_error import student_quantile
from chaosbench.invariants._reports import compiled_subject
from chaosbench.invariants.base import Estimate, EstimateStatus, Invariant
from chaosbench.requests import default_transient
from chaosbench.settling import on_attractor
from chaosbench.timescale import typical_time

_ORBITS = 8
_PER_PERIOD = 4
_FIRST, _MOST = 64, 1 << 16  # samples of an orbit
_NUMBERS = 1 << 22  # grid values in memory
_METHOD = (
    "sum of |u_n|**2 / points**2 over all fields and over the modes of each shell, mean over time and over independent orbits; standard error from "
    "the scatter of the orbits' means"
)


class PowerByWavenumber(Invariant):
    """P_s, the share that modes with s - 1/2 <= |k| length / (2 pi) < s + 1/2 have in the spatial mean of the sum of |u|**2 over all fields.

    length: the longer side of the domain. All P_s together are that mean (Parseval); P_0 is the square of the spatial mean. The energy spectrum of a
    flow given as vorticity is P_s / (2 k**2).

    Error: standard deviation of the means of 8 orbits over sqrt(8); bias: none beyond what is left of the transient.
    """

    kinds = ("fields",)
    unit = "square of the fields"
    requires = "system"
    source = "G. I. Taylor, Proc. R. Soc. A 164, 476-490 (1938), doi:10.1098/rspa.1938.0032"

    def estimate(
        self,
        subject: Any,
        *,
        seed: int,
        target_error: float | None = None,
        duration: float | None = None,
        progress: Callable[[float, str], None] | None = None,
    ) -> Estimate:
        """Measure P_0, P_1, ... (K,); see `Invariant.estimate`. target_error: largest standard error. duration: summed over the orbits."""
        limit = duration if target_error is None else target_error
        if (target_error is None) == (duration is None) or limit is None or not (np.isfinite(limit) and limit > 0):
            raise InvariantError(f"target_error = {target_error!r} and duration = {duration!r}: give exactly one of the two, finite and positive")
        system = compiled_subject(subject, self.kinds, "the power by wavenumber")
        if not isinstance(system, FieldSystem):
            raise InvariantError(f"{system.definition.name} has no grid; only systems of kind fields have wavenumbers")
        run = _Run(system, seed)
        samples = _FIRST if duration is None else max(2, round(duration / (_ORBITS * run.dt)))
        while True:
            run.until(samples)
            value, error = run.result()
            reached = target_error is None or float(error.max()) <= target_error
            if reached or run.failed or samples >= _MOST:
                break
            if progress is not None:
                progress(min(0.9, target_error / float(error.max())) if target_error else 0.0, f"{samples} samples of {_ORBITS} orbits")
            samples *= 2
        if progress is not None:
            progress(1.0, "done")
        return _estimate(run, value, error, seed, target_error, self)


class _Run:
    """Orbits that go on as far as is asked, and the power of each shell that they had so far."""

    def __init__(self, system: FieldSystem, seed: int) -> None:
        space = system.equations.space
        self.system, self.method = system, choose(system)
        self.dt, self.transient = typical_time(system) / _PER_PERIOD, default_transient(system)
        self.state: InitialState = on_attractor(system, n=_ORBITS, seed=seed, purpose="power", transient=self.transient)
        lengths = space.lengths(system.definition.scalars, system.definition.label)
        spectrum = Spectrum(space.shape, lengths, space.complex)
        self.shells = np.rint(np.sqrt(spectrum.square) * (max(lengths) / (2.0 * np.pi))).astype(np.int64)
        self.weights = np.ones(spectrum.modes)
        if not space.complex:  # the half spectrum holds one of each pair
            along = spectrum.numbers[0]
            self.weights *= np.where((along > 0) & (2 * along < space.shape[-1]), 2.0, 1.0)
        self.sums = np.zeros((_ORBITS, int(self.shells.max()) + 1))
        self.samples, self.failed = 0, 0

    def until(self, samples: int) -> None:
        """Go on to `samples` samples."""
        space, count = self.system.equations.space, len(self.system.definition.state)
        piece = max(1, _NUMBERS // (_ORBITS * self.system.dimension))
        while self.samples < samples and not self.failed:
            more = min(piece, samples - self.samples)
            solution = self.method.integrator.solve(self.system, self.state, self.dt * np.arange(more + 1))
            self.failed = int(np.count_nonzero(solution.status))
            if self.failed:
                return
            for orbit, states in enumerate(solution.states[:, 1:]):
                spectra = transform(on_grid(states, space.shape, count, space.complex), len(space.shape), space.complex)
                power = self.weights * (np.abs(spectra) ** 2).sum(axis=(0, 1)) / space.points**2
                self.sums[orbit] += np.bincount(self.shells.ravel(), power.ravel(), minlength=self.sums.shape[1])
            self.state, self.samples = solution.final, self.samples + more

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean power of each shell (K,) and its standard error."""
        means = self.sums / max(self.samples, 1)
        return means.mean(axis=0), means.std(axis=0, ddof=1) / np.sqrt(_ORBITS)


def _estimate(run: _Run, value: np.ndarray, error: np.ndarray, seed: int, target: float | None, invariant: PowerByWavenumber) -> Estimate:
    status: EstimateStatus = "escaped" if run.failed else "converged" if target is None or float(error.max()) <= target else "short"
    reason = f"{run.failed} of {_ORBITS} orbits ended early" if run.failed else f"largest standard error {error.max():.2g}"
    settings = {
        "seed": seed,
        "orbits": _ORBITS,
        "samples": run.samples,
        "dt": run.dt,
        "duration": run.samples * run.dt * _ORBITS,
        "transient": run.transient,
        "integrator": run.method.name,
        "versions": {name: version(name) for name in ("chaosbench", "numpy", "numba", "llvmlite")},
    }
    reach = student_quantile(0.975, _ORBITS - 1) * error
    convention = "entry s is the shell about s waves in the longer side; shells together are the mean of the squared fields"
    series = {"shell": np.arange(len(value), dtype=np.float64), "orbits": run.sums / max(run.samples, 1)}
    return Estimate(value, error, np.stack([value - reach, value + reach]), status, reason, _METHOD, convention, settings, invariant.source, series)
