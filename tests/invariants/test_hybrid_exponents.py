"""Tangents of hybrid systems: saltation at events, against exact exponents."""

import numpy as np
import pytest

from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.dynamics.saltation import saltation_matrices
from chaosbench.errors import InvariantError
from chaosbench.initial import draw_initial
from chaosbench.integrators.base import InitialState
from chaosbench.integrators.event_driven import EventDriven8
from chaosbench.invariants._attractor import survey
from chaosbench.invariants._tangents import TangentRun, directions
from chaosbench.invariants.largest_exponent import LargestExponent
from chaosbench.invariants.lyapunov_spectrum import LyapunovSpectrum
from chaosbench.invariants.mean_free_time import MeanFreeTime

A, OMEGA, G, R = 0.6, 2.0, 1.0, 0.8


def test_linear_flow_with_linear_reset_has_the_monodromy_matrix_of_the_textbook():
    """x' = 2 - x fires at 1 every T = ln 2; y' = x - 0.3 y is halved then: multipliers 1 (flow) and e^(-0.3 T) / 2."""
    spike = {"name": "spike", "guard": "x - 1", "direction": "rising", "reset": {"x": "0", "y": "y/2 + 1"}}
    subject = compile_system(system_from({"x": "2 - x", "y": "x - 0.3*y"}, kind="hybrid", events=[spike]))
    run = TangentRun(subject, InitialState(np.array([[0.2, 0.1]])), columns=2, seed=0)
    period = np.log(2.0)
    logs = run.advance(60, interval=period)[0]
    assert logs[-1] == pytest.approx([0.0, np.log(0.5) - 0.3 * period], abs=1e-9)


def test_the_saltation_matrix_of_a_spike_is_that_of_the_closed_form():
    """S = DR + (f_after - DR f_before) (1, 0) / f_before."""
    spike = {"name": "spike", "guard": "x - 1", "direction": "rising", "reset": {"x": "0", "y": "y/2 + 1"}}
    subject = compile_system(system_from({"x": "2 - x", "y": "x - 0.3*y"}, kind="hybrid", events=[spike]))
    [matrix] = saltation_matrices(subject, 0, np.array([[1.0, 0.4]]))
    rate_before, rate_after = np.array([1.0, 1.0 - 0.12]), np.array([2.0, 0.0 - 0.3 * 1.2])
    reset = np.array([[0.0, 0.0], [0.0, 0.5]])
    assert matrix == pytest.approx(reset + np.outer(rate_after - reset @ rate_before, [1.0, 0.0]) / rate_before[0], abs=1e-14)


def flight(time: float) -> np.ndarray:
    """The tangent of free fall in (height, velocity, phase)."""
    return np.array([[1.0, time, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def test_a_bouncing_ball_has_the_tangents_of_its_impact_map_and_the_driver_those_of_the_matrices():
    """A change (dt, dv) of an impact and of the velocity after it is the tangent ((U - v) dt, dv + g dt, 0) of the flow, U the table's velocity.

    Impact i + 1 is where x + v d - g d^2/2 = A sin(w (t + d)), and v_after = (1 + r) U - r v_before.
    """
    subject = compile_system(system("bouncing_ball", {"r": R}))
    start, span = InitialState(np.array([[3.0, 0.2, 0.0, 0.0]])), 50.0
    events = EventDriven8().solve(subject, start, np.array([0.0, span]), rtol=1e-13, atol=1e-13).events
    assert not events.kind.any()
    times, before, matrices = events.time, events.state[:, 1], saltation_matrices(subject, 0, events.state)
    table, slope = A * OMEGA * np.cos(OMEGA * times), -A * OMEGA**2 * np.sin(OMEGA * times)
    after = (1 + R) * table - R * before
    dt, dv = 0.6, 0.8
    for i in range(len(times) - 1):
        d = times[i + 1] - times[i]
        tangent = np.array([(table[i] - after[i]) * dt, dv + G * dt, 0.0])
        later = -((table[i] - after[i] + G * d) * dt + d * dv) / (before[i + 1] - table[i + 1])
        dt, dv = later, (1 + R) * slope[i + 1] * later - R * (dv - G * (later - dt))
        wanted = np.array([(table[i + 1] - after[i + 1]) * dt, dv + G * dt, 0.0])
        assert matrices[i + 1] @ flight(d) @ tangent == pytest.approx(wanted, rel=1e-9)
        dt, dv = dt / np.hypot(dt, dv), dv / np.hypot(dt, dv)
    vector = directions(subject.definition, 0, 0, 1, 4)[0][[0, 1, 3]]
    for matrix, d in zip(matrices, np.diff(times, prepend=0.0), strict=True):
        vector = matrix @ flight(d) @ vector
    vector = flight(span - times[-1]) @ vector
    grown = TangentRun(subject, start, columns=1, seed=0, rtol=1e-12).advance(1, interval=span)[0, 0, 0]
    assert grown == pytest.approx(np.log(np.linalg.norm(vector)), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "exact", "duration"),
    [("hysteresis_circuit", [0.1, 0.0], 20_000.0), ("switched_arrival", [np.log(2.0) / 0.75, 0.0, 0.0], 6_000.0)],
)
def test_exponents_that_are_known_exactly(name, exact, duration):
    found = LyapunovSpectrum().estimate(compile_system(system(name)), seed=3, duration=duration)
    assert found.value[0] == pytest.approx(exact[0], abs=5 * found.standard_error[0])
    assert found.standard_error[0] < 0.02 * exact[0]
    length = duration / found.settings["starts"]
    assert np.abs(found.value[1:]).max() <= 2.0 * np.log(length) / length  # what growth like t leaves of a zero


def test_events_are_part_of_the_mean_divergence():
    """The converter loses volume at the rate 1/(R C), and none at its events."""
    subject = compile_system(system("buck_converter"))
    found = survey(subject, seed=0, period=0.4, transient=8.0)
    assert found.divergence[0] == pytest.approx(-1.0 / (22.0 * 0.047), abs=5 * found.divergence[1] + 1e-9)


def test_a_reset_that_forgets_leaves_fewer_directions():
    """x is set to a number where y is reached: one direction is lost at the first event, for good."""
    event = {"name": "forget", "guard": "y - 1", "direction": "rising", "reset": {"x": "3", "y": "0"}}
    subject = compile_system(system_from({"x": "-x", "y": "1"}, kind="hybrid", events=[event]))
    run = TangentRun(subject, InitialState(np.array([[0.5, 0.2]])), columns=2, seed=1)
    logs = run.advance(4, interval=1.0)[0]
    assert np.isneginf(logs[:, 1]).all()
    assert np.isfinite(logs[:, 0]).all()
    assert logs[1:, 0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "parameters", "exact"),
    [
        ("sinai_billiard", {"R": 0.4}, (1 - np.pi * 0.16) / 0.8),  # 0.62168
        ("sinai_billiard", {"R": 0.2}, (1 - np.pi * 0.04) / 0.4),  # 2.18584
        ("stadium_billiard", {"a": 1.0}, np.pi * (np.pi + 4) / (2 * np.pi + 4)),  # 2.1818
        ("stadium_billiard", {"a": 0.5}, np.pi * (np.pi + 2) / (2 * np.pi + 2)),  # 1.9501
        ("switched_arrival", {}, 0.75),
    ],
)
def test_the_mean_free_time_is_the_exact_one(name, parameters, exact):
    found = MeanFreeTime().estimate(compile_system(system(name, parameters)), seed=1, duration=12_800.0)
    assert found.value == pytest.approx(exact, abs=5 * found.standard_error)
    assert found.standard_error < 0.02 * exact


def test_an_unknown_event_is_refused():
    with pytest.raises(InvariantError, match=r"'colision' is no event.*did you mean 'collision'"):
        MeanFreeTime(events=("colision",)).estimate(compile_system(system("sinai_billiard")), seed=0, duration=100.0)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "known", "room"), [("sinai_billiard", 2.741, 0.03), ("stadium_billiard", 0.4299, 0.005)])
def test_chaotic_billiards_have_the_exponents_of_independent_computations(name, known, room):
    found = LargestExponent().estimate(compile_system(system(name)), seed=5, target_error=0.3 * room)
    assert found.value == pytest.approx(known, abs=room)


@pytest.mark.parametrize("name", ["circle_billiard", "ellipse_billiard"])
def test_integrable_billiards_have_no_positive_exponent(name):
    """Tangents grow like t: after a time t the exponent is about ln(t)/t."""
    subject = compile_system(system(name))
    run = TangentRun(subject, draw_initial(subject, seed=0, n=4), columns=1, seed=0)
    grown = run.advance(1, interval=1.0, per_record=2000)[:, 0, 0]
    assert (grown < 2.0 * np.log(2000.0)).all()
