"""Yoshida's splitting method of order 6, for equations in two halves that move each other."""

from chaosbench.integrators._splitting import Splitting, symmetric


class Yoshida6(Splitting):
    """Seven leapfrog steps with the weights of solution A; the usual choice."""

    order = 6
    weights = symmetric((0.784513610477560, 0.235573213359357, -1.17767998417887))
    fraction = 0.05
    source = (
        "H. Yoshida, Construction of higher order symplectic integrators, Physics Letters A 150, 262-268 (1990), doi:10.1016/0375-9601(90)90092-3"
    )
