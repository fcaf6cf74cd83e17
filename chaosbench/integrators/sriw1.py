"""Roessler's stochastic Runge-Kutta method SRIW1, for diagonal and scalar noise."""

from chaosbench.dynamics.diffusion import Diffusion
from chaosbench.integrators._stochastic import Stochastic
from chaosbench.integrators._stochastic_steps import SRI


class Sriw1(Stochastic):
    """Two stages of the drift and four of the noise, without derivatives, for Ito equations.

    Error: strong order 3/2; order 2 without noise. Diagonal noise: every process drives one component, with a coefficient of that component alone,
    and the scheme is applied component by component. Scalar noise: one process.
    """

    order = 1.5
    code = SRI
    form = "ito"
    source = (
        "A. Roessler, Runge-Kutta methods for the strong approximation of solutions of stochastic differential equations, SIAM J. Numer. Anal. 48, "
        "922-952 (2010), doi:10.1137/09076636X, table 6.1"
    )

    @classmethod
    def order_for(cls, diffusion: Diffusion) -> float:
        """Return 3/2 for diagonal and scalar noise of Wiener processes, else 0."""
        if diffusion.noise.hurst is not None or diffusion.structure not in ("diagonal", "scalar"):
            return 0.0
        return cls.order
