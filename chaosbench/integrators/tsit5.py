"""Tsitouras' pair of order 5(4), for loose tolerances."""

from chaosbench.integrators._runge_kutta import RungeKutta
from chaosbench.integrators._tsit5_tableau import TSIT5


class Tsit5(RungeKutta):
    """Six right-hand sides a step, continuous output of order 4 without any more; the cheapest choice for tolerances above about 1e-6."""

    order = 5
    tableau = TSIT5
    source = (
        "Ch. Tsitouras, Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption, "
        "Computers & Mathematics with Applications 62, 770-775 (2011), doi:10.1016/j.camwa.2011.06.002"
    )
