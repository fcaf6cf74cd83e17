"""The step of fields: given, or chosen from the growth of the linear part and from how fast the nonlinear part turns and stretches a small difference.

The linear part is solved exactly, so neither stiffness nor fast waves limit a step. What does is h phi_1(hL) N', the share of a difference that the
nonlinear part moves in a step: directions that the linear part damps within a step count with what is left of them.
"""

from collections.abc import Sequence

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._field_engine import FieldEngine
from chaosbench.integrators._request import Request
from chaosbench.kernels.fourier import LANES

_GROWTH, _TURN = 1.0 / 16.0, 0.5
_ITERATIONS, _SETTLING = 12, 4
_HALVINGS = 40


def longest_field_steps(request: Request, step: float | None) -> np.ndarray:
    """Return the longest step of each trajectory (B,): `step`, or a power of two by the rule of this module."""
    if step is not None:
        return np.full(request.lanes, float(step))
    if request.times.shape[1] < 2:
        return np.ones(request.lanes)
    widest = np.diff(request.times, axis=1).max(axis=1)
    first = np.array([_power_of_two(float(widest[min(b, len(widest) - 1)]) * 2.0) for b in range(request.lanes)])
    longest = np.empty(request.lanes)
    for bundle in bundles_of(request, first):
        longest[list(bundle)] = _chosen(request, bundle, first[bundle[0]])
    return longest


def bundles_of(request: Request, longest: np.ndarray) -> list[tuple[int, ...]]:
    """Return the trajectories in bundles that run side by side: neighbours in one dimension with one clock, one step and one form, else single ones.

    Which trajectories share a bundle has no influence on any of them.
    """
    widths: dict[bytes, int] = {}
    found: list[tuple[int, ...]] = []
    last: tuple[bytes, bytes, float] | None = None
    for b in range(request.lanes):
        row = request.parameters[min(b, len(request.parameters) - 1)]
        if row.tobytes() not in widths:
            widths[row.tobytes()] = LANES if len(request.system.plan(row).shape) == 1 else 1
        clock = request.times[min(b, len(request.times) - 1)]
        key = (row.tobytes(), clock.tobytes() if len(request.times) > 1 else b"", float(longest[b]))
        if key == last and len(found[-1]) < widths[key[0]]:
            found[-1] = (*found[-1], b)
        else:
            found.append((b,))
        last = key
    return found


def _chosen(request: Request, bundle: Sequence[int], first: float) -> np.ndarray:
    """Return the steps (n,) of the trajectories of a bundle, at most `first`."""
    row = request.parameters[min(bundle[0], len(request.parameters) - 1)]
    engine = FieldEngine([request.system.plan(row)], len(bundle), columns=1)
    engine.begin(request.states[list(bundle)])
    fastest = _fastest_growth(engine)
    if fastest > 0.0:
        first = min(first, _power_of_two(_GROWTH / fastest))
    steps = np.full(len(bundle), first)
    waiting = np.ones(len(bundle), dtype=bool)
    h = first
    for _ in range(_HALVINGS):
        steps[waiting] = h
        growth = _growths(engine, h)[: len(bundle)]
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
    plan = engine.plans[0]
    kept = plan.linear.reshape(plan.n_fields, plan.n_fields, -1)[:, :, plan.mask.ravel()].transpose(2, 0, 1)
    return float(np.linalg.eigvals(kept).real.max()) if plan.n_fields > 1 else float(kept.real.max())


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
