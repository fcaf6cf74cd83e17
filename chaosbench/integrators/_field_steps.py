"""The step of fields: given, or a power of two chosen from the linear part and from the state that a trajectory starts in.

The linear part is solved exactly, so stiffness limits no step. Three things do. Growth: the fastest linear mode may gain a 64th in a step. Accuracy:
two steps half as long must lead to the same state within a millionth of the way that the state moves. Stability: h phi_1(hL) N', the share of a
difference that the nonlinear part moves in a step, is at most 1, where the method allows 2.5 and more; directions that the linear part damps within a
step count with what is left. Where a definition declares integrals, a fourth does: they may drift by a millionth in a thousand steps, see
`_field_integrals`.

Measured on ten of the shipped systems: over one unit of time the error of such steps is between 1e-8 and 3e-6 of the spread of the field.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._field_drivers import field_step
from chaosbench.integrators._field_engine import FieldEngine, plan_at
from chaosbench.integrators._field_integrals import halvings_for_integrals
from chaosbench.integrators._request import Request
from chaosbench.kernels.fourier import LANES

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

_GROWTH, ACCURACY, _STRETCH = 1.0 / 64.0, 1e-6, 1.0
_REST = 1e-16  # of the square of a state: a way of less than 1e-8 of it is none
_LONGEST = 1024.0  # units of time; sampling intervals are shorter
_ITERATIONS, _SETTLING = 12, 4
_HALVINGS = 40
_OF_TOLERANCE = 1000.0  # a millionth at the usual tolerance of 1e-9


def longest_field_steps(request: Request, step: float | None) -> np.ndarray:
    """Return the longest step of each trajectory (B,): `step`, or a power of two by the rule of this module."""
    if step is not None:
        return np.full(request.lanes, float(step))
    rows = np.broadcast_to(request.parameters, (request.lanes, request.parameters.shape[1]))
    return steps_from_states(request.system, request.states, rows, max(ACCURACY, _OF_TOLERANCE * request.rtol))


def steps_from_states(system: "CompiledSystem", states: np.ndarray, parameters: np.ndarray, accuracy: float = ACCURACY) -> np.ndarray:
    """Return the step (B,) that each state (B, D) with its parameters (B, P) asks for by the rule of this module."""
    steps, integrals = np.empty(len(states)), bool(system.definition.integrals)
    for bundle in _alike(system, parameters, [b""] * len(states)):
        numbers, row = list(bundle), parameters[bundle[0]]
        engine = FieldEngine(plan_at(system, row), len(bundle), columns=1)
        steps[numbers] = _chosen(engine, states[numbers], min(accuracy, ACCURACY) if integrals else accuracy)
        if integrals:
            steps[numbers] *= 0.5 ** halvings_for_integrals(system, engine, states[numbers], row, steps[numbers])
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


def _chosen(engine: FieldEngine, states: np.ndarray, accuracy: float) -> np.ndarray:
    """Return the steps (n,) of some states (n, D)."""
    engine.begin(states)
    fastest = _fastest_growth(engine)
    h = min(_LONGEST, _power_of_two(_GROWTH * (accuracy / ACCURACY) ** 0.25 / fastest)) if fastest > 0.0 else _LONGEST
    steps = np.full(len(states), h)
    waiting = np.ones(len(states), dtype=bool)
    for _ in range(_HALVINGS):
        steps[waiting] = h
        errors, growths = _errors(engine, h), _growths(engine, h)
        fine = (errors <= accuracy) & (growths <= _STRETCH ** (_ITERATIONS - _SETTLING))  # false where anything is NaN
        waiting &= ~fine[: len(states)]
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


def _errors(engine: FieldEngine, h: float) -> np.ndarray:
    """Return for every lane how far one step of h and two of h/2 end from each other, in units of the way from the start."""
    start, errors = engine.block[:1].copy(), np.zeros(LANES)
    ends = []
    for count in (1, 2):
        engine.block[:1] = start
        for _ in range(count):
            field_step(engine.address, engine.block[:1], engine.mirror, engine.arrays(h / count))
        ends.append(engine.block[0, : engine.kernels.form.size].copy())
    engine.block[:1] = start
    compare_lanes(start[0, : len(ends[0])], *ends, engine.lanes, errors)
    return errors


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


@driver
def compare_lanes(start: np.ndarray, once: np.ndarray, twice: np.ndarray, lanes: int, errors: np.ndarray) -> None:
    """Put the distance of `once` and `twice` relative to that of `twice` and `start` into errors (lanes,); at rest, relative to their size."""
    for lane in range(lanes):
        apart, way, size = 0.0, 0.0, 0.0
        for i in range(lane, start.size, lanes):
            apart += (once[i] - twice[i]) ** 2
            way += (twice[i] - start[i]) ** 2
            size += twice[i] ** 2
        room = max(way, _REST * size)
        errors[lane] = np.sqrt(apart / room) if room > 0.0 else np.sqrt(apart)
