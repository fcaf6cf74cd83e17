"""A Runge-Kutta method as data: a frozen tableau that validates itself. The methods themselves stand in `integrators/`."""

from dataclasses import dataclass

Row = tuple[float, ...]


@dataclass(frozen=True)
class Tableau:
    """An explicit first-same-as-last pair with a continuous extension.

    stages: number S of stages of the step, the last being the derivative at the new state (weights `b` = last row of `a`, c = 1).
    a: S rows, row s holding s coefficients; c: S nodes.
    error: S weights of the embedded error estimate (already the difference of the two solutions).
    error_second: None, or Hairer's third-order companion of DOP853, combined as |h| e5^2 / sqrt((e5^2 + 0.01 e3^2) D).
    dense_a, dense_c: extra stages needed only when an output falls inside the step (empty for most methods).
    dense: matrix (degree, S + extra): y(theta) = y0 + h * sum_q theta^q sum_s dense[q-1][s] k_s for q = 1..degree.
    order, error_order, dense_order: convergence orders of the step, of the error estimate and of the continuous extension.
    """

    name: str
    stages: int
    a: tuple[Row, ...]
    c: Row
    error: Row
    dense: tuple[Row, ...]
    order: int
    error_order: int
    dense_order: int
    error_second: Row | None = None
    dense_a: tuple[Row, ...] = ()
    dense_c: Row = ()

    def __post_init__(self) -> None:
        total = self.stages + len(self.dense_c)
        for s, row in enumerate(self.a + self.dense_a):
            if len(row) != s:
                raise ValueError(f"tableau {self.name}: row {s} of a has {len(row)} coefficients; an explicit method needs {s}")
        for s, (row, node) in enumerate(zip(self.a + self.dense_a, self.c + self.dense_c, strict=True)):
            if abs(sum(row) - node) > 1e-11:
                raise ValueError(f"tableau {self.name}: row {s} sums to {sum(row)}, its node is {node}; they must agree")
        if len(self.error) != self.stages or abs(sum(self.error)) > 1e-11:
            raise ValueError(f"tableau {self.name}: the error weights must be {self.stages} numbers that sum to 0")
        if any(len(row) != total for row in self.dense):
            raise ValueError(f"tableau {self.name}: every dense row must have {total} coefficients")

    @property
    def degree(self) -> int:
        """Degree of the dense-output polynomial in theta."""
        return len(self.dense)
