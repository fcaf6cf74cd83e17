"""Lyapunov exponents of a trained model, by the procedure and the error bars used for systems."""

from importlib.metadata import version

import numpy as np

from chaosbench.dynamics.autonomous import AutonomousMap
from chaosbench.errors import InvariantError
from chaosbench.invariants._block_error import block_mean
from chaosbench.invariants.base import Estimate
from chaosbench.randomness import generator

_PILOT = 64
_NATS = 4.0
_LONGEST = 32
_METHOD = "tangents carried by the model's own derivative, QR (Householder) every interval; one orbit, standard error from batch means"
_CONVENTION = "natural logarithm, per unit time (steps times the map's dt), largest first"
_SOURCE = "G. Benettin, L. Galgani, A. Giorgilli, J.-M. Strelcyn, Meccanica 15, 9-30 (1980), doi:10.1007/BF02128236"


def exponents_of_map(map: AutonomousMap, state: np.ndarray, *, n_exponents: int, steps: int, transient: int, seed: int) -> Estimate:
    """Return the first `n_exponents` Lyapunov exponents (K,) of the closed-loop model `map` started at `state` (S,).

    steps: measured, after `transient` steps. seed: of the starting tangents. The interval between orthonormalisations is chosen in a pilot
    inside the transient so that the fastest column outgrows the slowest by about e^4 at most.
    A state or tangent that becomes non-finite gives status "escaped" and NaN. Raises InvariantError for settings that cannot be.
    """
    size = map.dimension
    if not 1 <= n_exponents <= size:
        raise InvariantError(f"n_exponents = {n_exponents!r}: a map of a {size}-dimensional state has 1 to {size}")
    if steps < 64 or transient < 0:
        raise InvariantError(f"steps = {steps!r}, transient = {transient!r}: at least 64 steps and a transient of 0 or more are needed")
    start = np.asarray(state, dtype=np.float64)
    if start.shape != (size,):
        raise InvariantError(f"state: shape {start.shape} given, ({size},) needed")
    stream = generator(seed, "map tangents")
    tangents = np.linalg.qr(stream.standard_normal((size, n_exponents)))[0].T
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        current, tangents, pilot = _carry(map, start, tangents, min(_PILOT, transient) or 1, 1)
        spread = float(np.ptp(pilot.mean(axis=0))) if n_exponents > 1 else float(np.abs(pilot.mean()))
        interval = int(np.clip(_NATS / spread, 1, _LONGEST)) if np.isfinite(spread) and spread > 0 else 1
        if transient > _PILOT:
            current, tangents, _ = _carry(map, current, tangents, -(-(transient - _PILOT) // interval), interval)
        current, tangents, logs = _carry(map, current, tangents, max(16, steps // interval), interval)
    settings = {
        "n_exponents": n_exponents,
        "steps": len(logs) * interval,
        "transient": transient,
        "interval": interval,
        "dt": map.dt,
        "seed": seed,
        "versions": {name: version(name) for name in ("chaosbench", "numpy")},
    }
    if not np.isfinite(current).all() or np.isnan(logs).any():
        nothing = np.full(n_exponents, np.nan)
        reason = f"the model's state became non-finite within {transient + steps} steps"
        return Estimate(nothing, nothing, np.stack([nothing, nothing]), "escaped", reason, _METHOD, _CONVENTION, settings, _SOURCE)
    rates = logs / (interval * map.dt)
    statistics = block_mean(rates[None], slack=6.0 / (len(logs) * interval * map.dt))
    reason = f"error from {statistics.blocks} of {interval} steps"
    if not statistics.resolved:
        reason += "; neighbouring blocks are still correlated, so the standard error is too small"
    running = np.cumsum(rates, axis=0) / np.arange(1, len(rates) + 1)[:, None]
    thinned = running[np.unique(np.linspace(0, len(rates) - 1, min(128, len(rates))).astype(int))]
    return Estimate(
        statistics.mean,
        statistics.standard_error,
        statistics.interval,
        "converged" if statistics.resolved else "short",
        reason,
        _METHOD,
        _CONVENTION,
        settings,
        _SOURCE,
        {"running_mean": thinned},
    )


def _carry(map: AutonomousMap, state: np.ndarray, tangents: np.ndarray, records: int, interval: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return state, orthonormal tangents (K, S) and log growth (records, K) after records * interval steps; NaN after a failure."""
    logs = np.full((records, len(tangents)), np.nan)
    for record in range(records):
        for _ in range(interval):
            state, tangents = map.step_tangents(state, tangents)
        if not (np.isfinite(state).all() and np.isfinite(tangents).all()):
            return np.full_like(state, np.nan), tangents, logs
        orthonormal, triangle = np.linalg.qr(np.asarray(tangents, dtype=np.float64).T)
        logs[record] = np.log(np.abs(np.diag(triangle)))
        tangents = orthonormal.T
    return state, tangents, logs
