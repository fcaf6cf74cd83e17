"""Flows whose right-hand side jumps: what tangents miss there, and that neighbours see it."""

import numpy as np
import pytest

from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.integrators.base import InitialState, Status
from chaosbench.invariants._exponents import measure_exponents
from chaosbench.invariants._jumps import has_jumps
from chaosbench.invariants._neighbours import NeighbourRun
from chaosbench.invariants._plans import Options
from chaosbench.invariants._tangents import TangentRun

LORENZ = {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8*z/3"}


def compiled(equations: dict[str, str], **settings: object) -> CompiledSystem:
    return compile_system(system_from(equations, **settings))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def circle() -> CompiledSystem:
    """theta' = 1 + theta on [0, 1), then back to 1 with a jump: a turn takes ln 2."""
    return compiled({"theta": "1 + theta % 1"}, state={"theta": {"period": "1"}}, initial={"box": [[0.0, 1.0]]})


def test_motion_on_a_circle_has_the_exponent_zero_which_tangents_miss(circle: CompiledSystem) -> None:
    # tangents grow by f(1)/f(0) = 2 in a turn of ln 2, rate 1, and the jump, which they do not see, takes it back
    start = InitialState(np.array([[0.2], [0.7]]))
    turn = float(np.log(2.0))
    tangents = TangentRun(circle, start, columns=1, seed=0, rtol=1e-8).advance(8, interval=turn) / turn
    assert tangents == pytest.approx(np.ones((2, 8, 1)), abs=1e-2)
    neighbours = NeighbourRun(circle, start, columns=1, seed=0).advance(8, interval=turn) / turn
    assert neighbours == pytest.approx(np.zeros((2, 8, 1)), abs=1e-4)


def test_exponents_are_measured_by_neighbours_where_the_right_hand_side_jumps(circle: CompiledSystem) -> None:
    found = measure_exponents(circle, seed=0, error_of=lambda s: 1.0, target_error=None, duration=800.0, options=Options(starts=4, transient=5.0))
    assert "neighbours" in found.settings["method"]
    assert found.statistics.mean == pytest.approx([0.0], abs=1e-3)


def test_neighbours_grow_like_tangents_where_all_is_smooth() -> None:
    lorenz = compiled(LORENZ)
    start = InitialState(np.array([[1.0, 1.0, 20.0], [-3.0, -4.0, 25.0]]))
    settings = {"interval": 0.1, "per_record": 5}
    tangents = TangentRun(lorenz, start, columns=3, seed=2, rtol=1e-10)
    neighbours = NeighbourRun(lorenz, start, columns=3, seed=2)
    for run in (tangents, neighbours):
        run.advance(4, **settings)  # type: ignore[arg-type]
    difference = tangents.advance(8, **settings) - neighbours.advance(8, **settings)  # type: ignore[arg-type]
    assert np.abs(difference).max() <= 2e-4


def test_an_orbit_that_leaves_stops_alone() -> None:
    flow = compiled({"x": "x**2 - 1 + 0*sign(x)"})
    run = NeighbourRun(flow, InitialState(np.array([[3.0], [-1.2]])), columns=1, seed=0)
    logs = run.advance(4, interval=0.5)
    assert run.status[0] != Status.OK
    assert run.status[1] == Status.OK
    assert np.isnan(logs[0]).any()
    assert logs[1].sum() / 2.0 == pytest.approx(-2.2, abs=0.2)


@pytest.mark.parametrize(
    ("force", "jumps"),
    [
        ("-x", False),
        ("-abs(x)*x", False),
        ("-where(x > 0, x, 2*x)", False),
        ("-max(x, 0.1) - 2*min(x, 0.1)", False),
        ("-x - sign(x)*x", False),
        ("-sign(x)*abs(x)**0.3", False),
        ("-sign(x)", True),
        ("-where(x > 0, x, 2*x - 1)", True),
        ("-x + 0.1*floor(3*x)", True),
    ],
)
def test_a_kink_is_no_jump(force: str, jumps: bool) -> None:
    oscillator = compiled({"x": "y", "y": force}, initial={"centre": [1.0, 0.0], "spread": 0.1})
    assert has_jumps(oscillator, InitialState(np.array([[1.0, 0.0], [0.3, 0.8]])), 2 * np.pi) == jumps
