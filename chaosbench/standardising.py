"""The units in which forecasters see and answer a task, and the noise on what they see."""

from dataclasses import dataclass

import numpy as np

from chaosbench.blinding import mixed, mixing
from chaosbench.layout import Sites
from chaosbench.plans import Plan
from chaosbench.randomness import generator


def noisy(planned: Plan, purpose: str, states: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    """Return `states` (n, T, D) plus `amplitude` (D,) times normal numbers; trajectory b has a stream of its own."""
    if not amplitude.any() or not len(states):
        return states
    streams = [generator(planned.seed, f"observation noise, {purpose}", planned.definition.identity, b) for b in range(len(states))]
    return np.stack([series + amplitude * stream.standard_normal(series.shape) for series, stream in zip(states, streams, strict=True)])


@dataclass(frozen=True)
class Units:
    """From observations to the units of answers: (x - mean) / deviation, of blind tasks times `turn` (D, D), which mixes and scales again."""

    mean: np.ndarray
    deviation: np.ndarray
    turn: np.ndarray | None

    def of(self, observed: np.ndarray) -> np.ndarray:
        """Return observations (..., D) in these units."""
        scaled = np.asarray((observed - self.mean) / self.deviation)
        return scaled if self.turn is None else mixed(scaled, self.turn)

    def back(self, values: np.ndarray) -> np.ndarray:
        """Return the observations (..., D) that have `values` in these units."""
        scaled = values if self.turn is None else np.linalg.solve(self.turn.T, values.reshape(-1, values.shape[-1]).T).T.reshape(values.shape)
        return np.asarray(scaled * self.deviation + self.mean)


def units_of(planned: Plan, seen: np.ndarray, places: Sites | None) -> Units:
    """Return the units that the training data `seen` (n, T, D) give."""
    mean, deviation = statistics(seen, places)
    if not planned.spec.blind:
        return Units(mean, deviation, None)
    matrix = mixing(planned.seed, planned.definition.identity, len(mean))
    spread = mixed((seen - mean) / deviation, matrix).std(axis=(0, 1))
    return Units(mean, deviation, matrix / spread)


def statistics(states: np.ndarray, places: Sites | None) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation (D,) of `states` (n, T, D); over all sites where those are alike, so that scaling leaves them alike."""
    if places is None or not places.homogeneous:
        return states.mean(axis=(0, 1)), states.std(axis=(0, 1))
    by_site = states.reshape(-1, places.fields, int(np.prod(places.shape))).transpose(0, 2, 1)
    mean, deviation = by_site.mean(axis=(0, 1)), by_site.std(axis=(0, 1))
    return np.repeat(mean, by_site.shape[1]), np.repeat(deviation, by_site.shape[1])
