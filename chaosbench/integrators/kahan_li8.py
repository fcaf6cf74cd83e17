"""The splitting method of order 8 by Kahan and Li, for equations in two halves that move each other."""

from chaosbench.integrators._splitting import Splitting, symmetric


class KahanLi8(Splitting):
    """Seventeen leapfrog steps; for long runs at high accuracy, energy errors near rounding."""

    order = 8
    weights = symmetric(
        (
            0.13020248308889008087881763,
            0.56116298177510838456196441,
            -0.38947496264484728640807860,
            0.15884190655515560089621075,
            -0.39590389413323757733623154,
            0.18453964097831570709183254,
            0.25837438768632204729397911,
            0.29501172360931029887096624,
        )
    )
    fraction = 0.1
    source = (
        "W. Kahan and R.-C. Li, Composition constants for raising the orders of unconventional schemes for ordinary differential equations, "
        "Mathematics of Computation 66, 1089-1099 (1997), doi:10.1090/S0025-5718-97-00873-9"
    )
