"""All monomials up to a degree, with their derivative along a direction."""

from math import comb

import numpy as np


class Monomials:
    """The feature map of all monomials of m variables up to degree p, with the constant: comb(m + p, p) numbers.

    Order: constant, variables, then degree by degree, each in lexicographic order of its non-decreasing indices. A monomial of degree q is
    one of degree q - 1 times one more variable, so a value costs one multiplication.
    """

    def __init__(self, variables: int, degree: int) -> None:
        self.variables = variables
        self.degree = degree
        self.size = n_monomials(variables, degree)
        self._steps: list[tuple[np.ndarray, np.ndarray]] = []
        last = np.arange(variables)  # largest variable of each monomial of the degree reached
        for _ in range(degree - 1):
            parents = np.repeat(np.arange(len(last)), variables - last)
            factors = np.concatenate([np.arange(low, variables) for low in last])
            self._steps.append((parents, factors))
            last = factors

    def exponents(self) -> np.ndarray:
        """Return the exponents (F, m) of all monomials, in their order."""
        unit = np.eye(self.variables, dtype=int)
        rows = [np.zeros((1, self.variables), dtype=int), unit]
        for parents, factors in self._steps:
            rows.append(rows[-1][parents] + unit[factors])
        return np.concatenate(rows)

    def products(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (parents, factors), F - m - 1 of each: monomial m + 1 + j is monomial parents[j] times variable factors[j]."""
        sizes = [self.variables, *(len(factors) for _, factors in self._steps)]  # of the blocks of one degree
        begins = np.cumsum([1, *sizes])
        parents = [begin + places for begin, (places, _) in zip(begins, self._steps, strict=False)]
        nothing = np.zeros(0, dtype=np.int64)
        return np.concatenate([nothing, *parents]), np.concatenate([nothing, *(factors for _, factors in self._steps)])

    def value(self, points: np.ndarray) -> np.ndarray:
        """Return the features (W, F) of `points` (W, m); each row alone."""
        blocks = [np.ones((len(points), 1)), points]
        for parents, factors in self._steps:
            blocks.append(np.take(blocks[-1], parents, axis=1) * np.take(points, factors, axis=1))
        return np.concatenate(blocks, axis=1)

    def tangent(self, point: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Return the derivatives (K, F) of the features at `point` (m,) along `directions` (K, m), by the product rule."""
        value, slope = point, directions
        blocks = [np.zeros((len(directions), 1)), directions]
        for parents, factors in self._steps:
            slope = slope[:, parents] * point[factors] + value[parents] * directions[:, factors]
            value = value[parents] * point[factors]
            blocks.append(slope)
        return np.concatenate(blocks, axis=1)


def n_monomials(variables: int, degree: int) -> int:
    """Return how many monomials of `variables` have a degree of at most `degree`, the constant included."""
    return comb(variables + degree, degree)
