"""The step of fields: given, or a power of two chosen from the linear part and from the state that a trajectory starts in.

The linear part is solved exactly, so stiffness limits no step. Three things do. Growth: the fastest linear mode may gain a 64th in a step. Phase: the
modes that are there may turn by an eighth, each as it counts in omega^4 u, to which the error belongs. And h phi_1(hL) N', the share of a difference
that the nonlinear part moves in a step, is at most an eighth; directions that the linear part damps within a step count there with what is left.

Measured on the shipped systems: the error of such a step over one unit of time is below 1e-6 of the spread of the field, 1.4e-5 for the Nikolaevskiy
equation.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._field_engine import FieldEngine, plan_at
from chaosbench.integrators._request import Request
from chaosbench.kernels.fourier import LANES

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

_GROWTH, _TURN, _PHASE = 1.0 / 64.0, 0.125, 0.125
_LONGEST = 1024.0  # units of time; sampling intervals are shorter
_ITERATIONS, _SETTLING = 12, 4
_HALVINGS = 40


def longest_field_steps(request: Request, step: float | None) -> np.ndarray:
    """Return the longest step of each trajectory (B,): `step`, or a power of two by the rule of this module."""
    if step is not None:
        return np.full(request.lanes, float(step))
    rows = np.broadcast_to(request.parameters, (request.lanes, request.parameters.shape[1]))
    return steps_from_states(request.system, request.states, rows)


def steps_from_states(system: "CompiledSystem", states: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """Return the step (B,) that each state (B, D) with its parameters (B, P) asks for by the rule of this module."""
    steps = np.empty(len(states))
    for bundle in _alike(system, parameters, [b""] * len(states)):
        plan = plan_at(system, parameters[bundle[0]])
        steps[list(bundle)] = _chosen(FieldEngine(plan, len(bundle), columns=1), states[list(bundle)])
    return steps


def bundles_of(request: Request, longest: np.ndarray) -> list[tuple[int, ...]]:
    """Return the trajectories in bundles that run side by side: neighbours in one dimension with one clock, one step and one form, else single ones.

    Which trajectories share a bundle has no influence on any of them.
    """
    rows = np.broadcast_to(request.parameters, (request.lanes, request.parameters.shape[1]))
    clocks = [request.times[b].tobytes() if len(request.times) > 1 else b"" for b in range(request.lanes)]
    return _alike(request.system, rows, [clock + step.tobytes() for clock, step in zip(clocks, longest, strict=True)])


def _alike(system: "CompiledSystem", rows: np.ndarray, marks: Sequence[bytes]) -> list[tuple[int, ...]]:
    """Return neighbours with equal parameters and marks in bundles, as many as go side by side."""
    widths: dict[bytes, int] = {}
    found: list[tuple[int, ...]] = []
    last: tuple[bytes, bytes] | None = None
    for b, (row, mark) in enumerate(zip(rows, marks, strict=True)):
        key = (row.tobytes(), mark)
        if key[0] not in widths:
            widths[key[0]] = LANES if len(plan_at(system, row).shape) == 1 else 1
        if key == last and len(found[-1]) < widths[key[0]]:
            found[-1] = (*found[-1], b)
        else:
            found.append((b,))
        last = key
    return found


def _chosen(engine: FieldEngine, states: np.ndarray) -> np.ndarray:
    """Return the steps (n,) of some states (n, D)."""
    engine.begin(states)
    fastest = _fastest_growth(engine)
    h = min(_LONGEST, _power_of_two(_GROWTH / fastest)) if fastest > 0.0 else _LONGEST
    steps = np.array([min(h, _power_of_two(_PHASE / max(_frequency(engine, lane), 1e-300))) for lane in range(len(states))])
    h = steps.max()
    waiting = np.ones(len(states), dtype=bool)
    for _ in range(_HALVINGS):
        steps[waiting] = np.minimum(steps[waiting], h)
        growth = _growths(engine, h)[: len(states)]
        waiting &= growth > _TURN ** (_ITERATIONS - _SETTLING)
        if not waiting.any():
            break
        h *= 0.5
    return steps


def _power_of_two(number: float) -> float:
    """Return the largest power of two that is not above a positive number."""
    return float(np.ldexp(0.5, np.frexp(number)[1]))


def _fastest_growth(engine: FieldEngine) -> float:
    """Return the largest growth rate of a mode under the linear part alone."""
    plan = engine.plan
    kept = plan.linear.reshape(plan.n_fields, plan.n_fields, -1)[:, :, plan.mask.ravel()].transpose(2, 0, 1)
    return float(np.linalg.eigvals(kept).real.max()) if plan.n_fields > 1 else float(kept.real.max())


def _frequency(engine: FieldEngine, lane: int) -> float:
    """Return the frequency with which the linear part turns the modes of a state: the fourth root of the size of omega^4 u relative to u."""
    plan, spectra = engine.plan, engine.spectra(0, lane)
    sizes = np.abs(spectra) ** 2
    omega = np.stack([plan.linear[f, f].imag for f in range(plan.n_fields)])
    total = float(sizes.sum())
    return float((np.abs(omega) ** 8 * sizes).sum() / total) ** 0.125 if total > 0.0 else 0.0


def _growths(engine: FieldEngine, h: float) -> np.ndarray:
    """Return for every lane by how much h phi_1 N' stretches a difference in the last of some iterations from noise."""
    size = engine.kernels.form.size
    noise = np.random.Generator(np.random.PCG64(0)).standard_normal(size // (LANES if engine.lanes > 1 else 1))
    engine.block[1, :size] = np.repeat(noise, LANES) if engine.lanes > 1 else noise
    growth = np.ones(LANES)
    _iterate(engine.address, engine.block, engine.arrays(h), engine.lanes, growth)
    return growth


@driver
def _iterate(address: np.ndarray, block: np.ndarray, arrays: tuple[np.ndarray, ...], lanes: int, growth: np.ndarray) -> None:
    """Apply 2 (h/2 phi_1(hL/2)) N' again and again to the tangent in row 1; multiply its growth up, lane by lane."""
    p, tables, work = arrays
    size, width = block.shape[1] // 7, block.shape[1]
    call(address[0], at(block, 0), at(p, 0), at(tables, 0), at(work, 0), at(work, 0), at(block, size))
    for n in range(_ITERATIONS):
        call(address[7], at(block, width), at(p, 0), at(tables, 0), at(work, 0), at(work, 0), at(block, width + size))
        block[1, :size] = 0.0
        call(address[1], at(block, width), at(p, 0), at(tables, 0), at(work, 0), at(work, 0), at(block, width))
        for lane in range(lanes):
            total = 0.0
            for i in range(5 * size + lane, 6 * size, lanes):
                total += block[1, i] * block[1, i]
            norm = 2.0 * np.sqrt(total)
            if n >= _SETTLING:
                growth[lane] *= norm
            scale = 2.0 / norm if norm > 0.0 else 0.0
            for i in range(lane, size, lanes):
                block[1, i] = scale * block[1, 5 * size + i]
