"""The Euler-Maruyama method: the one that takes every noise."""

from chaosbench.dynamics.diffusion import Diffusion
from chaosbench.integrators._stochastic import Stochastic
from chaosbench.integrators._stochastic_steps import EULER


class EulerMaruyama(Stochastic):
    """x' = x + h f(x) + B(x) dW with the Ito drift f.

    Error: strong order 1/2, 1 where the noise is additive; weak order 1. Fractional noise is additive and exact in its increments: strong order
    min(1, H + 1/2).
    """

    order = 0.5
    code = EULER
    form = "ito"
    source = "G. Maruyama, Continuous Markov processes and stochastic equations, Rend. Circ. Mat. Palermo 4, 48-90 (1955), doi:10.1007/BF02846028"

    @classmethod
    def order_for(cls, diffusion: Diffusion) -> float:
        """Return 1 for additive noise, else 1/2; for fractional noise of whatever H something above 1/2."""
        return 1.0 if diffusion.structure == "additive" else cls.order
