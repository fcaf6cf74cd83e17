"""Yoshida's splitting method of order 4, for equations in two halves that move each other."""

from chaosbench.integrators._splitting import Splitting, symmetric


class Yoshida4(Splitting):
    """Three leapfrog steps; the cheapest, for long runs that need no more than a bounded energy error."""

    order = 4
    weights = symmetric((1.0 / (2.0 - 2.0 ** (1.0 / 3.0)),))
    fraction = 0.01
    source = (
        "H. Yoshida, Construction of higher order symplectic integrators, Physics Letters A 150, 262-268 (1990), doi:10.1016/0375-9601(90)90092-3"
    )
