"""Dictionaries of observables: the constant, the coordinates, and functions of them, with their derivatives."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial.distance import pdist

from chaosbench.forecasters._border import one_of, positive, within
from chaosbench.forecasters._polynomials import Monomials, n_monomials
from chaosbench.forecasters._products import rowwise
from chaosbench.forecasters._window_map import FeatureMap
from chaosbench.randomness import generator

KINDS = ("fourier", "radial", "monomials")
_SCALE_SAMPLES = 500  # windows used for the median distance


@dataclass(frozen=True)
class Dictionary:
    """Which dictionary to draw: entry 0 is the constant, then come the numbers of the window, then the functions of `kind`.

    "fourier": `observables` random cosines; "radial": Gaussian bumps on that many training windows; both of width bandwidth x the median distance
    between training windows. "monomials": all up to `degree`.
    """

    kind: Literal["fourier", "radial", "monomials"]
    observables: int
    bandwidth: float
    degree: int

    def __post_init__(self) -> None:
        one_of("dictionary", self.kind, KINDS)
        positive({"observables": self.observables, "degree": self.degree})
        within("bandwidth", self.bandwidth, 0.0, float(np.finfo(np.float64).max), open_below=True)

    def size(self, variables: int) -> int:
        """Return how many observables of `variables` numbers there are."""
        return n_monomials(variables, self.degree) if self.kind == "monomials" else 1 + variables + self.observables

    def draw(self, windows: np.ndarray, seed: int) -> FeatureMap:
        """Return the observables for `windows` (N, m), random ones drawn from `seed`."""
        if self.kind == "monomials":
            return Monomials(windows.shape[1], self.degree)
        draw = draw_fourier if self.kind == "fourier" else draw_radial
        return draw(generator(seed, "dictionary"), windows, count=self.observables, bandwidth=self.bandwidth)


class Coordinates:
    """The numbers of the window themselves, without a constant."""

    def __init__(self, size: int) -> None:
        self.size = size

    def value(self, points: np.ndarray) -> np.ndarray:
        """Return `points` (W, m)."""
        return points

    def tangent(self, point: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Return `directions` (K, m)."""
        return directions


class FourierFeatures:
    """[1, x, sqrt(2/M) cos(Omega' x + phi)]: Omega (m, M) normal with standard deviation 1 / scale, phi uniform in [0, 2 pi).

    Linear combinations of the cosines approximate functions smooth on `scale`, as a Gaussian kernel of that width does (Rahimi and Recht 2007).
    """

    def __init__(self, frequencies: np.ndarray, phases: np.ndarray) -> None:
        self.size = 1 + len(frequencies) + len(phases)
        self._frequencies = frequencies
        self._phases = phases
        self._amplitude = np.sqrt(2.0 / len(phases))

    def value(self, points: np.ndarray) -> np.ndarray:
        """Return the features (W, F) of `points` (W, m); each row alone."""
        waves = self._amplitude * np.cos(rowwise(points, self._frequencies) + self._phases)
        return np.concatenate([np.ones((len(points), 1)), points, waves], axis=1)

    def tangent(self, point: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Return the derivatives (K, F) of the features at `point` (m,) along `directions` (K, m)."""
        slope = -self._amplitude * np.sin(point @ self._frequencies + self._phases) * (directions @ self._frequencies)
        return np.concatenate([np.zeros((len(directions), 1)), directions, slope], axis=1)


class RadialFeatures:
    """[1, x, exp(-|x - c_j|^2 / (2 scale^2))] for M centres c_j (M, m)."""

    def __init__(self, centres: np.ndarray, scale: float) -> None:
        self.size = 1 + centres.shape[1] + len(centres)
        self._centres = centres
        self._scale = scale

    def value(self, points: np.ndarray) -> np.ndarray:
        """Return the features (W, F) of `points` (W, m); each row alone."""
        bumps = self._bumps(points[:, None, :] - self._centres)
        return np.concatenate([np.ones((len(points), 1)), points, bumps], axis=1)

    def tangent(self, point: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Return the derivatives (K, F) of the features at `point` (m,) along `directions` (K, m)."""
        apart = point - self._centres
        slope = -self._bumps(apart) * (directions @ apart.T) / self._scale**2
        return np.concatenate([np.zeros((len(directions), 1)), directions, slope], axis=1)

    def _bumps(self, apart: np.ndarray) -> np.ndarray:
        bumps: np.ndarray = np.exp(-0.5 * np.sum((apart / self._scale) ** 2, axis=-1))
        return bumps


def draw_fourier(random: np.random.Generator, windows: np.ndarray, *, count: int, bandwidth: float) -> FourierFeatures:
    """Return `count` random waves for `windows` (N, m); their scale is `bandwidth` times the median distance between windows."""
    frequencies = random.standard_normal((windows.shape[1], count)) / (bandwidth * median_distance(windows))
    return FourierFeatures(frequencies, random.uniform(0.0, 2.0 * np.pi, count))


def draw_radial(random: np.random.Generator, windows: np.ndarray, *, count: int, bandwidth: float) -> RadialFeatures:
    """Return bumps around `count` windows drawn from `windows` (N, m) without replacement, all of them if there are fewer."""
    chosen = random.choice(len(windows), size=min(count, len(windows)), replace=False)
    return RadialFeatures(windows[np.sort(chosen)], bandwidth * median_distance(windows))


def median_distance(windows: np.ndarray) -> float:
    """Return the median Euclidean distance between at most 500 evenly spaced rows of `windows` (N, m), or 1 if they all coincide."""
    rows = windows[np.unique(np.linspace(0, len(windows) - 1, _SCALE_SAMPLES).astype(int))]
    distance = float(np.median(pdist(rows))) if len(rows) > 1 else 0.0
    return distance if distance > 0.0 else 1.0
