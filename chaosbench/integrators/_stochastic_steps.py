"""One step of each stochastic method, for any system: x -> x' over a time h with increments w (M,) of the noise and z (M,), their integrals.

With dW the increment of a Wiener process W from the start of the step, w = dW and z = the integral of W over the step. A state may be an extended
one, [x, v_1, ..., v_K]: a method without a correction of the drift then carries the tangents by the derivative of its own step.

addresses: int64 of kernels: drift, B(x) w, its tangent, normals. memory: arrays of one thread, see `memory_of`. shift: what is added to the drift in
units of sum_a J_a g_a: 1/2 makes an Ito drift of a Stratonovich one, -1/2 the reverse. groups (G, M): see `Diffusion.groups`.
"""

import math

import numpy as np

from chaosbench.integrators._call import at, call, driver
from chaosbench.kernels.build import Kernels

EULER, MILSTEIN, HEUN, SRA, SRI, MAP = range(6)
Memory = tuple[np.ndarray, ...]


def memory_of(drift: Kernels, noise: Kernels, tangent: Kernels | None, n_parameters: int, count: int, normals: Kernels) -> Memory:
    """Return the working memory of one thread.

    Parameters: kernels of the drift, of B(x) w, of its tangent (None where no method needs it), P, M, and the kernel of normals.
    Order: u, result, k1, k2, stage, b1, b2, b3, b4, doubled (2 E), out (2 E), p (P + M), one, work, w, z, part, uniforms, pair.
    """
    size = drift.size
    work = max(drift.work_size, noise.work_size, normals.work_size, tangent.work_size if tangent else 0, 1)
    lengths = (*(size,) * 9, 2 * size, 2 * size, n_parameters + count, 1, work, count, count, count, 2, 2)
    return tuple(np.zeros(max(length, 1)) for length in lengths)


@driver
def _drift(addresses: np.ndarray, shift: float, groups: np.ndarray, u: np.ndarray, out: np.ndarray, memory: Memory) -> None:
    """Put the drift at u, corrected by `shift`, into `out`."""
    result, p, one, work = memory[10], memory[11], memory[12], memory[13]
    call(addresses[0], at(u, 0), at(p, 0), at(one, 0), at(one, 0), at(work, 0), at(out, 0))
    if shift == 0.0:
        return
    size, count = u.size, groups.shape[1]
    for g in range(groups.shape[0]):
        for a in range(count):
            p[p.size - count + a] = groups[g, a]
        _along_itself(addresses, u, memory)
        for i in range(size):
            out[i] += shift * result[size + i]


@driver
def _along_itself(addresses: np.ndarray, u: np.ndarray, memory: Memory) -> None:
    """Put v = B(u) w and its derivative along v into memory[10] (2 E), for the w that stand behind the parameters."""
    doubled, result, p, one, work = memory[9], memory[10], memory[11], memory[12], memory[13]
    size = u.size
    call(addresses[1], at(u, 0), at(p, 0), at(one, 0), at(one, 0), at(work, 0), at(result, 0))
    for i in range(size):
        doubled[i] = u[i]
        doubled[size + i] = result[i]
    call(addresses[2], at(doubled, 0), at(p, 0), at(one, 0), at(one, 0), at(work, 0), at(result, 0))


@driver
def _noise(addresses: np.ndarray, u: np.ndarray, weights: np.ndarray, scale: float, count: int, out: np.ndarray, memory: Memory) -> None:
    """Put B(u) w with w = scale * weights into `out`."""
    p, one, work = memory[11], memory[12], memory[13]
    for a in range(count):
        p[p.size - count + a] = scale * weights[a]
    call(addresses[1], at(u, 0), at(p, 0), at(one, 0), at(one, 0), at(work, 0), at(out, 0))


@driver
def _euler(addresses: np.ndarray, h: float, shift: float, groups: np.ndarray, memory: Memory) -> int:
    u, result, k1, b1, w = memory[0], memory[1], memory[2], memory[5], memory[14]
    _drift(addresses, shift, groups, u, k1, memory)
    _noise(addresses, u, w, 1.0, groups.shape[1], b1, memory)
    for i in range(u.size):
        result[i] = u[i] + h * k1[i] + b1[i]
    return 1


@driver
def _milstein(addresses: np.ndarray, h: float, shift: float, groups: np.ndarray, memory: Memory) -> int:
    u, result, k1, twice, w = memory[0], memory[1], memory[2], memory[10], memory[14]
    size, p = u.size, memory[11]
    _drift(addresses, shift, groups, u, k1, memory)
    for a in range(groups.shape[1]):
        p[p.size - groups.shape[1] + a] = w[a]
    _along_itself(addresses, u, memory)
    for i in range(size):
        result[i] = u[i] + h * k1[i] + twice[i] + 0.5 * twice[size + i]
    return 1


@driver
def _heun(addresses: np.ndarray, h: float, shift: float, groups: np.ndarray, memory: Memory) -> int:
    u, result, k1, k2, stage, b1, b2, w = memory[0], memory[1], memory[2], memory[3], memory[4], memory[5], memory[6], memory[14]
    count = groups.shape[1]
    _drift(addresses, shift, groups, u, k1, memory)
    _noise(addresses, u, w, 1.0, count, b1, memory)
    for i in range(u.size):
        stage[i] = u[i] + h * k1[i] + b1[i]
    _drift(addresses, shift, groups, stage, k2, memory)
    _noise(addresses, stage, w, 1.0, count, b2, memory)
    for i in range(u.size):
        result[i] = u[i] + 0.5 * h * (k1[i] + k2[i]) + 0.5 * (b1[i] + b2[i])
    return 2


@driver
def _sra(addresses: np.ndarray, h: float, groups: np.ndarray, memory: Memory) -> int:
    u, result, k1, k2, stage, b1, b2 = memory[0], memory[1], memory[2], memory[3], memory[4], memory[5], memory[6]
    w, z, count = memory[14], memory[15], groups.shape[1]
    _drift(addresses, 0.0, groups, u, k1, memory)
    _noise(addresses, u, z, 1.5 / h, count, b1, memory)
    for i in range(u.size):
        stage[i] = u[i] + 0.75 * h * k1[i] + b1[i]
    _drift(addresses, 0.0, groups, stage, k2, memory)
    _noise(addresses, u, w, 1.0, count, b2, memory)
    for i in range(u.size):
        result[i] = u[i] + h * (k1[i] + 2.0 * k2[i]) / 3.0 + b2[i]
    return 2


@driver
def _sri(addresses: np.ndarray, h: float, shift: float, groups: np.ndarray, process_of: np.ndarray, memory: Memory) -> int:
    u, result, k1, k2, stage = memory[0], memory[1], memory[2], memory[3], memory[4]
    g1, g2, g3, g4, w, z, part = memory[5], memory[6], memory[7], memory[8], memory[14], memory[15], memory[16]
    count, root = groups.shape[1], math.sqrt(h)
    for a in range(count):
        part[a] = 1.0
    _drift(addresses, shift, groups, u, k1, memory)
    _noise(addresses, u, part, 1.0, count, g1, memory)
    for i in range(u.size):
        stage[i] = u[i] + 0.75 * h * k1[i] + 1.5 * g1[i] * (z[process_of[i]] / h)
    _drift(addresses, shift, groups, stage, k2, memory)
    for i in range(u.size):
        stage[i] = u[i] + 0.25 * h * k1[i] + 0.5 * root * g1[i]
    _noise(addresses, stage, part, 1.0, count, g2, memory)
    for i in range(u.size):
        stage[i] = u[i] + h * k1[i] - root * g1[i]
    _noise(addresses, stage, part, 1.0, count, g3, memory)
    for i in range(u.size):
        stage[i] = u[i] + 0.25 * h * k1[i] + root * (-5.0 * g1[i] + 3.0 * g2[i] + 0.5 * g3[i])
    _noise(addresses, stage, part, 1.0, count, g4, memory)
    for i in range(u.size):
        dw, i10 = w[process_of[i]], z[process_of[i]] / h
        i11, i111 = 0.5 * (dw * dw - h) / root, (dw * dw * dw - 3.0 * h * dw) / (6.0 * h)
        c1 = -dw - i11 + 2.0 * i10 - 2.0 * i111
        c2 = (4.0 * dw + 4.0 * i11 - 4.0 * i10 + 5.0 * i111) / 3.0
        c3 = (2.0 * dw - i11 - 2.0 * i10 - 2.0 * i111) / 3.0
        result[i] = u[i] + h * (k1[i] + 2.0 * k2[i]) / 3.0 + (c1 * g1[i] + c2 * g2[i] + c3 * g3[i] + i111 * g4[i])
    return 2


@driver
def step(code: int, addresses: np.ndarray, h: float, shift: float, groups: np.ndarray, process_of: np.ndarray, memory: Memory) -> int:
    """Put the state in memory[0], one step of length h on, into memory[1] by method `code`; return the evaluations of the drift.

    memory[14] and memory[15] hold w and z. process_of (E,): which process drives a component, where the method asks for diagonal or scalar noise.
    A map (code MAP) is f(x) + B(x) w.
    """
    if code == EULER:
        return int(_euler(addresses, h, shift, groups, memory))
    if code == MILSTEIN:
        return int(_milstein(addresses, h, shift, groups, memory))
    if code == HEUN:
        return int(_heun(addresses, h, shift, groups, memory))
    if code == SRA:
        return int(_sra(addresses, h, groups, memory))
    if code == SRI:
        return int(_sri(addresses, h, shift, groups, process_of, memory))
    u, result, k1, b1 = memory[0], memory[1], memory[2], memory[5]
    _drift(addresses, 0.0, groups, u, k1, memory)
    _noise(addresses, u, memory[14], 1.0, groups.shape[1], b1, memory)
    for i in range(u.size):
        result[i] = k1[i] + b1[i]
    return 1
