"""One step of a hybrid system up to its first event, and the event itself; arguments in common as in `_event_search`.

jumps: int64 (3, G + D): addresses of the resets, of the rests (0 for none), directions; the third row goes on with whether a component is discrete.
limits: (G + 1,) speeds below which the rests hold, and the longest step. clock: floats in the order of CLOCK, kept from step to step.
"""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import BLOW_UP, STEP_UNDERFLOW, TOO_MANY_STEPS, Buffers, _begin, copy
from chaosbench.integrators._event_search import DENSE, NONE, STEP, VALUE, crossing, defined, look, look_closely, resolved, sample, sign_of
from chaosbench.integrators._step_size import after_accepted, after_rejected, escaped, fitted, too_small
from chaosbench.integrators._tangent_error import tangent_error

ZENO, NO_NUMBER = 6, 7
CLOCK = ("wish", "cap", "error", "again", "steps", "since", "longest", "fruitless", "widest")
_WISH, _CAP, _ERROR, _AGAIN, _STEPS, _SINCE, _LONGEST, _FRUITLESS, _WIDEST = range(9)
_CORRECTIONS, _MOST_FRUITLESS, _MOST_CUTS = 6, 50, 40
_AT_MOST, _FINEST = 1e-6, 1e-6  # of the widest step so far: a jump of a guard, which no step resolves, is passed over at last
_EPSILON = 2.220446049250313e-16
FAILED = 16  # added to a status


@driver
def begin_events(
    address: np.ndarray,
    sizes: np.ndarray,
    settings: np.ndarray,
    jumps: np.ndarray,
    p: np.ndarray,
    buffers: Buffers,
    scene: Buffers,
    clock: np.ndarray,
    time: float,
    room: float,
) -> None:
    """Find the first step and the side of every guard; a guard at 0 on its way through counts as not yet through."""
    for i in range(clock.size):
        clock[i] = 0.0
    clock[_WISH], clock[_CAP] = _begin(address, sizes, settings, p, buffers, time, room), np.inf
    for i in range(sizes[6]):
        scene[17][i] = 0.0
    _take_sides(address, sizes, jumps, p, scene, buffers[0], 0.0)


@driver
def _take_sides(address: np.ndarray, sizes: np.ndarray, jumps: np.ndarray, p: np.ndarray, scene: Buffers, u: np.ndarray, step: float) -> None:
    """Set the sides at u. A guard whose event just happened is on the side it moves to; another one at 0 that moves through waits for its event."""
    seen, side, noise, fired, at_event = scene[1], scene[14], scene[16], scene[17], scene[18]
    look_closely(address, sizes, p, scene, u, step)
    for i in range(sizes[6]):
        value, slope, direction = seen[i], seen[sizes[7] + i], jumps[2, i]
        if fired[i] > 0.0:
            noise[i] = max(noise[i], min(4.0 * abs(at_event[i]), _AT_MOST * step * abs(slope)))
        if abs(value) > noise[i]:
            side[i] = sign_of(value)
        elif fired[i] == 0.0 and slope * direction > 0.0:
            side[i] = -direction
        else:
            side[i] = sign_of(slope)


@driver
def _first(
    address: np.ndarray, sizes: np.ndarray, jumps: np.ndarray, p: np.ndarray, scene: Buffers, result: np.ndarray, step: float
) -> tuple[float, int]:
    """Return where in the step the first event happens and its number, NONE and -1 if there is none."""
    best, which = NONE, -1
    for i in range(sizes[6]):
        theta = crossing(address, sizes, p, scene, result, i, jumps[2, i], step)
        if theta < best:
            best, which = theta, i
    return best, which


@driver
def _pending(address: np.ndarray, sizes: np.ndarray, jumps: np.ndarray, p: np.ndarray, scene: Buffers, result: np.ndarray, step: float) -> int:
    """Return the number of an event that is due within rounding at the end of the step, -1 if there is none."""
    seen, side, noise = scene[1], scene[15], scene[16]
    look_closely(address, sizes, p, scene, result, step)
    for i in range(sizes[6]):
        through = side[i] * seen[sizes[7] + i] < 0.0 and jumps[2, i] * side[i] <= 0.0
        if through and abs(seen[i]) <= noise[i] and seen[sizes[6] + i] > 0.0:
            return i
    return -1


@driver
def _locate(
    address: np.ndarray, sizes: np.ndarray, p: np.ndarray, buffers: Buffers, scene: Buffers, step: float, theta: float, i: int, counts: np.ndarray
) -> float:
    """Repeat the step with the length at which guard i is 0 to rounding, by Newton's method on the step itself; return that length."""
    u, _, _, a, past, work, result = buffers
    h, last = theta * step, 0.1 * step
    for turn in range(_CORRECTIONS):
        a[0] = h
        call(address[STEP], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
        counts[0] += sizes[1] - 1
        look(address, sizes, p, scene, result, 0)
        shift = scene[1][i] / scene[1][sizes[7] + i]
        if not abs(shift) < 0.5 * last or abs(shift) <= _EPSILON * h or turn == _CORRECTIONS - 1 or not h - shift > 0.0:
            break
        h, last = h - shift, abs(shift)
    return h


@driver
def reach(
    address: np.ndarray,
    sizes: np.ndarray,
    weights: np.ndarray,
    settings: np.ndarray,
    jumps: np.ndarray,
    limits: np.ndarray,
    max_steps: int,
    p: np.ndarray,
    buffers: Buffers,
    scene: Buffers,
    sums: np.ndarray,
    clock: np.ndarray,
    time: float,
    room: float,
    counts: np.ndarray,
) -> tuple[int, float]:
    """Take one step of at most `room`, up to the first event in it; return (-1, or the number of an event, or FAILED + status) and its length.

    Afterwards `result` begins with the state at the end (just before the event) and, without an event, goes on with the continuous extension.
    """
    u, _, _, a, past, work, result = buffers
    size, dimension, fixed = sizes[0], sizes[5], settings[2]
    cuts = 0
    while True:
        if too_small(min(clock[_WISH], clock[_CAP]), time):
            return FAILED + STEP_UNDERFLOW, 0.0
        if clock[_STEPS] >= max_steps:
            return FAILED + TOO_MANY_STEPS, 0.0
        wish = fixed if fixed > 0.0 else min(clock[_WISH], clock[_CAP])
        step = fitted(min(wish, limits[sizes[6]]), room)
        a[0] = step
        call(address[STEP], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
        clock[_STEPS] += 1.0
        counts[0] += sizes[1] - 1
        error = result[size]
        if error <= 1.0 and size > dimension:
            error = max(error, tangent_error(weights, dimension, u, a, work, sums))
        if not error <= 1.0 and not fixed > 0.0:
            counts[1] += 1
            clock[_WISH], clock[_AGAIN] = step * after_rejected(error, sizes[4]), 1.0
            continue
        if escaped(result, dimension):
            return FAILED + BLOW_UP, 0.0
        call(address[DENSE], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
        counts[0] += sizes[3]
        sample(address, sizes, p, scene, u, result)
        seen = fixed > 0.0 or (resolved(step, scene) and defined(scene, 1.0))
        if not seen and step > _FINEST * clock[_WIDEST] and cuts < _MOST_CUTS:
            clock[_CAP] = 0.5 * step
            cuts += 1
            continue
        break
    if not fixed > 0.0:
        factor, clock[_ERROR] = after_accepted(error, clock[_ERROR], sizes[4], clock[_AGAIN] > 0.0)
        clock[_WISH], clock[_AGAIN] = max(step * factor, clock[_WISH] if step < 0.5 * clock[_WISH] else 0.0), 0.0
    clock[_WIDEST] = max(clock[_WIDEST], step)
    if clock[_CAP] < np.inf:
        clock[_CAP] = step if cuts > 0 else 2.0 * max(step, 0.5 * clock[_CAP])
    theta, which = _first(address, sizes, jumps, p, scene, result, step)
    if not defined(scene, theta):
        return FAILED + NO_NUMBER, 0.0
    if which >= 0:
        return which, _locate(address, sizes, p, buffers, scene, step, theta, which, counts)
    if step >= room:
        which = _pending(address, sizes, jumps, p, scene, result, step)
        if which >= 0:
            return which, step
    copy(scene[15], 0, scene[14], sizes[6])
    return -1, step


@driver
def land(sizes: np.ndarray, buffers: Buffers, clock: np.ndarray, step: float) -> None:
    """Make the end of a step without an event the start of the next one."""
    u, work, result = buffers[0], buffers[5], buffers[6]
    copy(result, 0, u, sizes[0])
    copy(work, (sizes[1] - 1) * sizes[0], work, sizes[0])
    clock[_SINCE] += step


@driver
def due(address: np.ndarray, sizes: np.ndarray, jumps: np.ndarray, p: np.ndarray, buffers: Buffers, scene: Buffers, which: int, step: float) -> None:
    """Mark in `fired` the event number `which` and all others that happen within rounding of it, at the state in `result`."""
    seen, side, noise, fired, at_event, result = scene[1], scene[14], scene[16], scene[17], scene[18], buffers[6]
    look_closely(address, sizes, p, scene, result, step)
    for i in range(sizes[6]):
        at_event[i] = seen[i]
        through = jumps[2, i] * side[i] <= 0.0 and side[i] * seen[sizes[7] + i] < 0.0
        also = through and abs(seen[i]) <= noise[i] and seen[sizes[6] + i] > 0.0
        fired[i] = 1.0 if i == which or also else 0.0


@driver
def jump(
    address: np.ndarray, sizes: np.ndarray, jumps: np.ndarray, limits: np.ndarray, p: np.ndarray, buffers: Buffers, scene: Buffers, i: int
) -> None:
    """Apply event i to the state and the tangent columns in `result`.

    A column v becomes DR v + (f_after - DR f_before) (dg v) / (dg f_before), the saltation matrix times v; columns have no discrete part.
    """
    state, seen, work, rate, rate_work, before, after, reset_work, control, past = scene[:10]
    result, slope = buffers[6], 0.0
    size, dimension, width = sizes[0], sizes[5], sizes[7]
    look(address, sizes, p, scene, result, 0)
    slope = seen[width + i]
    reset = jumps[1, i] if jumps[1, i] != 0 and abs(slope) < limits[i] else jumps[0, i]
    for k in range(dimension):
        before[k], before[dimension + k] = result[k], rate[k]
    call(reset, at(before, 0), at(p, 0), at(control, 0), at(past, 0), at(reset_work, 0), at(after, 0))
    for k in range(dimension):
        result[k] = after[k]
    if size == dimension:
        return
    call(address[3], at(after, 0), at(p, 0), at(control, 0), at(past, 0), at(rate_work, 0), at(rate, 0))
    for k in range(dimension):
        rate[k] -= after[dimension + k]
    for column in range(dimension, size, dimension):
        for k in range(dimension):
            state[width + k] = result[column + k]
            before[dimension + k] = result[column + k]
        call(address[4], at(state, 0), at(p, 0), at(control, 0), at(past, 0), at(work, 0), at(seen, 0))
        call(reset, at(before, 0), at(p, 0), at(control, 0), at(past, 0), at(reset_work, 0), at(after, 0))
        share = seen[width + i] / slope
        for k in range(dimension):
            result[column + k] = 0.0 if jumps[2, sizes[6] + k] != 0 else after[dimension + k] + rate[k] * share


@driver
def resume(
    address: np.ndarray,
    sizes: np.ndarray,
    jumps: np.ndarray,
    p: np.ndarray,
    buffers: Buffers,
    scene: Buffers,
    clock: np.ndarray,
    time: float,
    step: float,
    counts: np.ndarray,
) -> int:
    """Begin anew at the state after the event, which is in `result`; return 0, or the status where events accumulate or the state is lost."""
    u, _, _, a, past, work, result = buffers
    if escaped(result, sizes[5]):
        return BLOW_UP
    copy(result, 0, u, sizes[0])
    call(address[VALUE], at(u, 0), at(p, 0), at(a, 0), at(past, 0), at(work, 0), at(result, 0))
    copy(result, 0, work, sizes[0])
    counts[0] += 1
    _take_sides(address, sizes, jumps, p, scene, u, step)
    interval = clock[_SINCE] + step
    clock[_FRUITLESS] = clock[_FRUITLESS] + 1.0 if interval <= 16.0 * _EPSILON * max(abs(time), clock[_LONGEST]) else 0.0
    clock[_SINCE], clock[_LONGEST] = 0.0, max(clock[_LONGEST], interval)
    return ZENO if clock[_FRUITLESS] >= _MOST_FRUITLESS else 0
