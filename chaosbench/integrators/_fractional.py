"""Fractional Brownian motion on the grid of the steps: exact increments by circulant embedding.

Source: R. B. Davies, D. S. Harte, Tests for Hurst effect, Biometrika 74, 95-101 (1987), doi:10.1093/biomet/74.1.95; that no eigenvalue is negative:
P. F. Craigmile, J. Time Ser. Anal. 24, 505-511 (2003), doi:10.1111/1467-9892.00318.
"""

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.errors import IntegrationError
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import Scope
from chaosbench.expressions.tape import Variable
from chaosbench.expressions.trace import trace
from chaosbench.integrators._call import at, call, driver
from chaosbench.integrators._philox import normals, pair_kernels
from chaosbench.integrators._request import Request
from chaosbench.kernels.build import Kernels, build

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem

_EVEN = 1e-9
_MOST = 1 << 24
_CIRCLE = 1 << 17


def uniform_steps(times: np.ndarray, longest: np.ndarray) -> np.ndarray:
    """Return the number of steps of each trajectory over `times` (1 or B, T); IntegrationError where the samples are not evenly spaced."""
    spans = np.diff(times, axis=1)
    if spans.size and (np.ptp(spans, axis=1) > _EVEN * spans[:, 0]).any():
        raise IntegrationError("times are not evenly spaced; fractional noise is drawn on one grid of equal steps; space the samples evenly")
    if not spans.size:
        return np.zeros(len(longest), dtype=np.int64)
    number = np.maximum(np.ceil(spans[:, 0] / longest * (1.0 - 1e-12)), 1.0) * spans.shape[1]
    if number.max() > _MOST:
        raise IntegrationError(
            f"{number.max():.3g} steps; fractional noise is drawn for a whole run at once, {_MOST} steps at most; take longer steps"
        )
    return np.asarray(number, dtype=np.int64)


def fractional_table(system: "CompiledSystem", request: Request, lane: int, noise: np.ndarray, key: np.ndarray, steps: int, parts: int) -> np.ndarray:
    """Return the increments (n, M) of a run of `steps` steps of `parts` finest ones each, of the trajectory `lane` of a request."""
    hurst, processes = _hurst_of(system, request.parameters[min(lane, len(request.parameters) - 1)])
    times = request.times[min(lane, len(request.times) - 1)]
    count = steps * parts
    if count == 0:
        return np.zeros((1, processes))
    fine = float(times[-1] - times[0]) / count
    unit = fractional_noise(hurst, count, key=key, stream=noise[0], processes=processes)
    return np.ascontiguousarray(unit * _powers(np.array([fine]), hurst)[0])


def circular_table(system: "CompiledSystem", row: np.ndarray, key: np.ndarray, stream: int, h: float) -> np.ndarray:
    """Return increments over steps of h (2^17, M) to be read around and around: stationary, with exact covariances up to half the circle."""
    hurst, processes = _hurst_of(system, row)
    unit = fractional_noise(hurst, _CIRCLE, key=key, stream=stream, processes=processes, circle=True)
    return np.ascontiguousarray(unit * _powers(np.array([h]), hurst)[0])


def _hurst_of(system: "CompiledSystem", row: np.ndarray) -> tuple[float, int]:
    """Return the Hurst exponent at parameters (P,) and the number of processes."""
    definition, diffusion = system.definition, system.diffusion
    if definition.noise is None or definition.noise.hurst is None or diffusion is None:
        raise IntegrationError(f"{definition.name}: its noise is not fractional; the table belongs to fractional noise")
    hurst = float(system.quantity(definition.noise.hurst).value(np.zeros((1, system.dimension)), row)[0])
    if not 0.0 < hurst < 1.0:
        raise IntegrationError(f"{definition.name}: the Hurst exponent of a trajectory is {hurst}; it lies between 0 and 1; correct its parameters")
    return hurst, diffusion.count


def fractional_noise(hurst: float, count: int, *, key: np.ndarray, stream: int, processes: int, circle: bool = False) -> np.ndarray:
    """Return `count` increments over unit steps of independent fractional Brownian motions (count, processes): variance 1, exact covariances.

    Method: the covariances of the increments fill a circulant matrix of twice the next power of two, whose eigenvalues, a Fourier transform, scale
    the normals of the counter; a second transform gives the increments. Basic arithmetic and our own elementary functions in fixed order: the bits
    are the same on every machine. The path belongs to its length: a longer run is another one. circle: the whole circle, of `count` increments, a
    power of two of at least 4: covariances are exact between increments up to half of it apart, around its end as well.
    """
    half = (1 << max(1, math.ceil(math.log2(count)))) // (2 if circle else 1)
    size = 2 * half
    twiddles = _twiddles(size)
    powers = _powers(np.arange(half + 2, dtype=np.float64), 2.0 * hurst)
    covariance = np.empty(half + 1)
    covariance[0] = 1.0
    covariance[1:] = 0.5 * (powers[2:] - 2.0 * powers[1:-1] + powers[:-2])
    real = np.concatenate([covariance, covariance[-2:0:-1]])
    imaginary = np.zeros(size)
    _transform(real, imaginary, twiddles)
    scale = np.sqrt(np.maximum(real, 0.0) / size)
    found = np.empty((count, processes))
    pair = pair_kernels()
    for process in range(processes):
        _draw(pair.value, key, np.uint64(stream), process, scale, np.zeros(2), np.zeros(max(1, pair.work_size)), np.zeros(2), real, imaginary)
        _transform(real, imaginary, twiddles)
        found[:, process] = real[:count]
    return found


@driver
def _draw(
    address: int,
    key: np.ndarray,
    stream: int,
    process: int,
    scale: np.ndarray,
    uniforms: np.ndarray,
    work: np.ndarray,
    pair: np.ndarray,
    real: np.ndarray,
    imaginary: np.ndarray,
) -> None:
    for k in range(scale.size):
        normals(address, key, stream, np.uint64(k), process, uniforms, work, pair)
        real[k] = scale[k] * pair[0]
        imaginary[k] = scale[k] * pair[1]


@driver
def _transform(real: np.ndarray, imaginary: np.ndarray, twiddles: np.ndarray) -> None:
    """Fourier transform in place, radix 2: X[k] = sum_n x[n] exp(-2 pi i k n / size); twiddles (2, size / 2): cosines and sines."""
    size = real.size
    j = 0
    for i in range(1, size):
        bit = size >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j |= bit
        if i < j:
            real[i], real[j] = real[j], real[i]
            imaginary[i], imaginary[j] = imaginary[j], imaginary[i]
    length = 2
    while length <= size:
        stride, half = size // length, length // 2
        for start in range(0, size, length):
            for k in range(half):
                c, s = twiddles[0, k * stride], -twiddles[1, k * stride]
                a, b = start + k, start + k + half
                re, im = real[b] * c - imaginary[b] * s, real[b] * s + imaginary[b] * c
                real[b], imaginary[b] = real[a] - re, imaginary[a] - im
                real[a], imaginary[a] = real[a] + re, imaginary[a] + im
        length *= 2


@driver
def _mapped(address: int, first: np.ndarray, second: np.ndarray, u: np.ndarray, work: np.ndarray, out: np.ndarray, found: np.ndarray) -> None:
    """Fill found (2, n) with the two outputs of a kernel of two variables."""
    for k in range(first.size):
        u[0], u[1] = first[k], second[k]
        call(address, at(u, 0), at(u, 0), at(u, 0), at(u, 0), at(work, 0), at(out, 0))
        found[0, k], found[1, k] = out[0], out[1]


@cache
def _kernels(first: str, second: str) -> Kernels:
    trees = {"x": parse(first, where="fractional noise"), "y": parse(second, where="fractional noise")}
    return build(trace(trees, Scope((Variable("x", 0), Variable("y", 1)))), structure="functions for fractional noise")


def _evaluated(kernels: Kernels, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    found = np.empty((2, len(first)))
    _mapped(kernels.value, first, second, np.zeros(2), np.zeros(max(1, kernels.work_size)), np.zeros(2), found)
    return found


def _powers(base: np.ndarray, exponent: float) -> np.ndarray:
    """Return base^exponent for base >= 0, exponent > 0."""
    safe = np.where(base > 0.0, base, 1.0)
    return np.where(base > 0.0, _evaluated(_kernels("exp(y*log(x))", "x"), safe, np.full(len(base), exponent))[0], 0.0)


def _twiddles(size: int) -> np.ndarray:
    return _evaluated(_kernels("cos(2*pi*x/y)", "sin(2*pi*x/y)"), np.arange(size // 2, dtype=np.float64), np.full(size // 2, float(size)))
