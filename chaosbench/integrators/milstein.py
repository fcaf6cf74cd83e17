"""Milstein's method, for noise whose vector fields commute."""

from chaosbench.dynamics.diffusion import Diffusion
from chaosbench.integrators._stochastic import Stochastic
from chaosbench.integrators._stochastic_steps import MILSTEIN


class Milstein(Stochastic):
    """x' = x + h f(x) + v + J v / 2 with v = B(x) dW, J the Jacobian of B(x) dW and the Stratonovich drift f.

    This is Milstein's scheme with all mixed terms where the vector fields commute: the double integrals I_ab + I_ba are then dW_a dW_b, and what
    -h/2 sum_a J_a g_a takes from the Ito drift makes it the Stratonovich one. J v is the tangent of the compiled coefficients, not a difference.

    Error: strong order 1 for additive, diagonal, scalar and commuting noise; other noise needs Levy areas, which are not drawn, and is refused.
    """

    order = 1.0
    code = MILSTEIN
    form = "stratonovich"
    source = (
        "G. N. Milstein, Approximate integration of stochastic differential equations, Theory Probab. Appl. 19, 557-562 (1975), doi:10.1137/1119062; "
        "P. E. Kloeden, E. Platen, Numerical Solution of Stochastic Differential Equations, Springer (1992), section 10.3"
    )

    @classmethod
    def order_for(cls, diffusion: Diffusion) -> float:
        """Return 1, or 0 for noise that does not commute or is fractional."""
        return 0.0 if diffusion.structure == "general" or diffusion.noise.hurst is not None else cls.order

    @classmethod
    def _refusal(cls, diffusion: Diffusion) -> str:
        if diffusion.structure == "general":
            return "the vector fields of its noise do not commute, and Milstein's scheme then needs Levy areas"
        return super()._refusal(diffusion)
