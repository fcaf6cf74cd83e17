"""Linear operators with constant coefficients on periodic fields, and their multipliers in Fourier space."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from chaosbench.expressions.constants import constant_value
from chaosbench.expressions.text import to_text
from chaosbench.expressions.tree import Call, Expression, Number

_TURNS = (1.0 + 0.0j, 1.0j, -1.0 + 0.0j, -1.0j)  # powers of i, exactly


@dataclass(frozen=True)
class Operator:
    """dx**dx dy**dy laplacian**laplacian inverse_laplacian**inverse, and (laplacian - a)**-1 for every a in helmholtz. They all commute."""

    dx: int = 0
    dy: int = 0
    laplacian: int = 0
    inverse: int = 0
    helmholtz: tuple[Expression, ...] = ()

    def after(self, call: Call) -> "Operator":
        """Return this operator followed by the one that `call` applies to its first argument."""
        order = int(call.args[1].value) if len(call.args) == 2 and isinstance(call.args[1], Number) else 1
        match call.function:
            case "dx":
                return replace(self, dx=self.dx + order)
            case "dy":
                return replace(self, dy=self.dy + order)
            case "laplacian":
                return replace(self, laplacian=self.laplacian + order)
            case "inverse_laplacian":
                return replace(self, inverse=self.inverse + 1)
        return replace(self, helmholtz=tuple(sorted((*self.helmholtz, call.args[1]), key=to_text)))


IDENTITY = Operator()


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The modes of a grid: `numbers`, per axis (x first) the mode numbers along it, shaped to broadcast over K; `lengths` per axis."""

    shape: tuple[int, ...]
    lengths: tuple[float, ...]
    complex: bool

    @cached_property
    def numbers(self) -> tuple[np.ndarray, ...]:
        """Whole mode numbers of x and of y, each broadcastable to K; the Nyquist mode is -n/2 (+n/2 in the half spectrum)."""
        count = len(self.shape)
        found = []
        for axis in range(count):  # x is the last axis of the grid
            points = self.shape[count - 1 - axis]
            half = not self.complex and axis == 0
            modes = np.arange(points // 2 + 1) if half else np.concatenate([np.arange(points // 2), np.arange(-(points // 2), 0)])
            found.append(modes.reshape([-1 if place == count - 1 - axis else 1 for place in range(count)]))
        return tuple(found)

    @property
    def modes(self) -> tuple[int, ...]:
        """The shape K."""
        return np.broadcast_shapes(*(numbers.shape for numbers in self.numbers))

    @cached_property
    def wavenumbers(self) -> tuple[np.ndarray, ...]:
        """2 pi n / length of x and of y."""
        return tuple(numbers * (2.0 * np.pi / length) for numbers, length in zip(self.numbers, self.lengths, strict=True))

    @cached_property
    def square(self) -> np.ndarray:
        """kx**2 + ky**2 (K)."""
        parts = [k * k for k in self.wavenumbers]
        return np.array(np.broadcast_to(parts[0] if len(parts) == 1 else parts[0] + parts[1], self.modes))

    def kept(self, dealias: str) -> np.ndarray:
        """Return the mask (K) of the modes that a dealiasing rule keeps.

        "2/3": 3 |n| < points, exact for products of two fields. "1/2": 4 |n| < points, exact for products of three. "none": all.
        """
        least = {"2/3": 3, "1/2": 4, "none": 0}[dealias]
        mask = np.ones(self.modes, dtype=bool)
        for axis, numbers in enumerate(self.numbers):
            mask &= least * np.abs(numbers) < self.shape[len(self.shape) - 1 - axis]
        return mask

    def multiplier(self, operator: Operator, names: Mapping[str, float], where: str) -> np.ndarray:
        """Return the multiplier (K) complex128 of `operator`; odd derivatives of the Nyquist mode are 0, as is what has no inverse.

        Error: a rounding for each factor. Powers of wavenumbers are products from left to right, so their bits depend on no library.
        """
        found = np.ones(self.modes, dtype=np.complex128)
        for axis, order in enumerate((operator.dx, operator.dy)[: len(self.shape)]):
            if order:
                found *= _TURNS[order % 4] * self._power(axis, order)
        for _ in range(operator.laplacian):
            found *= -self.square
        for _ in range(operator.inverse):
            found *= _inverse(-self.square)
        for shift in operator.helmholtz:
            found *= _inverse(-self.square - constant_value(shift, names, where=where))
        return found

    def _power(self, axis: int, order: int) -> np.ndarray:
        k = self.wavenumbers[axis]
        power = k
        for _ in range(order - 1):
            power = power * k
        nyquist = 2 * np.abs(self.numbers[axis]) == self.shape[len(self.shape) - 1 - axis]
        return np.asarray(np.where(nyquist, 0.0, power) if order % 2 else power)


def _inverse(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(1.0, values, out=np.zeros_like(values), where=values != 0.0))
