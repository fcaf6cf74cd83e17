"""The method of steps: one trajectory of a delay system, with the past as polynomials.

The past of a time before the run is interpolated between the points of the initial history by 8-point Lagrange polynomials (order 8); the past of
a time within the run is the continuous extension of the step that covered it. A step never exceeds the smallest lag, so all past values
are known before it starts, and it ends on the times in `breaks`, where a kink of the initial history returns as a jump in a higher derivative.

All times count from the start of the run. Arguments as in `_drivers`; settings has the start's own time as its fourth entry. Memory holds for each
entry of a row of `past` its delayed component (slots) and lag and where its search begins (hints), the nodes of all stages, and the initial
history (L, E) at times -reach .. 0 (grid). Pieces are the continuous extensions, at first those of an earlier run that is continued.
"""

import math

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import BLOW_UP, INTERRUPTED, OK, STEP_UNDERFLOW, TOO_MANY_STEPS, Buffers, copy, write_outputs
from chaosbench.integrators._step_size import after_accepted, after_rejected, escaped, first_step, fitted, later, too_small, trial_step

Pieces = tuple[np.ndarray, np.ndarray, np.ndarray]  # starts (n,), lengths (n,), coefficients (n, (degree + 1) * E)
Memory = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # slots, lags, nodes, hints, grid
Span = tuple[float, int, int, int]  # reach of the grid, its leading rows that may be used, first piece, piece after the last


@driver
def interpolate(grid: np.ndarray, slot: int, place: float, points: int) -> float:
    """Return component `slot` at row number `place` (not whole) by the Lagrange polynomial through the nearest 8 of the first `points` rows."""
    width = min(8, points)
    first = min(max(math.floor(place) - width // 2 + 1, 0), points - width)
    weight, above, below = 1.0, 0.0, 0.0
    for k in range(width):
        distance = place - (first + k)
        if distance == 0.0:
            return float(grid[first + k, slot])
        above += weight / distance * grid[first + k, slot]
        below += weight / distance
        weight *= -(width - 1.0 - k) / (k + 1.0)
    return above / below


@driver
def recall(when: float, slot: int, hint: int, span: Span, grid: np.ndarray, pieces: Pieces) -> tuple[float, int]:
    """Return component `slot` at time `when` and the piece used, which is where the next search begins."""
    starts, lengths, coefficients = pieces
    reach, points, first, beyond = span
    if beyond == first or when <= starts[first]:
        return interpolate(grid, slot, (when + reach) / reach * (grid.shape[0] - 1), points), first
    hint = min(max(hint, first), beyond - 1)
    while hint > first and when < starts[hint]:
        hint -= 1
    while hint < beyond - 1 and when > starts[hint + 1]:
        hint += 1
    theta, size = (when - starts[hint]) / lengths[hint], grid.shape[1]
    value = 0.0
    for q in range(coefficients.shape[1] // size - 1, -1, -1):
        value = value * theta + coefficients[hint, q * size + slot]
    return value, hint


@driver
def smallest(values: np.ndarray) -> float:
    """Return the smallest entry."""
    least = values[0]
    for value in values:
        least = min(least, value)
    return float(least)


@driver
def _fill(past: np.ndarray, rows: int, time: float, shift: float, step: float, memory: Memory, span: Span, pieces: Pieces) -> None:
    """Fill the first rows of `past`: row s holds the delayed values at time + shift + nodes[s] * step."""
    slots, lags, nodes, hints, grid = memory
    for s in range(rows):
        for j in range(slots.size):
            when = (time - lags[j]) + (shift + nodes[s] * step)
            past[s * slots.size + j], hints[j] = recall(when, slots[j], hints[j], span, grid, pieces)


@driver
def _begin(
    address: np.ndarray,
    sizes: np.ndarray,
    settings: np.ndarray,
    p: np.ndarray,
    buffers: Buffers,
    memory: Memory,
    span: Span,
    pieces: Pieces,
    room: float,
) -> float:
    """Put the rate at u into the work array and return the first step."""
    u, rate, trial, a, past, work, result = buffers
    size, rtol, atol = sizes[0], settings[0], settings[1]
    a[0], a[1], a[2] = 0.0, atol, rtol
    _fill(past, 1, 0.0, 0.0, 0.0, memory, span, pieces)
    call(address[0], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(rate, 0))
    h = trial_step(u, rate, trial, size, rtol, atol, room)
    _fill(past, 1, 0.0, h, 0.0, memory, span, pieces)
    call(address[0], at(trial, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
    copy(rate, 0, work, size)
    return float(settings[2]) if settings[2] > 0.0 else float(first_step(h, buffers, size, sizes[4], rtol, atol, settings[3], room))


@driver
def _longer(pieces: Pieces, first: int) -> Pieces:
    """Return the pieces from `first` on, moved to the front of arrays with room for as many again."""
    kept, width = pieces[0].size - first, pieces[2].shape[1]
    starts, lengths, coefficients = np.empty(2 * kept + 64), np.empty(2 * kept + 64), np.zeros((2 * kept + 64, width))
    copy(pieces[0], first, starts, kept)
    copy(pieces[1], first, lengths, kept)
    for row in range(kept):
        copy(pieces[2][first + row], 0, coefficients[row], width)
    return starts, lengths, coefficients


@driver
def _past_of(time: float, grid_lags: np.ndarray, span: Span, grid: np.ndarray, pieces: Pieces, history: np.ndarray) -> None:
    """Fill all but the last row of `history` (L, E) with the states at time - grid_lags."""
    for slot in range(history.shape[1]):
        hint = span[2]
        for row in range(history.shape[0] - 1):
            history[row, slot], hint = recall(time - grid_lags[row], slot, hint, span, grid, pieces)


@driver
def solve_delay(
    address: np.ndarray,
    sizes: np.ndarray,
    settings: np.ndarray,
    max_steps: int,
    p: np.ndarray,
    times: np.ndarray,
    buffers: Buffers,
    memory: Memory,
    breaks: np.ndarray,
    grid_lags: np.ndarray,
    pieces: Pieces,
    out: np.ndarray,
    history: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> tuple[int, float, int, int, Pieces]:
    """Carry the state in buffers[0] over `times`, which begin with 0; return how it ended, when, and the pieces first..beyond of its past.

    breaks: times to land on, increasing, the last one times[-1]. history (L, E): filled with the past of the last state.
    """
    u, _, _, a, past, work, result = buffers
    grid, shortest, reach = memory[4], smallest(memory[1]), grid_lags[0]
    size, newest, dense = sizes[0], (sizes[1] - 1) * sizes[0], sizes[0] + 1
    first, beyond, points = 0, pieces[0].size, grid.shape[0]
    if beyond > 0:
        points = min(points, max(2, int((pieces[0][0] + reach) / reach * (points - 1) + 1e-6) + 1))
    time, carry, index, mark, steps, before, again, status = 0.0, 0.0, 1, 0, 0, 0.0, False, OK
    copy(u, 0, out[0], out.shape[1])
    h = 0.0
    if index < times.size:
        h = _begin(address, sizes, settings, p, buffers, memory, (reach, points, first, beyond), pieces, min(breaks[0], shortest))
        counts[0] += 2
    while index < times.size:
        if stop[0] != 0:
            status = INTERRUPTED
        elif steps >= max_steps:
            status = TOO_MANY_STEPS
        elif too_small(h, settings[3] + time):
            status = STEP_UNDERFLOW
        if status != OK:
            break
        room = (breaks[mark] - time) - carry
        step = fitted(min(h, shortest / 1.01), room)
        a[0] = step
        _fill(past, sizes[1] + sizes[3], time, carry, step, memory, (reach, points, first, beyond), pieces)
        call(address[1], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
        error = result[size]
        steps += 1
        counts[0] += sizes[1] - 1
        if not error <= 1.0 and not settings[2] > 0.0:
            counts[1] += 1
            h, again = step * after_rejected(error, sizes[4]), True
            continue
        if escaped(result, size):
            status = BLOW_UP
            break
        call(address[2], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
        counts[0] += sizes[3]
        if beyond == pieces[0].size:
            pieces, first, beyond, memory[3][:] = _longer(pieces, first), 0, beyond - first, 0
        pieces[0][beyond], pieces[1][beyond] = time + carry, step
        copy(result, dense, pieces[2][beyond], (sizes[2] + 1) * size)
        beyond += 1
        reached = step >= room
        last = reached and mark == breaks.size - 1
        index = write_outputs(index, times, time, carry, step, last, result, sizes, out)
        copy(result, 0, u, size)
        copy(work, newest, work, size)
        time, carry = later(time, carry, step)
        if reached:
            time, carry, mark = breaks[mark], 0.0, mark + 1
        while first < beyond - 1 and pieces[0][first + 1] < time - 1.000001 * reach:
            first += 1
        if not settings[2] > 0.0:
            factor, before = after_accepted(error, before, sizes[4], again)
            h, again = step * factor, False
    out[index:] = np.nan
    _past_of(time, grid_lags, (reach, points, first, beyond), grid, pieces, history)
    copy(u, 0, history[-1], size)
    return status, time, first, beyond, pieces
