"""What every invariant in the catalogue must do, on a small system of each kind that it takes."""

import json
from functools import cache

import numpy as np
import pytest

from chaosbench.catalogue import load, names
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.definition import KINDS
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import InvariantError
from chaosbench.invariants.base import Estimate, Samples

EVERY = names("invariants")
STATUSES = {"converged", "short", "no_scaling_region", "non_stationary", "escaped"}
PAIRS = [(name, kind) for name in EVERY for kind in load("invariants", name).kinds]
every_invariant = pytest.mark.parametrize("name", EVERY)
every_pair = pytest.mark.parametrize(("name", "kind"), PAIRS)


@cache
def subject_of(kind: str) -> tuple[CompiledSystem, float]:
    """A small chaotic system of each kind and a duration that is quick to measure."""
    if kind == "flows":
        equations = {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8*z/3"}
        return compile_system(system_from(equations, initial={"centre": [1.0, 1.0, 20.0], "spread": 3.0}, name="flow")), 600.0
    if kind == "maps":
        return compile_system(system_from({"x": "1 - 1.4*x**2 + y", "y": "0.3*x"}, kind="maps", name="map")), 16_000.0
    if kind == "stochastic":
        noisy = system_from({"x": "1 - 1.4*x**2 + y", "y": "0.3*x"}, kind="stochastic", time="discrete", diffusion={"x": "0.005"}, name="noisy map")
        return compile_system(noisy), 16_000.0
    if kind == "hybrid":
        impact = {"name": "impact", "guard": "x", "direction": "rising", "reset": {"v": "-0.8*v"}}
        equations, initial = {"x": "v", "v": "cos(2.8*t) - x"}, {"centre": [-0.5, 0.0], "spread": [0.1, 0.3]}
        wall = system_from(equations, kind="hybrid", events=[impact], forcing_period="2*pi/2.8", initial=initial, name="wall")
        return compile_system(wall), 8000.0
    if kind == "fields":
        equations = {"u": "-dx(u*u)/2 - dx(u, 2) - dx(u, 4)"}
        state, domain = {"u": {"mean": 0.0}}, {"x": {"length": 22, "points": 32}}
        return compile_system(system_from(equations, kind="fields", state=state, domain=domain, name="field")), 20_000.0
    equations = {"x": "0.2*delay(x, 17)/(1 + delay(x, 17)**10) - 0.1*x"}
    return compile_system(system_from(equations, kind="delays", initial={"history": {"x": "0.5"}, "spread": 0.05}, name="delay")), 100_000.0


def cheapest(name: str) -> str:
    """The kind that an invariant is quickest on."""
    kinds = load("invariants", name).kinds
    return "maps" if "maps" in kinds else str(kinds[0])


@cache
def measured(name: str, kind: str, seed: int = 0) -> Estimate:
    subject, duration = subject_of(kind)
    return load("invariants", name)().estimate(subject, seed=seed, duration=duration)


@every_invariant
def test_it_describes_itself(name: str) -> None:
    invariant = load("invariants", name)
    assert set(invariant.kinds) <= set(KINDS)
    assert invariant.requires in ("system", "samples")
    assert invariant.unit
    assert "doi:" in invariant.source
    assert invariant.__doc__
    assert invariant()  # every setting has a default


@every_pair
def test_it_measures_a_system_of_each_kind(name: str, kind: str) -> None:
    found = measured(name, kind)
    value, error = np.atleast_1d(found.value), np.atleast_1d(found.standard_error)
    assert found.status in STATUSES
    assert found.reason
    assert found.method
    assert found.convention
    assert "doi:" in found.source
    assert value.shape == error.shape
    assert np.isfinite(value).all()
    assert (error >= 0).all()
    assert (found.interval[0] <= found.value).all() if value.size > 1 else found.interval[0] <= found.value <= found.interval[1]


@every_pair
def test_an_estimate_is_json_with_every_key(name: str, kind: str) -> None:
    data = json.loads(json.dumps(measured(name, kind).to_json(), allow_nan=False))
    assert set(data) == {"value", "standard_error", "interval", "status", "reason", "method", "convention", "settings", "source", "series"}
    assert {"seed", "versions", "duration"} <= set(data["settings"])
    assert data["series"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [pair if place % 4 == 2 or pair[1] == cheapest(pair[0]) else pytest.param(*pair, marks=pytest.mark.slow) for place, pair in enumerate(PAIRS)],
)
def test_one_seed_gives_one_number_and_another_seed_another_one_nearby(name: str, kind: str) -> None:
    subject, duration = subject_of(kind)
    first, other = measured(name, kind), measured(name, kind, seed=1)
    again = load("invariants", name)().estimate(subject, seed=0, duration=duration)
    assert np.array_equal(first.value, again.value)
    assert np.array_equal(first.standard_error, again.standard_error)
    assert not np.array_equal(first.value, other.value)
    count = min(np.size(first.value), np.size(other.value))
    value, elsewhere = np.atleast_1d(first.value)[:count], np.atleast_1d(other.value)[:count]
    error = np.hypot(np.atleast_1d(first.standard_error)[:count], np.atleast_1d(other.standard_error)[:count])
    assert (np.abs(value - elsewhere) <= 5 * error + 1e-9).all()


@every_invariant
def test_a_target_that_is_met_is_converged_and_progress_ends_at_one(name: str) -> None:
    subject, _ = subject_of(cheapest(name))
    seen: list[float] = []
    found = load("invariants", name)().estimate(subject, seed=0, target_error=0.05, progress=lambda fraction, sentence: seen.append(fraction))
    assert found.status == "converged"
    assert np.max(found.standard_error) <= 0.05
    assert seen[-1] == 1.0
    assert min(seen) >= 0.0


@every_invariant
@pytest.mark.parametrize("goal", [{}, {"target_error": 0.1, "duration": 1000.0}, {"target_error": -0.1}, {"duration": float("nan")}])
def test_it_refuses_goals_that_make_no_sense(name: str, goal: dict[str, float]) -> None:
    with pytest.raises(InvariantError):
        load("invariants", name)().estimate(subject_of(cheapest(name))[0], seed=0, **goal)


@every_invariant
def test_it_takes_samples_if_it_says_so_and_refuses_them_otherwise(name: str) -> None:
    invariant = load("invariants", name)
    stream = np.random.default_rng(0)
    samples = Samples(stream.random((4, 3000, 2)), 0.1, ("x", "y"), np.full(2, np.nan))
    if invariant.requires == "samples":
        found = invariant().estimate(samples, seed=0, duration=1200.0)
        assert found.status in STATUSES
    else:
        with pytest.raises(InvariantError, match="compile_system"):
            invariant().estimate(samples, seed=0, duration=1200.0)


@every_invariant
def test_it_refuses_what_is_neither_a_system_nor_samples(name: str) -> None:
    with pytest.raises(InvariantError):
        load("invariants", name)().estimate("not a system", seed=0, duration=10.0)
