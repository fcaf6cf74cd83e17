"""How long the segments are that spectra in time are averaged over, so that all such metrics resolve the same frequencies."""

from chaosbench.metrics.base import Scales

PERIODS_PER_SEGMENT = 20.0
SHORTEST_SEGMENT = 16


def segment_length(samples: int, scales: Scales) -> int:
    """Return the samples of a segment: 20 dominant periods, at least 16 and at most the whole series of `samples`."""
    return min(samples, max(SHORTEST_SEGMENT, round(PERIODS_PER_SEGMENT * scales.period / scales.dt)))
