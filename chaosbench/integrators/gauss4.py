"""The Gauss method of order 4, for conservative systems whose equations do not split."""

from chaosbench.integrators._gauss import Gauss


class Gauss4(Gauss):
    """Two stages a step."""

    order = 4
    stages = 2
    fraction = 0.01
    source = "J. C. Butcher, Implicit Runge-Kutta processes, Mathematics of Computation 18, 50-64 (1964), doi:10.1090/S0025-5718-1964-0159424-9"
