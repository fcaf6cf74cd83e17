"""The loops of stochastic methods: increments of the noise from a counter, equal steps between samples; see `_stochastic_steps` for arguments.

key (2,) and stream: of the counter, see `_philox`. clock (1,) uint64: the number of finest steps done, counted on. parts: 2^refinement, the number of
finest steps in a step. table (n, M): increments of the noise on the finest grid from the start of the run, in the place of Wiener processes, if
n > 0; read around and around.
"""

import math

import numpy as np

from chaosbench.integrators._call import driver
from chaosbench.integrators._drivers import BLOW_UP, INTERRUPTED, OK, STEP_UNDERFLOW, TOO_MANY_STEPS, copy
from chaosbench.integrators._philox import normals
from chaosbench.integrators._step_size import escaped, too_small
from chaosbench.integrators._stochastic_steps import Memory, step

_ONE = np.uint64(1)


@driver
def draw(
    addresses: np.ndarray, key: np.ndarray, stream: int, clock: np.ndarray, parts: int, h: float, count: int, table: np.ndarray, memory: Memory
) -> None:
    """Put the increments of one step of length h into memory[14] (w) and memory[15] (z), added up from `parts` finest steps.

    On a finest step of length d, w = sqrt(d) n1 and z = d/2 (w + sqrt(d/3) n2) with the two normals of the counter: the joint law of a Wiener process
    and its integral. A step adds the w, and the z with what W had reached before.
    """
    work, w, z, uniforms, pair = memory[13], memory[14], memory[15], memory[17], memory[18]
    fine = h / parts
    root, third = math.sqrt(fine), math.sqrt(fine / 3.0)
    for a in range(count):
        w[a] = 0.0
        z[a] = 0.0
    for _ in range(parts):
        for a in range(count):
            if table.shape[0] > 0:
                w[a] += table[clock[0] % np.uint64(table.shape[0]), a]
                continue
            normals(addresses[3], key, stream, clock[0], a, uniforms, work, pair)
            dw = root * pair[0]
            z[a] += w[a] * fine + 0.5 * fine * (dw + third * pair[1])
            w[a] += dw
        clock[0] += _ONE


@driver
def advance(
    code: int,
    addresses: np.ndarray,
    shift: float,
    groups: np.ndarray,
    process_of: np.ndarray,
    key: np.ndarray,
    stream: int,
    clock: np.ndarray,
    parts: int,
    table: np.ndarray,
    h: float,
    number: int,
    memory: Memory,
    counts: np.ndarray,
    stop: np.ndarray,
) -> int:
    """Carry the state in memory[0] `number` steps of length h on; return how it ended, and leave the last good state where it was."""
    u, result = memory[0], memory[1]
    for _ in range(number):
        if stop[0] != 0:
            return INTERRUPTED
        draw(addresses, key, stream, clock, parts, h, groups.shape[1], table, memory)
        counts[0] += step(code, addresses, h, shift, groups, process_of, memory)
        if escaped(result, u.size):
            return BLOW_UP
        copy(result, 0, u, u.size)
    return OK


@driver
def _run(
    code: int,
    addresses: np.ndarray,
    shift: float,
    groups: np.ndarray,
    process_of: np.ndarray,
    key: np.ndarray,
    noise: np.ndarray,
    clock: np.ndarray,
    parts: int,
    table: np.ndarray,
    longest: float,
    max_steps: int,
    times: np.ndarray,
    memory: Memory,
    out: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
) -> tuple[int, int]:
    """Carry the state in memory[0] over `times` in steps of at most `longest`; return how it ended and the number of rows written."""
    u = memory[0]
    copy(u, 0, out[0], u.size)
    left = max_steps
    for index in range(1, times.size):
        span = times[index] - times[index - 1]
        number = max(np.ceil(span / longest * (1.0 - 1e-12)), 1.0)
        h = span / number
        if too_small(h, times[index]):
            return STEP_UNDERFLOW, index
        ended = advance(
            code, addresses, shift, groups, process_of, key, noise[0], clock, parts, table, h, int(min(number, left)), memory, counts, stop
        )
        if ended != OK:
            return ended, index
        if number > left:
            return TOO_MANY_STEPS, index
        left -= int(number)
        copy(u, 0, out[index], u.size)
    return OK, times.size


@driver
def solve_stochastic(
    code: int,
    addresses: np.ndarray,
    shift: float,
    groups: np.ndarray,
    process_of: np.ndarray,
    key: np.ndarray,
    noise: np.ndarray,
    parts: int,
    table: np.ndarray,
    longest: np.ndarray,
    max_steps: int,
    states: np.ndarray,
    parameters: np.ndarray,
    times: np.ndarray,
    memory: Memory,
    out: np.ndarray,
    final: np.ndarray,
    status: np.ndarray,
    counts: np.ndarray,
    stop: np.ndarray,
    first: int,
    beyond: int,
) -> None:
    """Solve trajectories first <= lane < beyond in steps of at most longest[lane]; rows of `out` (B, T, D) after a failure become NaN.

    noise (B, 2) uint64: stream and finest steps done, the second counted on.
    """
    u, p = memory[0], memory[11]
    clock = np.zeros(1, dtype=np.uint64)
    for lane in range(first, beyond):
        copy(states[lane], 0, u, u.size)
        copy(parameters[min(lane, parameters.shape[0] - 1)], 0, p, parameters.shape[1])
        row = times[min(lane, times.shape[0] - 1)]
        clock[0] = noise[lane, 1]
        status[lane], written = _run(
            code,
            addresses,
            shift,
            groups,
            process_of,
            key,
            noise[lane],
            clock,
            parts,
            table,
            longest[lane],
            max_steps,
            row,
            memory,
            out[lane],
            counts[lane],
            stop,
        )
        noise[lane, 1] = clock[0]
        out[lane, written:] = np.nan
        copy(u, 0, final[lane], u.size)


@driver
def increments(
    addresses: np.ndarray, key: np.ndarray, noise: np.ndarray, parts: int, h: float, table: np.ndarray, memory: Memory, out: np.ndarray
) -> None:
    """Fill out (B, n, M, 2) with the w and z of n steps of length h of every trajectory."""
    clock = np.zeros(1, dtype=np.uint64)
    for lane in range(out.shape[0]):
        clock[0] = noise[lane, 1]
        for index in range(out.shape[1]):
            draw(addresses, key, noise[lane, 0], clock, parts, h, out.shape[2], table, memory)
            for a in range(out.shape[2]):
                out[lane, index, a, 0] = memory[14][a]
                out[lane, index, a, 1] = memory[15][a]
