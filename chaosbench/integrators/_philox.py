"""Random numbers that are a function of a key and a counter: Philox 4x32-10, and normals from it with the same bits on every machine.

Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, Parallel random numbers: as easy as 1, 2, 3, Proc. SC11 (2011),
doi:10.1145/2063384.2063405. Normals: G. E. P. Box, M. E. Muller, Ann. Math. Stat. 29, 610-611 (1958), doi:10.1214/aoms/1177706645.
"""

import hashlib
from functools import cache
from typing import Any

import numpy as np

from chaosbench.errors import IntegrationError
from chaosbench.expressions.parse import parse
from chaosbench.expressions.scope import Scope
from chaosbench.expressions.tape import Variable
from chaosbench.expressions.trace import trace
from chaosbench.integrators._call import at, call, driver
from chaosbench.kernels.build import Kernels, build

_MULTIPLIER_0, _MULTIPLIER_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_WORD, _MASK = np.uint64(32), np.uint64(0xFFFFFFFF)
_SPARE = np.uint64(12)
_UNIT = 2.0**-52
MOST_STREAMS, MOST_STEPS = 2**32, 2**40


@driver
def philox(c0: Any, c1: Any, c2: Any, c3: Any, k0: Any, k1: Any) -> tuple[Any, Any, Any, Any]:
    """Return the four words of counter (c0, c1, c2, c3) under key (k0, k1); all are uint64 that hold 32 bits."""
    for _ in range(10):
        p0, p1 = _MULTIPLIER_0 * c0, _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (p1 >> _WORD) ^ c1 ^ k0, p1 & _MASK, (p0 >> _WORD) ^ c3 ^ k1, p0 & _MASK
        k0, k1 = (k0 + _WEYL_0) & _MASK, (k1 + _WEYL_1) & _MASK
    return c0, c1, c2, c3


@driver
def normals(address: int, key: np.ndarray, stream: int, step: int, process: int, uniforms: np.ndarray, work: np.ndarray, pair: np.ndarray) -> None:
    """Fill `pair` (2,) with the two independent standard normals of one step of one process.

    stream: purpose and trajectory, see `streams_of`. step: uint64 below 2^40. The counter is (trajectory, low word of the step, process, purpose and
    high byte of the step).
    """
    high = (step >> _WORD) | ((stream >> _WORD) << np.uint64(8))
    a, b, c, d = philox(stream & _MASK, step & _MASK, np.uint64(process), high, key[0], key[1])
    uniforms[0] = (float((a << _WORD | b) >> _SPARE) + 0.5) * _UNIT
    uniforms[1] = (float((c << _WORD | d) >> _SPARE) + 0.5) * _UNIT
    call(address, at(uniforms, 0), at(uniforms, 0), at(uniforms, 0), at(uniforms, 0), at(work, 0), at(pair, 0))


@cache
def pair_kernels() -> Kernels:
    """Return the kernel of Box and Muller: two uniform numbers in (0, 1) to two normals; its functions have the same bits everywhere."""
    scope = Scope((Variable("u", 0), Variable("v", 1)))
    trees = {name: parse(f"sqrt(-2*log(u))*{part}(2*pi*v)", where="normals") for name, part in (("u", "cos"), ("v", "sin"))}
    return build(trace(trees, scope), structure="normals of Box and Muller")


def key_of(seed: int | None, identity: str) -> np.ndarray:
    """Return the key (2,) of a system's noise: the first 64 bits of SHA-256 over seed (None counts as 0) and identity."""
    if seed is not None and (isinstance(seed, bool) or int(seed) != seed or seed < 0):
        raise IntegrationError(f"seed is {seed!r}; a seed is a whole number of at least 0, or None for 0")
    digest = hashlib.sha256(f"noise|{0 if seed is None else int(seed)}|{identity}".encode()).digest()
    return np.array([int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")], dtype=np.uint64)


def streams_of(purpose: str, first: int, count: int) -> np.ndarray:
    """Return where the noise of trajectories first ... first + count - 1 starts (count, 2) uint64: (stream, steps done = 0).

    A stream is the trajectory's number, with 24 bits of a hash of `purpose` above its 32 bits; "initial", the purpose of data, has the hash 0.
    Raises IntegrationError for numbers from 2^32 on.
    """
    if not 0 <= first <= MOST_STREAMS - count:
        raise IntegrationError(f"trajectories {first} to {first + count - 1}: the noise of a seed has {MOST_STREAMS} streams; take another seed")
    mark = 0 if purpose == "initial" else int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:3], "little")
    found = np.zeros((count, 2), dtype=np.uint64)
    found[:, 0] = np.arange(first, first + count, dtype=np.uint64) + np.uint64(mark << 32)
    return found
