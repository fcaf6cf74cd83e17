"""The Gauss method of order 6, for conservative systems whose equations do not split."""

from chaosbench.integrators._gauss import Gauss


class Gauss6(Gauss):
    """Three stages a step."""

    order = 6
    stages = 3
    fraction = 0.02
    source = "J. C. Butcher, Implicit Runge-Kutta processes, Mathematics of Computation 18, 50-64 (1964), doi:10.1090/S0025-5718-1964-0159424-9"
