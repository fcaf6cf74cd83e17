"""Roessler's stochastic Runge-Kutta method SRA1, for additive noise."""

from chaosbench.dynamics.diffusion import Diffusion
from chaosbench.integrators._stochastic import Stochastic
from chaosbench.integrators._stochastic_steps import SRA


class Sra1(Stochastic):
    """H = x + 3/4 h f(x) + 3/2 B dZ/h, x' = x + h (f(x) + 2 f(H)) / 3 + B dW, with dZ the integral of W over the step.

    Error: strong order 3/2; order 2 without noise. Coefficients that depend on the state or on time are refused.
    """

    order = 1.5
    code = SRA
    form = "both"
    source = (
        "A. Roessler, Runge-Kutta methods for the strong approximation of solutions of stochastic differential equations, SIAM J. Numer. Anal. 48, "
        "922-952 (2010), doi:10.1137/09076636X, table 6.3"
    )

    @classmethod
    def order_for(cls, diffusion: Diffusion) -> float:
        """Return 3/2 for additive noise of Wiener processes, else 0."""
        return cls.order if diffusion.structure == "additive" and diffusion.noise.hurst is None else 0.0
