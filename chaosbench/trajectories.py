"""Trajectories: seeded initial states on the attractor, transient removed, labelled states with provenance.

Trajectory b of a request depends on (seed, first + b, definition, sampling, integrator) alone: not on how many are made together, nor on threads.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import xarray as xr

from chaosbench.certificate import Certificate
from chaosbench.certificate import certify as certified
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.errors import DatasetError
from chaosbench.event_record import event_variables
from chaosbench.identity import canonical_json, sha256_of
from chaosbench.integrators._events import followed
from chaosbench.integrators.base import InitialState, Integrator, Solution, Status
from chaosbench.layout import layout_of
from chaosbench.noisy_starts import after_wait, one_run
from chaosbench.requests import Request, checked_request
from chaosbench.settling import settle

FORMAT = 1

Progress = Callable[[float, str], None]


def simulate(
    definition: SystemDefinition,
    *,
    n_trajectories: int,
    n_samples: int,
    seed: int,
    dt: float | None = None,
    transient: float | None = None,
    parameters: Mapping[str, float | np.ndarray] | None = None,
    integrator: str | Integrator | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    certify: bool = False,
    threads: int | None = None,
    first: int = 0,
    anchor: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Return a dataset of trajectories on the attractor (or level set) of `definition`.

    Parameters
    ----------
    n_trajectories, n_samples: B and T, both at least 1. seed: decides every draw; trajectories first .. first + B - 1 of that seed are made.
    dt: sampling interval in the system's time unit; None means a hundredth of the dominant period (maps: 1 iteration).
    transient: time left out before the first sample; None means 100 periods (fields in two dimensions: 25; maps: 1000 iterations), 0 for conservative
    systems.
    parameters: name -> number, or array (B,) for one value a trajectory. integrator: a catalogue name, an instance, or None for the default.
    rtol, atol: error per step; None means what is usual for the integrator, 1e-9 and 1e-12 for most. certify: integrate a second time, with 30 digits
    where possible, and store `trust_horizon` (see `certificate`).
    threads: default all cores. anchor: number of the sample whose stored state is the initial state of the rest; the trust horizon counts from
    there. progress: called with (fraction done, sentence).

    Returns
    -------
    xr.Dataset with state (trajectory, time, component), initial, parameters, status, trust_horizon, for delays history (trajectory, lag, component),
    for hybrid systems their events (see `event_record`), for systems with integrals integral_drift (trajectory, integral), the largest departure from
    the first sample's value over the samples, and the coordinate period (component), NaN where the component is no angle. For fields component is
    (field, x) or (field, y, x).
    Angles are stored wrapped into [0, period). A trajectory that failed is NaN from there on and its status says why.

    Raises
    ------
    DatasetError for impossible requests, or when 50 draws in a row leave the attractor during the transient.
    """
    report = progress or _silent
    request = checked_request(definition, n_trajectories, n_samples, seed, dt, transient, parameters, integrator, rtol, atol, first, certify)
    report(0.0, f"transient of {definition.name}")
    initial, rejected = settle(request, seed, "initial", first, threads)
    times = request.dt * np.arange(n_samples)
    report(0.3, f"{n_trajectories} trajectories of {n_samples} samples")
    solution, start = _solved(request, initial, times, anchor, threads)
    if one_run(request.system):
        initial = replace(initial, states=solution.states[:, 0].copy())
    certificate = None
    if certify:
        report(0.6, "second integration for the trust horizon")
        certificate = certified(request, start, times[anchor:], solution.states[:, anchor:], threads)
    report(1.0, "done")
    return _dataset(request, initial, times, solution, certificate, rejected, first, anchor)


def _solved(request: Request, initial: InitialState, times: np.ndarray, anchor: int, threads: int | None) -> tuple[Solution, InitialState]:
    """Return the solution at all times, and the state that the part from sample `anchor` on starts in."""
    if not 0 <= anchor < len(times):
        raise DatasetError(f"anchor = {anchor}: must be the number of a sample, 0 to {len(times) - 1}")

    def solve(start: InitialState, moments: np.ndarray) -> Solution:
        return request.integrator.solve(
            request.system, start, moments, parameters=request.rows, seed=request.seed, rtol=request.rtol, atol=request.atol, threads=threads
        )

    if one_run(request.system):
        return after_wait(solve, initial, times, request.transient, anchor), initial
    if anchor == 0:
        return solve(initial, times), initial
    head = solve(initial, times[: anchor + 1])
    start = (
        head.final if head.final.history is not None else InitialState(head.final.states, noise=head.final.noise)
    )  # doubles alone: what a reader of the sample knows
    tail = solve(start, times[anchor:])
    failed = head.status != Status.OK
    tail.states[failed] = np.nan
    states = np.concatenate([head.states[:, :-1], tail.states], axis=1)
    states[failed, : anchor + 1] = head.states[failed]
    events = None if head.events is None or tail.events is None else followed(head.events, tail.events, failed)
    return replace(tail, times=times, states=states, status=np.where(failed, head.status, tail.status), events=events), start


def recipe_of(request: Request, certified: bool, anchor: int = 0) -> dict[str, object]:
    """Return the recipe as JSON data: from it and this version the numbers can be made again, whatever the number of trajectories."""
    definition = request.system.definition
    return {
        "system": definition.name,
        "identity": definition.identity,
        "kind": definition.kind,
        "seed": request.seed,
        "samples": request.n_samples,
        "dt": request.dt,
        "transient": request.transient,
        "integrator": request.integrator_name,
        "rtol": request.rtol,
        "atol": request.atol,
        "certified": certified,
        **({"integrator_options": options} if (options := request.integrator.options) else {}),
        **({"anchor": anchor} if anchor else {}),
    }


def _dataset(
    request: Request,
    initial: InitialState,
    times: np.ndarray,
    solution: Solution,
    certificate: Certificate | None,
    rejected: np.ndarray,
    first: int,
    anchor: int,
) -> xr.Dataset:
    definition, states, status = request.system.definition, solution.states, solution.status
    drifts = _drifts(request, states)  # of the states as they were integrated, with angles not wrapped
    for index in np.flatnonzero(~np.isnan(request.system.periods)):
        period = request.system.periods[index]
        column = states[:, :, index]
        column -= np.floor(column / period) * period
        column[column >= period] = 0.0  # an angle just below 0 rounds up to the period
    dims, shape, places = layout_of(request.system)
    variables: dict[str, object] = {
        "state": (("trajectory", "time", *dims), states.reshape(*states.shape[:2], *shape)),
        "initial": (("trajectory", *dims), initial.states.reshape(-1, *shape)),
        "parameters": (("trajectory", "parameter"), request.rows),
        "status": (("trajectory",), np.asarray(status, dtype=np.int8)),
        "trust_horizon": (("trajectory",), np.full(len(states), np.nan) if certificate is None else certificate.horizon),
        "rejected_draws": (("trajectory",), rejected),
    }
    coordinates: dict[str, object] = {
        "trajectory": np.arange(first, first + len(states)),
        "time": times,
        **places,
        "parameter": np.array(definition.parameter_names, dtype=object),
    }
    if drifts:
        variables["integral_drift"] = (("trajectory", "integral"), np.stack(list(drifts.values()), axis=1))
        coordinates["integral"] = np.array(list(drifts), dtype=object)
    if initial.history is not None and initial.lags is not None:
        variables["history"] = (("trajectory", "lag", "component"), initial.history)
        coordinates["lag"] = initial.lags
    for held, found in zip((variables, coordinates), event_variables(definition, solution.events), strict=True):
        held.update(found)
    recipe = recipe_of(request, certificate is not None, anchor)
    provenance = {
        "format": FORMAT,
        "recipe": recipe,
        "recipe_sha256": sha256_of(recipe),
        "integrator_reason": request.reason,
        "certificate": None if certificate is None else certificate.describe(),
        "versions": {name: version(name) for name in ("chaosbench", "numpy", "numba", "llvmlite")},
        "platform": {"machine": platform.machine(), "libc": "-".join(platform.libc_ver())},
    }
    return xr.Dataset(variables, coordinates, {"chaosbench": canonical_json(provenance)})


def _drifts(request: Request, states: np.ndarray) -> dict[str, np.ndarray]:
    """Return for every integral of motion how far it ever is from where it started (B,), over the samples before a failure."""
    found = {}
    runs = len(states)
    for name, tree in (request.system.definition.integrals or {}).items():
        quantity = request.system.quantity(tree)
        drift = np.zeros(runs)
        for b in range(runs):
            with np.errstate(all="ignore"):
                values = quantity.value(states[b], request.rows[b])
            drift[b] = np.nanmax(np.abs(values - values[0])) if np.isfinite(values[0]) else np.nan
        found[name] = drift
    return found


def _silent(fraction: float, sentence: str) -> None:
    """Report nothing."""
