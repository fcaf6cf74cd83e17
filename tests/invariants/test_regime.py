"""What exponents are called: one rule, every branch."""

from collections.abc import Mapping

import numpy as np
import pytest

from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.reader import system_from
from chaosbench.invariants._block_error import BlockMean
from chaosbench.invariants._regime import regime_of


def statistics(exponents: list[float], error: float = 1e-4, mixed: bool = False) -> BlockMean:
    mean = np.array(exponents)
    return BlockMean(mean, np.full(len(mean), error), np.eye(len(mean)) * error**2, 31, "32 orbits", True, mixed, False, 0.0)


def definition(kind: str, dimension: int, **settings: object) -> SystemDefinition:
    names = [f"u{k}" for k in range(dimension)]
    equations: Mapping[str, str] = {name: f"-{name}" for name in names} if kind != "delays" else {name: f"-delay({name}, 1)" for name in names}
    return system_from(equations, kind=kind, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "exponents", "regime"),
    [
        ("flows", [0.9, 0.0, -14.5], "chaotic"),
        ("flows", [0.11, 0.02, 0.0, -25.0], "hyperchaotic"),
        ("flows", [0.0001, -0.3, -0.4], "periodic"),
        ("flows", [0.0002, -0.0001, -0.4], "quasi-periodic"),
        ("flows", [-0.1, -0.2], "fixed point"),
        ("flows", [0.1, 0.0, -0.1], "conservative"),  # volume is preserved though nobody said so
        ("delays", [0.007, 0.002, 0.0, -0.01], "hyperchaotic"),
        ("delays", [0.0, -0.008], "periodic"),
        ("maps", [0.42, -1.62], "chaotic"),
        ("maps", [0.43, 0.38, -3.3], "hyperchaotic"),
        ("maps", [-0.16, -1.04], "periodic"),
        ("maps", [0.0, -0.5], "quasi-periodic"),
    ],
)
def test_dissipative(kind: str, exponents: list[float], regime: str) -> None:
    assert regime_of(definition(kind, len(exponents)), statistics(exponents), at_rest=False) == regime


def test_conservative() -> None:
    given = definition("flows", 4, conservative=True)
    assert regime_of(given, statistics([0.05, 0.0, 0.0, -0.05]), at_rest=False) == "conservative"
    assert regime_of(given, statistics([0.05, 0.0, 0.0, -0.05], mixed=True), at_rest=False) == "conservative-mixed"
    assert regime_of(given, statistics([0.0001, 0.0001, -0.0001, -0.0001]), at_rest=False) == "quasi-periodic"


@pytest.mark.parametrize(
    ("last", "error", "regime"),
    [
        (-0.1, 1e-4, "conservative"),
        (-0.1004, 1e-4, "conservative"),
        (-0.101, 1e-4, "chaotic"),
        (-0.1004, 1e-2, "chaotic"),
        (-np.inf, 1e-4, "chaotic"),
    ],
)
def test_volume_that_is_kept_on_average_is_told_by_a_sum_that_is_precisely_zero(last: float, error: float, regime: str) -> None:
    # the sum has an error of sqrt(3) e: 0.17 % of the largest exponent counts, 17 % does not
    assert regime_of(definition("flows", 3), statistics([0.1, 0.0, last], error=error), at_rest=False) == regime


def test_rest_comes_first() -> None:
    given = definition("flows", 3)
    assert regime_of(given, statistics([0.0, -1.0, -1.0]), at_rest=True) == "fixed point"


def test_an_exponent_counts_only_above_three_standard_errors() -> None:
    given = definition("flows", 3)
    assert regime_of(given, statistics([0.01, 0.0, -1.0], error=0.002), at_rest=False) == "chaotic"
    assert regime_of(given, statistics([0.01, 0.0, -1.0], error=0.004), at_rest=False) == "quasi-periodic"
