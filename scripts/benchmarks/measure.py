"""The clock and the ladder: interleaved rounds, medians, and times at equal accuracy."""

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np


@dataclass
class Point:
    """One setting of one method. `run` does the timed work once and returns what `judge` turns into an error; ns: per sample, one a round."""

    peer: str
    method: str
    setting: str
    run: Callable[[], Any]
    samples: int
    judge: Callable[[Any], float]
    slow: bool = False
    error: float = math.inf
    first_seconds: float = math.nan
    failure: str = ""
    ns: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median ns per sample."""
        return statistics.median(self.ns) if self.ns else math.nan

    def to_json(self) -> dict[str, Any]:
        """Return plain data: settings, error, median, the lowest and highest round."""
        finite = math.isfinite(self.error)
        return {
            "peer": self.peer,
            "method": self.method,
            "setting": self.setting,
            "error": self.error if finite else None,
            "ns_per_sample": self.median if self.ns else None,
            "lowest": min(self.ns, default=None),
            "highest": max(self.ns, default=None),
            "rounds": len(self.ns),
            "first_seconds": self.first_seconds if math.isfinite(self.first_seconds) else None,
            "failure": self.failure,
        }


@contextmanager
def quiet_memory() -> Iterator[None]:
    """Collect garbage now and not while timing."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def seconds_of(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return the time of one call and what it returned."""
    started = time.perf_counter()
    result = run()
    return time.perf_counter() - started, result


def measure(points: Sequence[Point], rounds: int, *, at_least: float = 0.01, slow_after: float = 0.5) -> None:
    """Fill in errors and times: one call apart for compilation and the error, then `rounds` rounds through all points in turn (A B C A B C).

    at_least: seconds that one entry of a round lasts; short calls are repeated. Points whose call takes longer than `slow_after` are timed once.
    """
    repeats: dict[int, int] = {}
    with quiet_memory():
        for place, point in enumerate(points):
            repeats[place] = _first(point, at_least, slow_after)
        for _ in range(rounds):
            for place, point in enumerate(points):
                if repeats[place] and not point.slow:
                    started = time.perf_counter()
                    for _ in range(repeats[place]):
                        point.run()
                    point.ns.append((time.perf_counter() - started) / repeats[place] / point.samples * 1e9)


def _first(point: Point, at_least: float, slow_after: float) -> int:
    """Make the calls that are not timed and return how often a call is repeated, 0 if it fails."""
    try:
        point.first_seconds, result = seconds_of(point.run)
        point.error = point.judge(result)
    except Exception as failure:  # whatever a peer raises is its result, and is printed
        point.failure = f"{type(failure).__name__}: {failure}"[:300]
        return 0
    del result
    seconds = point.first_seconds if point.slow else seconds_of(point.run)[0]
    if point.slow or seconds > slow_after:
        point.slow = True
        point.ns.append(seconds / point.samples * 1e9)
    return max(1, math.ceil(at_least / max(seconds, 1e-9))) if math.isfinite(point.error) else 0


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the (error, time) pairs that no other one beats in both, from the least accurate and fastest on."""
    kept: list[tuple[float, float]] = []
    for error, cost in sorted((e, t) for e, t in points if math.isfinite(e) and math.isfinite(t)):
        if not kept or cost < kept[-1][1]:
            kept.append((max(error, 1e-300), cost))
    return kept[::-1]


def time_at(points: Sequence[tuple[float, float]], target: float) -> float | None:
    """Return the time at error `target`, from a line through the logarithms of neighbouring settings; None if no setting is that accurate.

    A method whose fastest setting is more accurate than the target counts with the time of that setting.
    """
    line = front(points)
    if not line or line[-1][0] > target:
        return None
    if line[0][0] <= target:
        return line[0][1]
    for (e0, t0), (e1, t1) in pairwise(line):
        if e1 <= target <= e0:
            share = (math.log(target) - math.log(e0)) / (math.log(e1) - math.log(e0))
            return math.exp(math.log(t0) + share * (math.log(t1) - math.log(t0)))
    return None


def ratio_at(theirs: Sequence[tuple[float, float]], ours: Sequence[tuple[float, float]], target: float) -> float | None:
    """Return how many times longer theirs take than ours at error `target`; None if either does not reach it."""
    a, b = time_at(theirs, target), time_at(ours, target)
    return None if a is None or b is None else a / b


def geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean, NaN of nothing."""
    return float(np.exp(np.mean(np.log(values)))) if len(values) else math.nan


def pairs_of(points: Sequence[Mapping[str, Any]], peer: str, method: str | None = None) -> list[tuple[float, float]]:
    """Return the (error, ns) pairs of a peer in stored points, of all its methods or of one; failures are left out."""
    chosen = [p for p in points if p["peer"] == peer and method in (None, p["method"])]
    return [(p["error"], p["ns_per_sample"]) for p in chosen if p["error"] is not None and p["ns_per_sample"] is not None]
