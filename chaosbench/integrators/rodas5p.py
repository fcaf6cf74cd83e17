"""An implicit (Rosenbrock) pair of order 5(4), for stiff flows."""

from chaosbench.integrators._rodas5p_tableau import RODAS5P
from chaosbench.integrators._rosenbrock import RosenbrockMethod


class Rodas5p(RosenbrockMethod):
    """The pair of Steinebach: eight stages, stiffly accurate, of order 4 on Prothero-Robinson problems of any stiffness; outputs of order 4."""

    order = 5
    coefficients = RODAS5P
    source = (
        "G. Steinebach, Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within the Julia Differential Equations "
        "package, BIT Numerical Mathematics 63, 27 (2023), doi:10.1007/s10543-023-00967-x"
    )
