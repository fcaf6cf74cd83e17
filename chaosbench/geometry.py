"""Where the components of a lattice or field lie: what forecasters and metrics may know of space."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Geometry:
    """Where the components of a lattice or field lie: component = field * (number of sites) + site, sites in row-major order.

    fields: quantities at every site. sites: (N,) of a chain or (ny, nx) of a plane. periodic: whether the last site of an axis is a neighbour of its
    first; otherwise what lies outside is 0 in the system's own units. homogeneous: all sites follow the same rule and are scaled alike.
    """

    fields: int
    sites: tuple[int, ...]
    periodic: bool = True
    homogeneous: bool = True
