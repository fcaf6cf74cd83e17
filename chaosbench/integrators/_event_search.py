"""The search for the first event inside one Runge-Kutta step, on the step's continuous extension.

Arguments in common. address: int64 (value, step, dense, value without columns, conditions). sizes: int64 (numbers of a state with its columns,
stages, degree, extra stages, order of the error estimate, D, G, width of the conditions). scene: the working memory of one thread, in the order of
`SCENE`.
Every function that compares a guard with 0 does so by its sign alone; `side` is the sign that a guard has, or is counted to have, where the step
begins, 0 while it is at rest on its zero.

What can be missed: two crossings of one guard inside an eighth of a step between which its rate changes sign more than once, or none at all. A step
is taken only if cubics through every other of its nine points foretell the points between them, so that such a guard must hide from all nine.
"""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._drivers import Buffers, dense_state

VALUE, STEP, DENSE, PLAIN, CONDITIONS = range(5)
PARTS = 8
SCENE = (
    *("state", "seen", "condition_work", "rate", "rate_work", "before", "after", "reset_work", "control", "past", "point"),
    *("guards", "armed", "slopes", "side", "next_side", "noise", "fired", "at_event"),
)
_RESOLVED, _NEARBY, _STEEPER, _ROUNDING, _EPSILON = 0.25, 0.005, 3.0, 1e-12, 2.220446049250313e-16
_JUMP, _EXACT, _MOST = 1e-4, 1e-13, 100
_EXACT_NEAR = 1e-8  # in units of the place itself: events that accumulate come ever nearer to the beginning of a step
NONE = 2.0


@driver
def sign_of(x: float) -> float:
    """Return -1, 0 or 1."""
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0


@driver
def look(address: np.ndarray, sizes: np.ndarray, p: np.ndarray, scene: Buffers, x: np.ndarray, first: int) -> None:
    """Put the guards, the conditions and the rates of the guards along the flow at x[first : first + D] into `seen`."""
    state, seen, work, rate, rate_work, control, past = scene[0], scene[1], scene[2], scene[3], scene[4], scene[8], scene[9]
    dimension, width = sizes[5], sizes[7]
    for i in range(dimension):
        state[i] = x[first + i]
    call(address[PLAIN], at(state, 0), at(p, 0), at(control, 0), at(past, 0), at(rate_work, 0), at(rate, 0))
    for i in range(dimension):
        state[width + i] = rate[i]
    call(address[CONDITIONS], at(state, 0), at(p, 0), at(control, 0), at(past, 0), at(work, 0), at(seen, 0))


@driver
def look_inside(address: np.ndarray, sizes: np.ndarray, p: np.ndarray, scene: Buffers, result: np.ndarray, theta: float) -> None:
    """Do the same at `theta` of the step whose continuous extension is in `result`."""
    point = scene[10]
    dense_state(result, sizes[0] + 1, sizes[0], sizes[2], theta, point, 0)
    for i in range(sizes[5]):
        scene[0][i] = point[0, i]
    look(address, sizes, p, scene, scene[0], 0)


@driver
def look_closely(address: np.ndarray, sizes: np.ndarray, p: np.ndarray, scene: Buffers, x: np.ndarray, step: float) -> None:
    """Look at x[:D] and put into `noise` (G,) the size below which a guard there is rounding.

    That is 16 units of the sum of |x_k dg/dx_k|, or of how far the guard came in the step that led there.
    """
    look(address, sizes, p, scene, x, 0)
    state, seen, work, control, past, noise = scene[0], scene[1], scene[2], scene[8], scene[9], scene[16]
    dimension, count, width = sizes[5], sizes[6], sizes[7]
    for i in range(count):
        noise[i] = 0.0
    for k in range(dimension):
        for i in range(dimension):
            state[width + i] = state[i] if i == k else 0.0
        call(address[CONDITIONS], at(state, 0), at(p, 0), at(control, 0), at(past, 0), at(work, 0), at(seen, 0))
        for i in range(count):
            noise[i] += 16.0 * _EPSILON * abs(seen[width + i])
    look(address, sizes, p, scene, state, 0)
    for i in range(count):
        noise[i] = max(noise[i], 16.0 * _EPSILON * step * abs(seen[width + i]))


@driver
def sample(address: np.ndarray, sizes: np.ndarray, p: np.ndarray, scene: Buffers, u: np.ndarray, result: np.ndarray) -> None:
    """Fill guards, armed and slopes (9, G) at the ends of the eighths of a step from u."""
    seen, guards, armed, slopes = scene[1], scene[11], scene[12], scene[13]
    count, width = sizes[6], sizes[7]
    for j in range(PARTS + 1):
        if j == 0:
            look(address, sizes, p, scene, u, 0)
        else:
            look_inside(address, sizes, p, scene, result, j / PARTS)
        for i in range(count):
            guards[j, i], armed[j, i], slopes[j, i] = seen[i], seen[count + i], seen[width + i]


@driver
def _range(guards: np.ndarray, i: int) -> tuple[float, float]:
    """Return the least and the largest value of guard i."""
    low, high = guards[0, i], guards[0, i]
    for j in range(1, PARTS + 1):
        low, high = min(low, guards[j, i]), max(high, guards[j, i])
    return low, high


@driver
def resolved(step: float, scene: Buffers) -> bool:
    """Tell whether cubics through every other point foretell values and rates at the points between them, in units of how far the guard moves.

    Rates are needed: a sawtooth that is looked at a little later in every tooth looks like a slow slope. Where a guard is near 0 the unit is how far
    it moves between the points at hand: over a long free flight a ball falls so far that the table's motion is small beside it, and went through the
    table for as long as 1.5 units of time.
    """
    guards, armed, slopes = scene[11], scene[12], scene[13]
    wide = 2.0 * step / PARTS
    for i in range(guards.shape[1]):
        low, high = _range(guards, i)
        rounding = _ROUNDING * max(abs(low), abs(high))
        allowed = _RESOLVED * (high - low) + rounding
        for j in range(1, PARTS, 2):
            if not (armed[j - 1, i] > 0.0 or armed[j, i] > 0.0 or armed[j + 1, i] > 0.0):
                continue
            a, b, c = guards[j - 1, i], guards[j, i], guards[j + 1, i]
            here = max(_NEARBY * (max(a, b, c) - min(a, b, c)), _RESOLVED * min(abs(a), abs(b), abs(c))) + rounding
            middle = 0.5 * (a + c) + 0.125 * wide * (slopes[j - 1, i] - slopes[j + 1, i])
            rate = 1.5 * (c - a) - 0.25 * wide * (slopes[j - 1, i] + slopes[j + 1, i])
            if not (abs(middle - b) <= min(allowed, here) and abs(rate - wide * slopes[j, i]) <= _STEEPER * min(allowed, here)):
                return False
    return True


@driver
def defined(scene: Buffers, theta: float) -> bool:
    """Tell whether every condition, and the guard of every event that is armed, is a number where the step was looked at before `theta` of it.

    The place where the step begins does not count: a guard such as sqrt(x) may be no number at a wall that the state has left by rounding.
    """
    guards, armed = scene[11], scene[12]
    for j in range(1, PARTS + 1):
        if j > theta * PARTS:
            break
        for i in range(guards.shape[1]):
            if np.isnan(armed[j, i]) or (armed[j, i] > 0.0 and np.isnan(guards[j, i])):
                return False
    return True


@driver
def _root(
    address: np.ndarray, sizes: np.ndarray, p: np.ndarray, scene: Buffers, result: np.ndarray, i: int, low: float, high: float, slope: bool
) -> tuple[float, float]:
    """Return where guard i (slope: its rate) changes sign between `low` and `high`, and how far it jumps there; the far end of the last bracket.

    Illinois' rule of false position, every third time a bisection.
    """
    seen = scene[1]
    place = sizes[7] + i if slope else i
    look_inside(address, sizes, p, scene, result, low)
    at_low = seen[place]
    look_inside(address, sizes, p, scene, result, high)
    at_high = seen[place]
    scale, weight_low, weight_high = max(abs(at_low), abs(at_high)), at_low, at_high
    for turn in range(_MOST):
        if high - low <= min(_EXACT, _EXACT_NEAR * high):
            break
        middle = 0.5 * (low + high)
        if turn % 3 != 2 and weight_high != weight_low:
            secant = high - (high - low) * weight_high / (weight_high - weight_low)
            if low < secant < high:
                middle = secant
        look_inside(address, sizes, p, scene, result, middle)
        value = seen[place]
        if abs(value) <= _EXACT * scale:
            return middle, 0.0
        if (value > 0.0) == (at_low > 0.0):
            if turn > 0 and weight_low == at_low:
                weight_high *= 0.5
            low, at_low, weight_low = middle, value, value
        else:
            if turn > 0 and weight_high == at_high:
                weight_low *= 0.5
            high, at_high, weight_high = middle, value, value
    return high, abs(at_high - at_low) if high - low <= 2.0 * _EXACT else 0.0


@driver
def _descend(
    address: np.ndarray, sizes: np.ndarray, p: np.ndarray, scene: Buffers, result: np.ndarray, i: int, high: float, sign: float
) -> tuple[float, float]:
    """Return a bracket of the first crossing of a guard that begins at 0 on the side `sign` and is beyond at `high`; (0, 0) if it leaves at once.

    One that first moves to its side is followed to the smallest flights.
    """
    for _ in range(1000 if sign * scene[13][0, i] > 0.0 else 60):
        low = 0.5 * high
        look_inside(address, sizes, p, scene, result, low)
        if scene[1][i] * sign > 0.0:
            return low, high
        high = low
    return 0.0, 0.0


@driver
def _armed_root(address: np.ndarray, sizes: np.ndarray, p: np.ndarray, scene: Buffers, result: np.ndarray, i: int, low: float, high: float) -> float:
    """Return the crossing in a bracket, NONE where the event is not armed or the guard jumps over 0."""
    if high == 0.0:
        return 0.0
    theta, jump = _root(address, sizes, p, scene, result, i, low, high, False)
    least, most = _range(scene[11], i)
    if jump > _JUMP * (most - least):
        return NONE
    look_inside(address, sizes, p, scene, result, theta)
    return theta if scene[1][sizes[6] + i] > 0.0 else NONE


@driver
def _valley(
    address: np.ndarray, sizes: np.ndarray, p: np.ndarray, scene: Buffers, result: np.ndarray, i: int, j: int, sign: float, width: float
) -> float:
    """Return where guard i turns back between points j - 1 and j if it is beyond 0 there, NONE otherwise."""
    guards, slopes = scene[11], scene[13]
    a, b, ra, rb = guards[j - 1, i], guards[j, i], slopes[j - 1, i], slopes[j, i]
    if sign * (a * rb - b * ra + width * ra * rb) / (rb - ra) > 0.0:
        return NONE  # where the tangents meet; a guard without an inflection stays beyond
    theta, _ = _root(address, sizes, p, scene, result, i, (j - 1) / PARTS, j / PARTS, True)
    look_inside(address, sizes, p, scene, result, theta)
    return theta if scene[1][i] * sign < 0.0 else NONE


@driver
def crossing(address: np.ndarray, sizes: np.ndarray, p: np.ndarray, scene: Buffers, result: np.ndarray, i: int, direction: int, step: float) -> float:
    """Return where in the step (0 to 1) event i happens first, NONE if it does not; its side at the end goes to `next_side`."""
    guards, armed, slopes, side, noise = scene[11], scene[12], scene[13], scene[14], scene[16]
    sign = side[i]
    for j in range(1, PARTS + 1):
        b, low, high = guards[j, i], (j - 1) / PARTS, j / PARTS
        ready = armed[j - 1, i] > 0.0 or armed[j, i] > 0.0
        if sign == 0.0:
            sign = 0.0 if abs(b) <= noise[i] else sign_of(b)
        elif sign * b < 0.0:
            if ready and direction * sign <= 0.0:
                if j == 1 and not sign * guards[0, i] > noise[i]:
                    low, high = _descend(address, sizes, p, scene, result, i, high, sign)
                theta = _armed_root(address, sizes, p, scene, result, i, low, high)
                if theta <= 1.0:
                    return float(theta)
            sign = -sign
        elif ready and sign * slopes[j - 1, i] < 0.0 and sign * slopes[j, i] > 0.0:
            turn = _valley(address, sizes, p, scene, result, i, j, sign, step / PARTS)
            if turn <= 1.0:
                theta = NONE
                if direction * sign <= 0.0:
                    theta = _armed_root(address, sizes, p, scene, result, i, low, turn)
                if direction * sign >= 0.0 and not theta <= 1.0:
                    theta = _armed_root(address, sizes, p, scene, result, i, turn, high)
                if theta <= 1.0:
                    return float(theta)
    scene[15][i] = sign
    return NONE
