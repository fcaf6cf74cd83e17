"""The pair of order 8(5,3) of Dormand and Prince, for tight tolerances."""

from chaosbench.integrators._dop853_tableau import DOP853
from chaosbench.integrators._runge_kutta import RungeKutta


class Dop853(RungeKutta):
    """Twelve right-hand sides a step, three more for continuous output of order 7 in the steps that contain an output."""

    order = 8
    tableau = DOP853
    source = (
        "E. Hairer, S. P. Norsett, G. Wanner, Solving Ordinary Differential Equations I: Nonstiff Problems, 2nd ed., Springer (1993), "
        "sections II.5 and II.6, doi:10.1007/978-3-540-78862-1"
    )
