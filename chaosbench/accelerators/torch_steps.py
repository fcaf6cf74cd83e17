"""One Runge-Kutta step of a batch in torch, and the step control of every trajectory by itself.

States are stored (D, B), so that a component's values are neighbours in memory. Only operations that round in one way are used, in a fixed order (no
matrix product, no library logarithm): a trajectory's bits do not depend on its company. Formulas and constants are those of
`integrators/_step_size.py` and `kernels/formulas.py`; only fused multiply-adds may fall differently.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from chaosbench.kernels.lanes import LIMIT
from chaosbench.kernels.step_control import EXPONENTIAL, FLOOR, LARGEST, LN2, LOGARITHM, ROOT_HALF, SAFETY, SMALLEST
from chaosbench.kernels.tableau import Tableau

Rates = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # states (D, B), parameters (P, B) or (P, 1) -> (D, B)


@dataclass(frozen=True)
class Pair:
    """A tableau with the right-hand side that it steps."""

    tableau: Tableau
    rates: Rates

    def step(self, state: torch.Tensor, rate: torch.Tensor, h: torch.Tensor, parameters: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the new state (D, B) and all stages; the last one is the rate at the new state. h (B,)."""
        stages, new = [rate], state
        for weights in self.tableau.a[1:]:
            new = advanced(state, h, weights, stages)
            stages.append(self.rates(new, parameters))
        return new, stages

    def error(
        self, before: torch.Tensor, after: torch.Tensor, stages: Sequence[torch.Tensor], h: torch.Tensor, rtol: float, atol: float
    ) -> torch.Tensor:
        """Return the norm (B,) of the error estimate over the tolerance."""
        scale = atol + rtol * torch.maximum(before.abs(), after.abs())
        squares = [mean_square(combined(self.tableau.error, stages) / scale)]
        if self.tableau.error_second is None:
            return h.abs() * squares[0].sqrt()
        mixed = squares[0] + 0.01 * mean_square(combined(self.tableau.error_second, stages) / scale)
        mixed = torch.where(mixed <= 0.0, torch.ones_like(mixed), mixed)
        return h.abs() * squares[0] / mixed.sqrt()

    def extension(self, state: torch.Tensor, stages: list[torch.Tensor], h: torch.Tensor, parameters: torch.Tensor) -> list[torch.Tensor]:
        """Return the coefficients (D, B) of theta, theta^2, ...: the state inside the step is state + sum of coefficient * theta^q."""
        stages = list(stages)
        for weights in self.tableau.dense_a:
            stages.append(self.rates(advanced(state, h, weights, stages), parameters))
        return [h * combined(row, stages) for row in self.tableau.dense]


def combined(weights: Sequence[float], stages: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the sum of weight * stage from the oldest to the newest, leaving out zero weights."""
    total: torch.Tensor | None = None
    for weight, stage in zip(weights, stages, strict=True):
        if weight != 0.0:
            total = stage * weight if total is None else torch.add(total, stage, alpha=weight)
    return torch.zeros_like(stages[0]) if total is None else total


def advanced(state: torch.Tensor, h: torch.Tensor, weights: Sequence[float], stages: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return state + h * combination."""
    return state + h * combined(weights, stages)


def mean_square(vector: torch.Tensor) -> torch.Tensor:
    """Return the mean (B,) of the squares of (D, B), added by halves."""
    terms, count = vector * vector, vector.shape[0]
    rests = []
    while terms.shape[0] > 1:
        half = terms.shape[0] // 2
        if terms.shape[0] % 2:
            rests.append(terms[-1])
        terms = terms[:half] + terms[half : 2 * half]
    total = terms[0]
    for rest in rests:
        total = total + rest
    return total / count


def log2(x: torch.Tensor) -> torch.Tensor:
    """Return the binary logarithm of x > 0, error below 1e-7, by basic arithmetic."""
    mantissa, whole = torch.frexp(x)
    s = (mantissa - ROOT_HALF) / (mantissa + ROOT_HALF)
    return whole - 0.5 + 2.0 / LN2 * s * _polynomial(s * s, LOGARITHM)


def exp2(x: torch.Tensor) -> torch.Tensor:
    """Return 2**x, relative error below 1e-6, by basic arithmetic."""
    n = torch.floor(x + 0.5)
    return _polynomial((x - n) * LN2, EXPONENTIAL) * power_of_two(n.to(torch.int64))


def _polynomial(x: torch.Tensor, coefficients: Sequence[float]) -> torch.Tensor:
    total = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = coefficient + x * total
    return total


def power_of_two(n: torch.Tensor) -> torch.Tensor:
    """Return 2**n exactly, for whole n in the range of normal numbers; torch.ldexp goes through a power in single precision."""
    return ((n.clamp(-1022, 1023) + 1023) << 52).view(torch.float64)


def after_accepted(error: torch.Tensor, before: torch.Tensor, order: int, rejected: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the factors for the next steps and log2 of the errors; `before` are those of the last accepted steps."""
    beta = 0.2 / (order + 1)
    alpha = 1.0 / (order + 1) - 0.75 * beta
    here = log2(error.clamp(min=1e-10))
    factor = (SAFETY * exp2(beta * before - alpha * here)).clamp(SMALLEST, LARGEST)
    return torch.where(rejected, factor.clamp(max=1.0), factor), here.clamp(min=FLOOR)


def after_rejected(error: torch.Tensor, order: int) -> torch.Tensor:
    """Return the factors for the repeated steps."""
    finite = torch.isfinite(error)
    factor = SAFETY * exp2(-1.0 / (order + 1) * log2(torch.where(finite, error, torch.ones_like(error))))
    return torch.where(finite, factor.clamp(min=SMALLEST), torch.full_like(error, 0.1))


def fitted(step: torch.Tensor, room: torch.Tensor) -> torch.Tensor:
    """Return the steps to take when only `room` is left."""
    halved = torch.where(2.0 * step > room, 0.5 * room, step)
    return torch.where(1.01 * step >= room, room, halved)


def least_step(time: torch.Tensor) -> torch.Tensor:
    """Return 16 units in the last place of the times, 0 at time 0."""
    exponent = torch.frexp(time)[1]
    return torch.where(time != 0.0, power_of_two(exponent.to(torch.int64) - 49), torch.zeros_like(time))


def later(time: torch.Tensor, carry: torch.Tensor, step: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return time + carry + step as an unevaluated sum of two numbers."""
    small = step + carry
    total = time + small
    part = total - time
    return total, (time - (total - part)) + (small - part)


def escaped(state: torch.Tensor) -> torch.Tensor:
    """Tell for each trajectory (B,) whether a component is not finite or beyond the limit."""
    return ~(state.abs() <= LIMIT).all(dim=0)


def first_steps(
    pair: Pair,
    state: torch.Tensor,
    rate: torch.Tensor,
    parameters: torch.Tensor,
    tolerances: tuple[float, float],
    time: torch.Tensor,
    room: torch.Tensor,
) -> torch.Tensor:
    """Return Hairer's first steps (B,), at most `room`; one evaluation."""
    scale = tolerances[1] + tolerances[0] * state.abs()
    d0 = mean_square(state / scale).sqrt().clamp(min=1.0)
    d1 = mean_square(rate / scale).sqrt()
    h = torch.where(d1 > 0.0, torch.minimum(0.01 * (d0 / d1), room), room)
    there = pair.rates(state + h * rate, parameters)
    steepest = torch.maximum(d1, mean_square((there - rate) / scale).sqrt() / h)
    finite = torch.isfinite(steepest)
    usable = torch.where(finite & (steepest > 1e-15), steepest, torch.ones_like(steepest))
    second = torch.where(steepest > 1e-15, exp2(log2(0.01 / usable) / (pair.tableau.error_order + 1)), room)
    h = torch.where(finite, torch.minimum(100.0 * h, second), h)
    return torch.minimum(torch.maximum(h, 2.0 * least_step(time)), room)
