"""Repeated application of a noisy map."""

from typing import TYPE_CHECKING

import numpy as np

from chaosbench.dynamics.diffusion import Diffusion
from chaosbench.errors import IntegrationError
from chaosbench.integrators._request import Request
from chaosbench.integrators._stochastic import Stochastic
from chaosbench.integrators._stochastic_steps import MAP

if TYPE_CHECKING:
    from chaosbench.dynamics.compile import CompiledSystem


class NoisyIteration(Stochastic):
    """x' = f(x) + B(x) n with independent standard normals n, drawn anew at every iteration; exact up to rounding, so the order is 0.

    There is no step to choose.
    """

    order = 0
    code = MAP
    form = "both"
    source = "the definition of a random dynamical system in discrete time"

    def __init__(self) -> None:
        super().__init__()

    @classmethod
    def order_for(cls, diffusion: Diffusion) -> float:
        """Return 0: there is nothing to converge."""
        return 0.0

    @classmethod
    def unsupported(cls, system: "CompiledSystem") -> str | None:
        """Return why the method cannot take `system`."""
        if system.diffusion is None:
            return "it has no noise"
        return None if system.diffusion.noise.discrete else "its time is continuous; it is integrated and not iterated"

    def _longest(self, request: Request, diffusion: Diffusion) -> np.ndarray:
        broken = request.times[(request.times != np.floor(request.times)) | (np.abs(request.times) > 2.0**53)]
        if broken.size:
            raise IntegrationError(f"times contains {broken[0]}; for a map they count iterations and must be whole numbers, as np.arange(T)")
        return np.ones(request.lanes)
