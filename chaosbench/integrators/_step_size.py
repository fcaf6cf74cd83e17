"""How long a step is: Hairer's first step, proportional-integral control, the smallest step, and a clock without drift.

Method: the first step is Hairer's, with d0 counted at least 1 (a state within the tolerance of 0 says nothing about the time scale), without his two
constants in units of time, and never too small to be taken. With q = error_order + 1, an accepted step of error e (1 = the tolerance) is
multiplied by 0.9 e^-alpha e_before^beta, beta = 0.2 / q and alpha = 1 / q - 0.75 beta (0.17 and 0.04 for q = 5), kept within [0.2, 6],
and within [0.2, 1] right after a rejection. A rejected one is multiplied by max(0.2, 0.9 e^(-1/q)), by 0.1 if e is not finite.

Source: E. Hairer, S. P. Norsett, G. Wanner, Solving Ordinary Differential Equations I, 2nd ed. (1993), section II.4 (first step); E. Hairer,
G. Wanner, Solving Ordinary Differential Equations II, 2nd ed. (1996), section IV.2 (control).
"""

import math

import numpy as np

from chaosbench.integrators._call import driver
from chaosbench.kernels.lanes import LIMIT
from chaosbench.kernels.step_control import EXPONENTIAL, FLOOR, LARGEST, LEAST_ERROR, LN2, LOGARITHM, NOT_FINITE, ROOT_HALF, SAFETY, SMALLEST


@driver
def log2(x: float) -> float:
    """Return the binary logarithm of x > 0, error below 1e-7.

    Here and in `exp2` basic arithmetic only: log and pow of the C library differ between machines, and steps decide the last bits of a state. The
    kernels of lanes do the same operations in the same order.
    """
    mantissa, whole = math.frexp(x)
    s = (mantissa - ROOT_HALF) / (mantissa + ROOT_HALF)
    q = s * s
    return whole - 0.5 + 2.0 / LN2 * s * (LOGARITHM[0] + q * (LOGARITHM[1] + q * (LOGARITHM[2] + q * LOGARITHM[3])))


@driver
def exp2(x: float) -> float:
    """Return 2**x, relative error below 1e-6."""
    n = math.floor(x + 0.5)
    f = (x - n) * LN2
    series = EXPONENTIAL[6]
    for k in range(5, -1, -1):
        series = EXPONENTIAL[k] + f * series
    return math.ldexp(series, n)


@driver
def after_accepted(error: float, before: float, order: int, rejected: bool) -> tuple[float, float]:
    """Return the factor for the next step and log2 of the error; `before` is that of the last accepted step, `order` the estimate's order."""
    beta = 0.2 / (order + 1)
    alpha = 1.0 / (order + 1) - 0.75 * beta
    here = log2(max(error, LEAST_ERROR))
    factor = SAFETY * exp2(beta * before - alpha * here)
    return min(max(factor, SMALLEST), 1.0 if rejected else LARGEST), max(here, FLOOR)


@driver
def after_rejected(error: float, order: int) -> float:
    """Return the factor for the repeated step."""
    if not math.isfinite(error):
        return NOT_FINITE
    return float(max(SAFETY * exp2(-1.0 / (order + 1) * log2(error)), SMALLEST))


@driver
def fitted(step: float, room: float) -> float:
    """Return the step to take when only `room` is left: all of it if that is 1 % more, else half of it rather than leave a sliver."""
    if 1.01 * step >= room:
        return room
    return 0.5 * room if 2.0 * step > room else step


@driver
def least_step(time: float) -> float:
    """Return 16 units in the last place of the time, 0 at time 0."""
    return 16.0 * math.ldexp(1.0, math.frexp(time)[1] - 53) if time != 0.0 else 0.0


@driver
def too_small(step: float, time: float) -> bool:
    """Tell whether a step is NaN or not above `least_step`."""
    return not step > 16.0 * 2.220446049250313e-16 * abs(time) and not step > least_step(time)  # the first is quick and enough for most


@driver
def later(time: float, carry: float, step: float) -> tuple[float, float]:
    """Return time + carry + step as an unevaluated sum of two numbers: a million steps add no drift."""
    small = step + carry
    total = time + small
    part = total - time
    return total, (time - (total - part)) + (small - part)


@driver
def escaped(state: np.ndarray, size: int) -> bool:
    """Tell whether one of the first `size` entries is not finite or beyond the limit."""
    for i in range(size):  # noqa: SIM110 (Numba has no generator expressions)
        if not abs(state[i]) <= LIMIT:
            return True
    return False


@driver
def _norm(vector: np.ndarray, minus: np.ndarray, state: np.ndarray, size: int, rtol: float, atol: float) -> float:
    total = 0.0
    for i in range(size):
        total += ((vector[i] - minus[i]) / (atol + rtol * abs(state[i]))) ** 2
    return math.sqrt(total / size)


@driver
def trial_step(state: np.ndarray, rate: np.ndarray, trial: np.ndarray, size: int, rtol: float, atol: float, room: float) -> float:
    """Return Hairer's Euler step h0, at most `room`, and fill `trial` with the state it leads to."""
    trial[:size] = 0.0
    d0 = max(_norm(state, trial, state, size, rtol, atol), 1.0)
    d1 = _norm(rate, trial, state, size, rtol, atol)
    h = min(0.01 * (d0 / d1), room) if d1 > 0.0 else room
    for i in range(size):
        trial[i] = state[i] + h * rate[i]
    return h


@driver
def first_step(h: float, buffers: tuple[np.ndarray, ...], size: int, order: int, rtol: float, atol: float, time: float, room: float) -> float:
    """Return Hairer's first step, at most `room`, from the Euler step `h` and the rate where it led (in the last buffer)."""
    u, rate, trial = buffers[0], buffers[1], buffers[2]
    d2 = _norm(buffers[6], rate, u, size, rtol, atol) / h
    trial[:size] = 0.0
    steepest = max(_norm(rate, trial, u, size, rtol, atol), d2)
    if math.isfinite(steepest):
        second = exp2(log2(0.01 / steepest) / (order + 1)) if steepest > 1e-15 else room
        h = min(100.0 * h, second)
    return float(min(max(h, 2.0 * least_step(time)), room))
