"""How the latent state of a piecewise-linear network is seen and set: its first entries are the data, or a matrix maps it to them."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from chaosbench.forecasters._plrnn_sums import LINE, padded


class Observation(ABC):
    """The observation model of R stacked runs, D components, M latents; samples come padded to whole cache lines, (..., P) with P >= D.

    pulled: which latents (M,) forcing sets. determined: whether one sample fixes the whole state.
    """

    def __init__(self, dimension: int, latent: int) -> None:
        self.dimension, self.latent = dimension, latent

    @property
    @abstractmethod
    def determined(self) -> bool:
        """Whether one sample fixes the whole state."""

    @abstractmethod
    def pulled(self) -> Tensor:
        """Return 1 for latents that forcing sets, else 0, padded (M',)."""

    @abstractmethod
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of its parameters."""

    @abstractmethod
    def initial(self, draws: torch.Generator) -> dict[str, Tensor]:
        """Return initial parameters of one run."""

    @abstractmethod
    def bound(self, named: dict[str, Tensor]) -> "Bound":
        """Return it with the parameters (R, ...) of the stacked runs."""


class Bound(ABC):
    """An observation model with its parameters; every tensor has the runs first."""

    @abstractmethod
    def signal(self, samples: Tensor) -> Tensor:
        """Return the latents (R, N, M') that `samples` (R, N, D) would set, without gradient."""

    @abstractmethod
    def start(self, signal: Tensor) -> Tensor:
        """Return first states (R, N, M') for a signal (R, N, M')."""

    @abstractmethod
    def corrected(self, state: Tensor, samples: Tensor) -> Tensor:
        """Return `state` (R, N, M') with what `samples` (R, N, D) tell put in its place."""

    @abstractmethod
    def seen(self, states: Tensor) -> Tensor:
        """Return the observation (R, N, D) of states (R, N, M')."""


class FirstLatents(Observation):
    """The first D latents are the observation; the others start linear in it, z = lift x."""

    @property
    def determined(self) -> bool:
        """Whether one sample fixes the whole state."""
        return self.latent == self.dimension

    def pulled(self) -> Tensor:
        """Return 1 for the first D latents, padded (M',)."""
        return nn.functional.pad(torch.ones(self.dimension), self._rest())

    def _rest(self) -> tuple[int, int]:
        return (0, self.latent + -self.latent % LINE - self.dimension)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of the lift, nothing without extra latents."""
        return {} if self.determined else {"lift": (self.latent - self.dimension, self.dimension)}

    def initial(self, draws: torch.Generator) -> dict[str, Tensor]:
        """Return a lift with entries uniform within 1 / sqrt(D)."""
        return {name: uniform(shape, draws) for name, shape in self.shapes().items()}

    def bound(self, named: dict[str, Tensor]) -> "Bound":
        """Return it with the lifts of the stacked runs."""
        if self.determined:
            return _BoundLatents(self.dimension, self._rest(), None)
        lift = padded(nn.functional.pad(named["lift"], (0, self.latent - self.dimension, self.dimension, 0)), 2)  # (R, M', M')
        return _BoundLatents(self.dimension, self._rest(), lift.mT)


class _BoundLatents(Bound):
    def __init__(self, dimension: int, rest: tuple[int, int], lift: Tensor | None) -> None:
        self._dimension, self._rest, self._lift = dimension, rest, lift

    def signal(self, samples: Tensor) -> Tensor:
        return nn.functional.pad(samples, self._rest)

    def start(self, signal: Tensor) -> Tensor:
        return signal if self._lift is None else torch.baddbmm(signal, signal, self._lift.expand(len(signal), -1, -1))

    def corrected(self, state: Tensor, samples: Tensor) -> Tensor:
        return torch.cat((samples, state[..., self._dimension :]), -1)

    def seen(self, states: Tensor) -> Tensor:
        return states[..., : self._dimension]


class AffineObservation(Observation):
    """x = B z; forcing sets all latents to pinv(B) x. B starts with orthonormal rows or columns, so that its pseudo-inverse is its transpose."""

    @property
    def determined(self) -> bool:
        """Whether one sample fixes the whole state."""
        return self.latent <= self.dimension

    def pulled(self) -> Tensor:
        """Return 1 for all latents, padded (M',)."""
        return padded(torch.ones(self.latent), 1)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of B."""
        return {"B": (self.dimension, self.latent)}

    def initial(self, draws: torch.Generator) -> dict[str, Tensor]:
        """Return a random B with orthonormal rows or columns."""
        large, small = max(self.dimension, self.latent), min(self.dimension, self.latent)
        basis = torch.linalg.qr(torch.randn(large, small, generator=draws)).Q
        return {"B": basis if self.dimension >= self.latent else basis.T}

    def bound(self, named: dict[str, Tensor]) -> "Bound":
        """Return it with the matrices of the stacked runs and their pseudo-inverses (R, M', D')."""
        B = padded(named["B"], 2)
        wide = B.detach().double()
        rows = self.dimension < self.latent
        gram = wide @ wide.mT if rows else wide.mT @ wide
        filled = torch.arange(gram.shape[-1], device=B.device) >= min(self.dimension, self.latent)
        inverse = torch.linalg.inv_ex(gram + torch.diag(filled.to(gram))).inverse
        return _BoundMatrix(self.dimension, B, (wide.mT @ inverse if rows else inverse @ wide.mT).to(B))


class _BoundMatrix(Bound):
    def __init__(self, dimension: int, B: Tensor, inverse: Tensor) -> None:
        self._dimension, self._B, self._inverse = dimension, B, inverse

    def signal(self, samples: Tensor) -> Tensor:
        return torch.bmm(padded(samples, 1), self._inverse.mT.expand(len(samples), -1, -1))

    def start(self, signal: Tensor) -> Tensor:
        return signal

    def corrected(self, state: Tensor, samples: Tensor) -> Tensor:
        return state + self.signal(samples - self.seen(state))

    def seen(self, states: Tensor) -> Tensor:
        return torch.bmm(states, self._B.mT.expand(len(states), -1, -1))[..., : self._dimension]


def uniform(shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
    """Return entries uniform within 1 / sqrt(number of columns)."""
    entries: Tensor = (2.0 * torch.rand(*shape, generator=draws) - 1.0) / max(shape[-1], 1) ** 0.5
    return entries
