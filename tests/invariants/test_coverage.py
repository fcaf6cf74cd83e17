"""Error bars that cover: over 200 seeds the truth lies within two standard errors as often as claimed."""

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.definition import SystemDefinition
from chaosbench.dynamics.reader import system, system_from
from chaosbench.invariants._plans import Options

SEEDS = 200
P = 0.3
BOX = {"box": [[0.05, 0.95]]}
SKEW_TENT = system_from({"x": "where(x < p, x/p, (1 - x)/(1 - p))"}, parameters={"p": P}, kind="maps", initial=BOX)
GAUSS = system_from({"x": "1/x - floor(1/x)"}, kind="maps", initial=BOX)


def hits(definition: SystemDefinition, exact: float, **goal: float) -> tuple[float, float]:
    """Return how often the truth lies within 2 standard errors, and inside the 95 % interval."""
    subject, invariant = compile_system(definition), load("invariants", "largest_exponent")(options=Options(transient=100.0))
    found = [invariant.estimate(subject, seed=seed, **goal) for seed in range(SEEDS)]
    near = np.mean([abs(one.value - exact) <= 2 * one.standard_error for one in found])
    return float(near), float(np.mean([one.interval[0] <= exact <= one.interval[1] for one in found]))


@pytest.mark.parametrize("goal", [{"duration": 20_000.0}, {"target_error": 0.003}], ids=["duration", "target"])
def test_skew_tent_map(goal: dict[str, float]) -> None:
    # exponent -p ln p - (1-p) ln(1-p) = 0.610864; steps are independent, variance p(1-p) ln^2((1-p)/p) = 0.150762
    exact = -P * np.log(P) - (1 - P) * np.log(1 - P)
    assert exact == pytest.approx(0.610864, abs=1e-6)
    near, inside = hits(SKEW_TENT, exact, **goal)
    assert 0.90 <= near <= 0.98
    assert 0.90 <= inside <= 0.985


def test_the_standard_error_of_the_skew_tent_map_is_the_theoretical_one() -> None:
    invariant = load("invariants", "largest_exponent")(options=Options(transient=100.0))
    errors = [invariant.estimate(compile_system(SKEW_TENT), seed=seed, duration=20_000.0) for seed in range(20)]
    theory = np.sqrt(P * (1 - P)) * np.log((1 - P) / P) / np.sqrt(20_000)
    # 20 estimates with 31 degrees of freedom: the mean is known to 1/sqrt(2 * 31 * 20) = 3 %
    assert np.mean([one.standard_error for one in errors]) == pytest.approx(theory, rel=0.1)


def test_gauss_map() -> None:
    # pi^2/(6 ln 2) = 2.37314
    near, inside = hits(GAUSS, np.pi**2 / (6 * np.log(2)), duration=20_000.0)
    assert 0.90 <= near <= 0.98
    assert 0.90 <= inside <= 0.985


def test_lorenz_1963() -> None:
    # a flow whose finite-time exponents are anticorrelated: plain batch means cover 100 % here
    subject, invariant = compile_system(system("lorenz63")), load("invariants", "largest_exponent")()
    found = [invariant.estimate(subject, seed=seed, duration=1600.0) for seed in range(SEEDS)]
    near = np.mean([abs(one.value - 0.9056) <= 2 * one.standard_error for one in found])
    assert 0.90 <= near <= 0.98
