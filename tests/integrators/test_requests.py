"""Misuse raises IntegrationError with the value, the rule and the fix."""

from typing import Any

import numpy as np
import pytest

from chaosbench.catalogue import load, names
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system_from
from chaosbench.errors import IntegrationError
from chaosbench.integrators._choice import choose, supporting
from chaosbench.integrators.base import InitialState

FLOW = compile_system(system_from({"x": "-k*x", "y": "x"}, parameters={"k": 1.0}))
MAP = compile_system(system_from({"x": "k*x"}, kind="maps", parameters={"k": 0.5}))
DELAY = compile_system(system_from({"x": "-delay(x, tau)"}, kind="delays", parameters={"tau": 1.0}))
EXAMPLES = {"flows": FLOW, "maps": MAP, "delays": DELAY}
GRID = np.linspace(1.0, 0.0, 9)


def start(system: CompiledSystem, lanes: int = 2) -> InitialState:
    states = np.ones((lanes, system.dimension))
    return InitialState(states, np.ones((lanes, 9, system.dimension)), GRID) if system is DELAY else InitialState(states)


def solve(system: CompiledSystem, **changes: Any):
    arguments = {"initial": start(system), "times": np.arange(3.0), **changes}
    return choose(system).integrator.solve(system, arguments.pop("initial"), arguments.pop("times"), **arguments)


@pytest.mark.parametrize("system", [FLOW, MAP, DELAY], ids=lambda system: system.definition.kind)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": np.array([0.0, 2.0, 1.0])}, r"times\[..., 2\] is 1.0, after 2.0; times must increase strictly"),
        ({"times": np.array([0.0, 0.0])}, "increase strictly"),
        ({"times": np.array([])}, "times is empty"),
        ({"times": np.array([0.0, np.nan])}, r"times: entry \(1,\) is nan"),
        ({"times": np.zeros((3, 2))}, r"times: shape \(3, 2\) given, \(2, any\) needed"),
        ({"rtol": -1e-9}, "rtol is -1e-09; it must be finite and at least 0"),
        ({"atol": 0.0}, "atol is 0.0; it must be finite and positive"),
        ({"atol": np.inf}, "atol is inf"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"threads": 0}, "threads is 0"),
        ({"parameters": np.ones((1, 1))}, r"parameters: shape \(1, 1\) given, \(2, 1\) needed"),
        ({"parameters": np.full((2, 1), np.nan)}, "parameters: entry"),
        ({"out": np.empty((2, 3, 7))}, r"out is float64 \(2, 3, 7\); it must be a float64 array of shape \(2, 3"),
        ({"out": [1.0]}, "out is list"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_every_kind_refuses_what_it_cannot_take(system: CompiledSystem, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(IntegrationError, match=message):
        solve(system, **changes)


@pytest.mark.parametrize("states", [np.array([[1.0, np.nan]]), np.ones((1, 3)), np.ones(2), np.ones((0, 2))], ids=["nan", "D", "1-d", "B=0"])
def test_initial_states_must_be_finite_and_of_the_systems_shape(states: np.ndarray) -> None:
    with pytest.raises(IntegrationError, match=r"initial\.states"):
        solve(FLOW, initial=InitialState(states))


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (np.empty((2, 3, 2), dtype=np.float32), "float32"),
        (np.empty((2, 3, 4))[:, :, ::2], "C-contiguous"),
        (np.broadcast_to(0.0, (2, 3, 2)), "writeable"),
    ],
)
def test_a_buffer_must_fit_exactly(out: np.ndarray, message: str) -> None:
    with pytest.raises(IntegrationError, match=message):
        solve(FLOW, out=out)


def test_maps_count_whole_iterations() -> None:
    with pytest.raises(IntegrationError, match=r"times contains 1.5; for a map they count iterations"):
        solve(MAP, times=np.array([0.0, 1.5]))


@pytest.mark.parametrize(
    ("initial", "message"),
    [
        (InitialState(np.ones((2, 1))), "needs initial.history"),
        (InitialState(np.ones((2, 1)), np.ones((2, 9, 1)), None), "needs initial.history"),
        (InitialState(np.ones((2, 1)), np.ones((2, 9, 1)), GRID[::-1]), "uniform grid from the largest lag down to 0"),
        (InitialState(np.ones((2, 1)), np.ones((2, 9, 1)), 0.9 * GRID), "reaches back 0.9, but the largest lag is 1.0"),
        (InitialState(np.ones((2, 1)), np.ones((2, 8, 1)), GRID), r"initial.history: shape \(2, 8, 1\) given, \(2, 9, 1\) needed"),
        (InitialState(np.zeros((2, 1)), np.ones((2, 9, 1)), GRID), "differs from initial.states by 1.0"),
    ],
)
def test_a_delay_system_needs_a_history_that_fits(initial: InitialState, message: str) -> None:
    with pytest.raises(IntegrationError, match=message):
        solve(DELAY, initial=initial)


@pytest.mark.parametrize("lag", [0.0, -1.0])
def test_a_lag_must_be_positive(lag: float) -> None:
    with pytest.raises(IntegrationError, match=f"lag number 0 of trajectory 1 is {lag}; a lag must be positive"):
        solve(DELAY, parameters=np.array([[1.0], [lag]]))


def test_a_history_without_delays_is_refused() -> None:
    with pytest.raises(IntegrationError, match="only delay systems have a history"):
        solve(FLOW, initial=InitialState(np.ones((1, 2)), np.ones((1, 9, 2)), GRID))


def test_a_read_only_input_is_fine() -> None:
    frozen = np.ones((2, 2))
    frozen.flags.writeable = False
    assert solve(FLOW, initial=InitialState(frozen)).status.tolist() == [0, 0]


@pytest.mark.parametrize("name", names("integrators"))
def test_every_integrator_names_the_ones_that_can_when_it_cannot(name: str) -> None:
    integrator = load("integrators", name)()
    for kind, system in EXAMPLES.items():
        if kind not in integrator.kinds:
            with pytest.raises(IntegrationError, match=f"not {kind}; integrators that do: {supporting(kind)[0]}"):
                integrator.solve(system, start(system), np.arange(3.0))


@pytest.mark.parametrize("name", names("integrators"))
def test_every_integrator_says_what_it_is(name: str) -> None:
    integrator = load("integrators", name)
    assert integrator.kinds
    assert integrator.order >= 0
    assert isinstance(integrator.adaptive, bool)
    assert len(integrator.source) > 20
