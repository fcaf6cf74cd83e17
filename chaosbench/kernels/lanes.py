"""The record of a few trajectories that are integrated together, one a lane: where every number stands in the array `u` of an advance."""

from dataclasses import dataclass

LIMIT = 1e12  # a state beyond it has left every attractor
LEAST = 32.0 * 2.0**-53  # halving ends at this part of the time

# One number a lane each. time + carry: the clock, an unevaluated sum. end: the last sample time. least: halving ends at this part of the time, or at
# `floor` near time 0. index: the next sample; count: the number of samples; row: where the sample times begin in `a`; start: where the rows
# begin in `out`. step: the last step, largest: the largest component after it, NaN if there was none. Counts so far: steps, those rejected (or
# halvings), and those with an output where a method asks.
FIELDS = ("time", "carry", "end", "floor", "index", "count", "row", "start", "step", "largest", "steps", "rejected", "sampled")
# One number each. factor: of the radius from order N - 1. most_steps: a lane's budget. rounds: steps after which an advance returns anyway.
# attention: whether a lane ended, failed or spent its steps in the last round.
SETTINGS = ("rtol", "atol", "factor", "most_steps", "rounds", "attention")


@dataclass(frozen=True)
class Lanes:
    """The layout: the state [D][W], the fields [F][W], what the method keeps from step to step [kept][W], the settings.

    Whole numbers are kept as doubles. A lane is at rest when time = end.
    """

    dimension: int
    width: int
    kept: int = 0

    def field(self, name: str) -> int:
        """Return where a field begins."""
        return (self.dimension + FIELDS.index(name)) * self.width

    def memory(self, number: int) -> int:
        """Return where a number that the method keeps begins."""
        return (self.dimension + len(FIELDS) + number) * self.width

    def setting(self, name: str) -> int:
        """Return where a setting stands."""
        return self.memory(self.kept) + SETTINGS.index(name)

    @property
    def size(self) -> int:
        """Doubles in all, whole cache lines."""
        return -(-(self.memory(self.kept) + len(SETTINGS)) // 8) * 8
