"""Where every number of a field stands: the modes that are kept, the grid, and the tables that a stepper reads.

Lanes are trajectories in one dimension. In two they are neighbouring columns of the spectrum of one trajectory (in tables and states) or neighbouring
lines of its grid (in physical space), so that a single large field fills them as well.

A state is [field][place][2][W]: a *place* holds, in one dimension, the coefficient of one kept wave number of W trajectories; in two, those of W
neighbouring kept columns at one kept row. Columns that only fill up a place are zero, as are places that the mask leaves out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from chaosbench.expressions.tape import Tape
from chaosbench.kernels.fourier import LANES

Part = Literal["real", "imaginary", "complex"]
CELL = 2 * LANES
WEIGHTS = ("whole", "half", "stage", "first", "middle", "last")  # e^(hL), e^(hL/2), and the weights of the nonlinear terms in stages and step


def part_size(part: Part) -> int:
    """Return the doubles of a multiplier at one place."""
    return CELL if part == "complex" else LANES


@dataclass(frozen=True)
class Frame:
    """A grid and the modes that are kept.

    shape: (nx,) or (ny, nx). complex: whether the fields are. columns: kept wave numbers along x, by their place in numpy's spectrum (the half
    spectrum of real fields), in rising order; rows: along y, (0,) in one dimension.
    """

    shape: tuple[int, ...]
    complex: bool
    columns: tuple[int, ...]
    rows: tuple[int, ...]

    @property
    def plane(self) -> bool:
        """Whether there are two dimensions."""
        return len(self.shape) == 2

    @property
    def nx(self) -> int:
        """Points along x."""
        return self.shape[-1]

    @property
    def groups(self) -> int:
        """Places in a row of the spectrum."""
        return -(-len(self.columns) // LANES) if self.plane else len(self.columns)

    @property
    def width(self) -> int:
        """Columns with those that fill up the last place."""
        return self.groups * LANES if self.plane else self.groups

    @property
    def places(self) -> int:
        """Places of one field."""
        return len(self.rows) * self.groups

    @property
    def strips(self) -> int:
        """Bundles of W lines of the grid."""
        return -(-self.shape[0] // LANES) if self.plane else 1

    @property
    def points(self) -> int:
        """Grid points a lane."""
        return self.strips * self.nx

    @property
    def number(self) -> float:
        """Grid points of a field, numpy's factor between a mean and its coefficient."""
        return float(self.nx * (self.shape[0] if self.plane else 1))

    @property
    def grid(self) -> int:
        """Doubles of one field on the grid."""
        return self.points * (CELL if self.complex else LANES)


def runs_of(kept: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return the runs of consecutive numbers in `kept` as (first number, place of it in `kept`, length)."""
    runs: list[tuple[int, int, int]] = []
    for place, number in enumerate(kept):
        if runs and runs[-1][0] + runs[-1][2] == number:
            first, start, length = runs[-1]
            runs[-1] = (first, start, length + 1)
        else:
            runs.append((number, place, 1))
    return runs


def gaps_of(kept: Sequence[int], n: int) -> list[tuple[int, int]]:
    """Return the runs of numbers below n that are not in `kept` as (first, length)."""
    missing = set(range(n)) - set(kept)
    return [(first, length) for first, _, length in runs_of(sorted(missing))]


@dataclass(frozen=True)
class FieldForm:
    """What the code of a stepper depends on; everything else is in its tables.

    inputs: (field, what its multiplier is). outputs: (field, product, what its multiplier is). coupling: the pairs (f, g) where the linear part of
    field f reads field g. real: whether the linear part is real in the spectrum. forced: whether there is a constant source. coefficients: number of
    given functions on the grid. tape: at one grid point: variables are the inputs (complex: real, then imaginary part of each), then the
    coefficients; outputs are the products, then as many as are left over; it has tangent outputs.
    """

    frame: Frame
    fields: int
    inputs: tuple[tuple[int, Part], ...]
    outputs: tuple[tuple[int, int, Part], ...]
    products: int
    coupling: tuple[tuple[int, int], ...]
    real: bool
    forced: bool
    coefficients: int
    tape: Tape

    @property
    def size(self) -> int:
        """Doubles of a state."""
        return self.fields * self.frame.places * CELL

    @cached_property
    def tables(self) -> dict[tuple[str, int], int]:
        """Where each table begins: (weight, pair), ("input", m), ("output", o), ("constant", 0), ("mask", 0), ("coefficient", c), ("end", 0)."""
        places, found, position = self.frame.places, {}, 0
        entries = [((name, k), self.weight_cell * places) for name in WEIGHTS for k in range(len(self.coupling))]
        entries += [(("input", m), part_size(part) * places) for m, (_, part) in enumerate(self.inputs)]
        entries += [(("output", o), part_size(part) * places) for o, (_, _, part) in enumerate(self.outputs)]
        entries += [(("constant", 0), self.size if self.forced else 0), (("mask", 0), LANES * places)]
        entries += [(("coefficient", c), LANES * self.frame.points) for c in range(self.coefficients)]
        for key, length in [*entries, (("end", 0), 0)]:
            found[key] = position
            position += length
        return found

    @property
    def weight_cell(self) -> int:
        """Doubles of a weight at one place."""
        return LANES if self.real else CELL

    @cached_property
    def memory(self) -> dict[str, int]:
        """Where the parts of `work` begin: inputs, their tangents and products on the grid, columns, and three arrays of a transform."""
        frame, grid = self.frame, self.frame.grid
        longest = max(frame.nx, LANES * frame.strips if frame.plane else 0) * CELL
        slots = max(len(self.inputs), self.fields)
        lengths = {
            "inputs": slots * grid,
            "tangents": len(self.inputs) * grid,
            "products": max(self.products, 1) * grid,
            "columns": frame.strips * frame.width * CELL,
            **dict.fromkeys(("first", "second", "third"), longest),
        }
        found, position = {}, 0
        for key, length in [*lengths.items(), ("end", 0)]:
            found[key] = position
            position += length
        return found
