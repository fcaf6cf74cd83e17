"""Compiled loop for the tangent space of a delay system: a fixed step, and the past of state and tangents as polynomials in a ring.

A tangent vector is a function on the longest lag. It is held as the dense-output polynomials of the last m steps, which are linear in the vector, so
that R^-1 from the QR applies to their coefficients. The inner product is a(t) b(t) + (h / lag) sum_j a(t - j h) b(t - j h), j = 1..m (Farmer 1982,
doi:10.1016/0167-2789(82)90042-2, with the present value weighted like the whole past); the exponents do not depend on the choice.
"""

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._step_size import escaped
from chaosbench.integrators._tangent_error import tangent_error
from chaosbench.invariants._orthonormal import orthonormalise
from chaosbench.invariants._tangent_drivers import BLOW_UP, INTERRUPTED, OK, Buffers


@driver
def _look_back(
    ring: np.ndarray, now: int, places: np.ndarray, thetas: np.ndarray, slots: np.ndarray, dimension: int, count: int, past: np.ndarray
) -> None:
    """Fill `past` (rows, (1 + K) delayed slots) with the delayed state and tangents at every stage of the step that starts at time now * h."""
    steps, terms = ring.shape[0], ring.shape[1]
    n_delayed = slots.shape[0]
    for row in range(places.shape[0]):
        for q in range(n_delayed):
            lag = slots[q, 1]
            segment = ring[(now + places[row, lag]) % steps]
            theta = thetas[row, lag]
            for vector in range(count + 1):
                slot = vector * dimension + slots[q, 0]
                total = segment[terms - 1, slot]
                for power in range(terms - 2, -1, -1):
                    total = total * theta + segment[power, slot]
                past[row, vector * n_delayed + q] = total


@driver
def _orthonormalise_past(ring: np.ndarray, state: np.ndarray, dimension: int, vectors: np.ndarray, weights: np.ndarray, triangle: np.ndarray) -> None:
    """QR of the tangent functions: `vectors` ((m + 1) D, K) is scratch; R goes to `triangle` and R^-1 is applied to ring and state."""
    steps, terms = ring.shape[0], ring.shape[1]
    count = triangle.shape[0]
    for k in range(count):
        first = (k + 1) * dimension
        for j in range(steps):
            for i in range(dimension):
                vectors[j * dimension + i, k] = ring[j, 0, first + i]
        for i in range(dimension):
            vectors[steps * dimension + i, k] = state[first + i]
    orthonormalise(vectors, weights, triangle)
    for k in range(count):
        for i in range(dimension):
            state[(k + 1) * dimension + i] = vectors[steps * dimension + i, k]
    for j in range(steps):
        for power in range(terms):
            row = ring[j, power]
            for k in range(count):
                inverse = 1.0 / triangle[k, k] if triangle[k, k] > 0.0 else 0.0
                for i in range(dimension):
                    solved = row[(k + 1) * dimension + i] * inverse
                    row[(k + 1) * dimension + i] = solved
                    for later in range(k + 1, count):
                        row[(later + 1) * dimension + i] -= solved * triangle[k, later]


@driver
def delay_growth(
    address: np.ndarray,
    dimension: int,
    error_weights: np.ndarray,
    buffers: Buffers,
    ring: np.ndarray,
    places: np.ndarray,
    thetas: np.ndarray,
    slots: np.ndarray,
    clock: np.ndarray,
    interval: int,
    per_record: int,
    logs: np.ndarray,
    errors: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> int:
    """Carry state, tangents and their past over logs.shape[0] records; as flow_growth, with `interval` steps between orthonormalisations.

    address: (value, step, dense). control[0] is the step h. ring (m, degree + 1, E): coefficients of the last m steps, slot n % m holding step n.
    clock (1,): number of the next step. places, thetas (stages + extra, lags): which earlier step, and where in it, a stage looks at. slots
    (n_delayed, 2): state slot, lag number. errors (M,): the largest local error norm of a record's steps (1 means at tolerance).
    """
    state, parameters, control, past, work, out = buffers
    size = state.size
    count = logs.shape[1]
    steps, terms = ring.shape[0], ring.shape[1]
    vectors = np.empty(((steps + 1) * dimension, count))
    weights = np.full((steps + 1) * dimension, 1.0 / steps)
    weights[steps * dimension :] = 1.0
    triangle = np.empty((count, count))
    last = (error_weights.shape[1] - 1) * size
    sums = np.empty((2, size - dimension))
    logs[:, :] = np.nan
    for record in range(logs.shape[0]):
        if stop[0] != 0:
            return INTERRUPTED
        total = np.zeros(count)
        worst = 0.0
        for _ in range(per_record):
            for number in range(interval):
                _look_back(ring, clock[0], places, thetas, slots, dimension, count, past)
                if number == 0:
                    call(address[0], at(state, 0), at(parameters, 0), at(control, 0), at(past, 0), at(work, 0), at(out, 0))
                    work[:size] = out[:size]
                    counts[0] += 1
                call(address[1], at(state, 0), at(parameters, 0), at(control, 0), at(past, 0), at(work, 0), at(out, 0))
                call(address[2], at(state, 0), at(parameters, 0), at(control, 0), at(past, 0), at(work, 0), at(out, 0))
                counts[0] += places.shape[0] - 1
                error = max(out[size], tangent_error(error_weights, dimension, state, control, work, sums))
                if not error <= worst:
                    worst = error
                segment = ring[clock[0] % steps]
                for power in range(terms):
                    for i in range(size):
                        segment[power, i] = out[size + 1 + power * size + i]
                state[:] = out[:size]
                work[:size] = work[last : last + size]
                clock[0] += 1
                if escaped(state, dimension):
                    return BLOW_UP
            _orthonormalise_past(ring, state, dimension, vectors, weights, triangle)
            for k in range(count):
                total[k] += np.log(triangle[k, k])
        logs[record] = total
        errors[record] = worst
    return OK
