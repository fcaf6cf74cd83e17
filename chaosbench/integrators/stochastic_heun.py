"""Heun's method for Stratonovich equations."""

from chaosbench.dynamics.diffusion import Diffusion
from chaosbench.integrators._stochastic import Stochastic
from chaosbench.integrators._stochastic_steps import HEUN


class StochasticHeun(Stochastic):
    """Trapezoidal corrector after an Euler predictor, in drift and noise: converges to the Stratonovich solution.

    Error: strong order 1 where the vector fields of the noise commute, 1/2 otherwise; order 2 without noise.
    """

    order = 1.0
    code = HEUN
    form = "stratonovich"
    source = "W. Ruemelin, Numerical treatment of stochastic differential equations, SIAM J. Numer. Anal. 19, 604-613 (1982), doi:10.1137/0719041"

    @classmethod
    def order_for(cls, diffusion: Diffusion) -> float:
        """Return 1 for noise that commutes, 1/2 for other noise, 0 for fractional noise."""
        if diffusion.noise.hurst is not None:
            return 0.0
        return 0.5 if diffusion.structure == "general" else cls.order
