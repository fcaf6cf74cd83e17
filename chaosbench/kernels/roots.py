"""Roots of unity, correctly rounded, by whole-number arithmetic alone: the same bits on every machine."""

from functools import cache

_BITS = 192
_ONE = 1 << _BITS


@cache
def _two_pi() -> int:
    return 8 * (4 * _arctangent_of_inverse(5) - _arctangent_of_inverse(239))  # Machin's formula


def _arctangent_of_inverse(x: int) -> int:
    """Arc tangent of 1/x in units of 2**-192."""
    power = _ONE // x
    total, n, sign = power, 1, 1
    while power:
        power //= x * x
        n += 2
        sign = -sign
        total += sign * (power // n)
    return total


@cache
def roots_of_unity(n: int) -> tuple[tuple[float, float], ...]:
    """Return cos(2 pi k/n) and sin(2 pi k/n) for k = 0 .. n-1, each within half a unit in the last place.

    Method: both series with 192 bits between 0 and an eighth of a turn; quarter turns and reflections, which cost no rounding, lead there.
    """
    return tuple(_root(8 * k, 8 * n) for k in range(n))


def _root(k: int, n: int) -> tuple[float, float]:
    """Cosine and sine of k/n of a turn, 0 <= k < n, n a multiple of 8."""
    if 2 * k > n:
        cosine, sine = _root(n - k, n)
        return cosine, -sine
    if 4 * k > n:
        cosine, sine = _root(n // 2 - k, n)
        return -cosine, sine
    if 8 * k > n:
        cosine, sine = _root(n // 4 - k, n)
        return sine, cosine
    return _series(_two_pi() * k // n)


def _series(angle: int) -> tuple[float, float]:
    sums, term, j = [0, 0], _ONE, 0
    while term:
        sums[j % 2] += term if j % 4 < 2 else -term
        j += 1
        term = (term * angle >> _BITS) // j
    return sums[0] / _ONE, sums[1] / _ONE
