"""Sampling times as runs of equal intervals, for methods whose preparations belong to the length of a step."""

from typing import NamedTuple

import numpy as np

_UNITS = 4.0


class Interval(NamedTuple):
    """Samples first <= index < beyond, each `span` after the one before."""

    first: int
    beyond: int
    span: float


def equal_intervals(times: np.ndarray) -> list[Interval]:
    """Return the intervals of `times` (T,), neighbours that differ by nothing but the rounding of the times as one.

    The span of a run is the shortest decimal number that leads from its first time to its last within 4 units in the last place of them: 0.1 for
    times that are multiples of 0.1, wherever a run begins.
    """
    slack = _UNITS * np.finfo(float).eps * float(np.abs(times).max())
    spans = np.diff(times)
    found: list[Interval] = []
    first = 0
    while first < len(spans):
        beyond = len(spans)
        apart = np.flatnonzero(np.abs(spans[first:] - spans[first]) > slack)
        if len(apart):
            beyond = first + int(apart[0])
        count = beyond - first
        mean = float(times[beyond] - times[first]) / count
        found.append(Interval(first + 1, beyond + 1, _shortest(mean, slack / count)))
        first = beyond
    return found


def _shortest(number: float, slack: float) -> float:
    for digits in range(1, 17):
        simple = float(f"{number:.{digits}g}")
        if abs(simple - number) <= slack:
            return simple
    return number
