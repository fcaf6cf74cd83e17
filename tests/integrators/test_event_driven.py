"""Hybrid systems from event to event, against exact answers."""

import numpy as np
import pytest

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import compile_system
from chaosbench.dynamics.reader import system, system_from
from chaosbench.errors import IntegrationError
from chaosbench.initial import draw_initial
from chaosbench.integrators._request import checked
from chaosbench.integrators.base import InitialState, Status

METHODS = ("event_driven", "event_driven5")
IMPACT = {"name": "impact", "guard": "x", "direction": "falling", "reset": {"v": "-r*v"}}


def compiled(equations, events, parameters=None, **more):
    return compile_system(system_from(equations, parameters=parameters or {}, kind="hybrid", events=events, name="test", **more))


def ball(**changes):
    return compiled({"x": "v", "v": "-1"}, [{**IMPACT, **changes}], {"r": 0.8})


def solve(subject, start, times, name="event_driven", **options):
    states = np.atleast_2d(np.array(start, dtype=float))
    return load("integrators", name)().solve(subject, InitialState(states), np.asarray(times, dtype=float), **options)


@pytest.mark.parametrize("name", METHODS)
def test_a_ball_falls_and_bounces_at_the_exact_times(name):
    """Dropped from 1/2 with g = 1 it lands at 1 with speed 1; flight n then takes 2 r^n."""
    solution = solve(ball(), [0.5, 0.0], np.linspace(0.0, 6.0, 61), name)
    landings = 1.0 + 2.0 * np.concatenate([[0.0], np.cumsum(0.8 ** np.arange(1, 5))])
    assert solution.events.time[:5] == pytest.approx(landings, abs=1e-13)
    assert np.abs(solution.events.state[:, 0]).max() <= 1e-15
    assert solution.events.state[:5, 1] == pytest.approx(-(0.8 ** np.arange(5)), abs=1e-13)
    assert solution.states[0, 5] == pytest.approx([0.375, -0.5], abs=1e-13)  # t = 0.5, between events
    assert solution.states[0, 20] == pytest.approx([0.8 - 0.5, 0.8 - 1.0], abs=1e-13)  # t = 2: (t - 1) r - (t - 1)^2 / 2


def kicked(start: np.ndarray, damping: float, duration: float) -> tuple[np.ndarray, np.ndarray]:
    """The exact end (B, 2) and number of kicks (B,) of z' = -(damping + i) z; z = x + i v is set to 1/10 + i (v/2 + 1) where x rises through 0."""
    z, left, kicks = start[:, 0] + 1j * start[:, 1], np.full(len(start), duration), np.zeros(len(start), dtype=int)
    while True:
        wait = np.mod(np.angle(z) - np.pi / 2, 2 * np.pi)  # clockwise; x = 0 and v > 0 at the angle pi/2
        due = wait < left
        if not due.any():
            end = z * np.exp(-(damping + 1j) * left)
            return np.stack([end.real, end.imag], axis=1), kicks
        left, kicks = np.where(due, left - wait, left), kicks + due
        z = np.where(due, 0.1 + 1j * (0.5 * np.abs(z) * np.exp(-damping * wait) + 1.0), z)


@pytest.mark.parametrize(("name", "damping", "coarsest", "finest"), [("event_driven", 0.0, 0.7, 0.25), ("event_driven5", 0.2, 0.07, 0.015)])
def test_state_and_times_of_events_converge_with_the_order_of_the_pair(name, damping, coarsest, finest):
    """Equal steps, shorter before every event: errors over 40 amplitudes, thus phases of the events in their steps, and three kicks each.

    From one start alone the shortened step scatters the slope between two step sizes by more than 1. Undamped, a pair of odd
    order has a phase of one order more; damped by 1/5, the two leading terms of the pair of order 8 cancel within these steps.
    """
    kick = {"name": "kick", "guard": "x", "direction": "rising", "reset": {"x": "1/10", "v": "v/2 + 1"}}
    subject, method = compiled({"x": "v - c*x", "v": "-x - c*v"}, [kick], {"c": damping}), load("integrators", name)()
    start, times = np.stack([np.linspace(0.7, 1.3, 40), np.full(40, 0.3)], axis=1), np.array([0.0, 20.0])
    exact, kicks = kicked(start, damping, 20.0)
    assert set(kicks) == {3}
    steps, errors, shifts = np.geomspace(coarsest, finest, 7), [], []
    for step in steps:
        request = checked(method, subject, InitialState(start), times, None, (1e-9, 1e-12), 10**6, 1, None)
        solution = method._run(request, times, fixed=step)
        assert np.array_equal(solution.events.row_size, kicks)
        errors.append(np.sqrt(np.mean((solution.states[:, 1] - exact) ** 2)))
        first = solution.events.time.reshape(40, 3)[:, 0]
        shifts.append(np.sqrt(np.mean((first - np.mod(np.arctan2(0.3, start[:, 0]) - np.pi / 2, 2 * np.pi)) ** 2)))
    for found in (errors, shifts):
        assert np.polyfit(np.log(steps), np.log(found), 1)[0] == pytest.approx(method.order, abs=0.2)
        assert found[-1] > 1e-14, "below this rounding is measured"


def test_a_sample_at_the_time_of_an_event_is_the_state_after_it():
    jump = {"name": "jump", "guard": "x - 1", "direction": "rising", "reset": {"x": "-3", "n": "n + 1"}}
    subject = compiled({"x": "1"}, [jump], state={"x": {}, "n": {"discrete": True}}, initial={"centre": [0.0, 0.0]})
    solution = solve(subject, [0.0, 0.0], [0.0, 0.5, 1.0, 2.0, 5.0])
    assert solution.states[0] == pytest.approx(np.array([[0.0, 0.0], [0.5, 0.0], [-3.0, 1.0], [-2.0, 1.0], [-3.0, 2.0]]), abs=1e-13)
    assert solution.events.time == pytest.approx([1.0, 5.0], abs=1e-15)
    assert np.array_equal(solution.final.states, [[-3.0, 2.0]])


@pytest.mark.parametrize("name", METHODS)
def test_a_run_continued_from_its_end_is_the_same_trajectory(name):
    subject = compile_system(system("buck_converter"))
    start = draw_initial(subject, seed=0, n=2)
    times = np.array([0.0, 1.0, 1.6, 2.4])
    method = load("integrators", name)()
    whole = method.solve(subject, start, times)
    head = method.solve(subject, start, times[:3])
    tail = method.solve(subject, head.final, times[2:])
    assert np.abs(tail.states[:, -1] - whole.states[:, -1]).max() < 1e-8
    assert np.array_equal(head.events.row_size + tail.events.row_size, whole.events.row_size)


def test_threads_and_companions_change_no_bit():
    subject = compile_system(system("sinai_billiard"))
    start, times = draw_initial(subject, seed=2, n=5), np.linspace(0.0, 30.0, 31)
    method = load("integrators", "event_driven")()
    together = method.solve(subject, start, times, threads=2)
    for b in (0, 4):
        alone = method.solve(subject, InitialState(start.states[b : b + 1]), times, threads=1)
        assert np.array_equal(alone.states[0], together.states[b])
        assert np.array_equal(alone.events.time, together.events.time[together.events.of(b)])


@pytest.mark.parametrize(
    ("name", "span", "allowed"),
    [
        ("circle_billiard", 2000.0, 1e-12),
        ("sinai_billiard", 2000.0, 1e-12),
        pytest.param("sinai_billiard", 65_000.0, 1e-12, marks=pytest.mark.slow),
        ("hard_discs", 300.0, 1e-12),
    ],
)
def test_billiards_keep_their_energy(name, span, allowed):
    """Over 1e5 collisions in the long run: 65 000 over the mean free time 0.62."""
    subject = compile_system(system(name))
    start = draw_initial(subject, seed=1, n=1)
    solution = load("integrators", "event_driven")().solve(subject, start, np.linspace(0.0, span, 200))
    energy = subject.quantity(subject.definition.integrals["H"]).value(solution.states[0], subject.parameter_values)
    assert np.abs(energy - energy[0]).max() <= allowed
    assert solution.events.row_size[0] > span / 3.0


def test_no_collision_is_missed_among_small_discs():
    """Between collisions with discs of radius 0.1 a particle stays outside all of them, for 2000 mean free times."""
    subject = compile_system(system("sinai_billiard", {"R": 0.1}))
    solution = load("integrators", "event_driven")().solve(subject, draw_initial(subject, seed=0, n=2), np.linspace(0.0, 4000.0, 100_001))
    cells = solution.states[:, :, :2] % 1.0 - 0.5
    assert (cells**2).sum(axis=2).min() >= 0.01 - 1e-12
    assert 8000.0 / solution.events.row_size.sum() == pytest.approx((1 - np.pi * 0.01) / 0.2, rel=0.1)  # long free flights: correlated


@pytest.mark.parametrize(("name", "parameters"), [("bouncing_ball", {}), ("bouncing_ball", {"r": 0.8}), ("fermi_ulam", {})])
def test_no_ball_passes_through_a_wall_that_moves(name, parameters):
    """Steps of a free flight grow without bound; the wall that it may touch again after a moment moves as fast as ever."""
    subject = compile_system(system(name, parameters))
    solution = solve(subject, draw_initial(subject, seed=5, n=8).states, np.linspace(0.0, 10_000.0, 100_001))
    assert not solution.status.any()
    guard = subject.quantity(subject.definition.events[0].guard)
    assert min(guard.value(states, subject.parameter_values).min() for states in solution.states) > -1e-6


def test_both_walls_of_a_corner_act_at_once():
    walls = [
        {"name": "right", "guard": "1 - x", "direction": "falling", "reset": {"u": "-u"}},
        {"name": "top", "guard": "1 - y", "direction": "falling", "reset": {"v": "-v"}},
    ]
    subject = compiled({"x": "u", "y": "v", "u": "0", "v": "0"}, walls)
    solution = solve(subject, [0.5, 0.5, 1.0, 1.0], [0.0, 1.0])
    assert np.array_equal(solution.events.kind, [0, 1])
    assert solution.events.time == pytest.approx([0.5, 0.5], abs=1e-15)
    assert solution.states[0, -1] == pytest.approx([0.5, 0.5, -1.0, -1.0], abs=1e-12)


def test_an_event_that_is_not_armed_does_not_happen():
    subject = ball(when="v + 2")
    slow, fast = solve(subject, [0.5, 0.0], [0.0, 1.5]), solve(subject, [8.0, 0.0], [0.0, 5.0])
    assert slow.events.row_size[0] == 1
    assert fast.events.row_size[0] == 0  # it arrives with speed 4
    assert fast.states[0, -1, 0] == pytest.approx(8.0 - 12.5, abs=1e-11)


def test_two_crossings_within_one_step_are_both_found():
    """x = sin t passes 0.999999 twice within 0.003 about every maximum; a step is 300 times as long."""
    event = {"name": "top", "guard": "x - 0.999999", "direction": "both", "reset": {}}
    solution = solve(compiled({"x": "v", "v": "-x"}, [event]), [0.0, 1.0], [0.0, 20.0])
    first = np.arcsin(0.999999)
    turns = 2.0 * np.pi * np.arange(3)
    wanted = np.sort(np.concatenate([turns + first, turns + np.pi - first]))
    assert solution.events.time == pytest.approx(wanted, abs=1e-6)
    assert solution.rejected[0] < 10


def test_infinitely_many_impacts_end_with_a_status_and_a_rest_rule_goes_on():
    """The ball comes to rest at 1 + 2 (r + r^2 + ...) = 9."""
    endless = solve(ball(), [[0.5, 0.0], [50.0, 0.0]], [0.0, 5.0, 8.9, 9.5])
    assert list(endless.status) == [Status.ZENO, Status.OK]
    assert "rest" in Status.ZENO.sentence
    assert np.isfinite(endless.states[0, :3]).all()
    assert np.isnan(endless.states[0, 3]).all()
    resting = compiled(
        {"x": "v", "v": "where(held > 1/2, 0, -1)"},
        [{**IMPACT, "when": "1/2 - held", "rest": {"below": "1e-6", "reset": {"v": "0", "x": "0", "held": "1"}}}],
        {"r": 0.8},
        state={"x": {}, "v": {}, "held": {"discrete": True}},
        initial={"centre": [0.5, 0.0, 0.0]},
    )
    quiet = solve(resting, [0.5, 0.0, 0.0], [0.0, 20.0])
    assert np.array_equal(quiet.states[0, -1], [0.0, 0.0, 1.0])
    assert quiet.events.time[-1] == pytest.approx(9.0, abs=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_impacts_accumulate_at_the_exact_time_whatever_they_leave_of_the_speed(name):
    """Flights of 1e-40 inside steps of the size of the run: the ball comes to rest at 1 + 2 r/(1 - r) and does not fall through the floor."""
    shares = np.array([0.001, 0.1, 0.5, 0.8, 0.95])
    solution = solve(ball(), [[0.5, 0.0]] * 5, [0.0, 1000.0], name, parameters=shares[:, None])
    assert set(solution.status) == {Status.ZENO}
    last = np.array([solution.events.time[solution.events.of(b)][-1] for b in range(5)])
    assert last == pytest.approx(1.0 + 2.0 * shares / (1.0 - shares), abs=1e-11)
    assert np.abs(solution.final.states).max() < 1e-12


def test_a_relay_without_hysteresis_ends_instead_of_running_for_ever():
    switches = [
        {"name": "down", "guard": "x", "direction": "rising", "reset": {"s": "-1"}},
        {"name": "up", "guard": "x", "direction": "falling", "reset": {"s": "1"}},
    ]
    subject = compiled({"x": "s"}, switches, state={"x": {}, "s": {"discrete": True}}, initial={"centre": [-1.0, 1.0]})
    assert solve(subject, [-1.0, 1.0], [0.0, 5.0], max_steps=10**5).status[0] == Status.ZENO


def test_a_guard_that_jumps_over_0_is_no_event():
    event = {"name": "cell", "guard": "x % 1 - 1/2", "direction": "falling", "reset": {}}
    assert solve(compiled({"x": "1"}, [event]), [0.25], [0.0, 10.0]).events.row_size[0] == 0
    event["direction"] = "rising"
    assert solve(compiled({"x": "1"}, [event]), [0.25], [0.0, 10.0]).events.time == pytest.approx(0.25 + np.arange(10), abs=1e-12)


def test_every_trajectory_has_its_own_parameters():
    solution = solve(ball(), [[0.5, 0.0], [0.5, 0.0]], [0.0, 2.0], parameters=np.array([[0.8], [0.5]]))
    assert solution.states[:, -1, 0] == pytest.approx([0.3, 0.0], abs=1e-12)


def test_other_methods_say_who_can():
    with pytest.raises(IntegrationError, match="event_driven"):
        solve(ball(), [0.5, 0.0], [0.0, 1.0], "dop853")


def test_a_guard_that_is_no_number_where_the_orbit_goes_ends_the_trajectory():
    """x falls through 0 at t = 1, beyond which sqrt(x) is none: in a guard, in a condition, and from the start."""
    guard = {"name": "root", "guard": "sqrt(x) - 2", "direction": "falling", "reset": {}}
    condition = {"name": "half", "guard": "x + 2", "direction": "falling", "when": "1 + sqrt(x)", "reset": {}}
    for event in (guard, condition):
        for method in METHODS:
            lost, safe = solve(compiled({"x": "-v", "v": "0"}, [event]), [[1.0, 1.0], [3.0, -1.0]], [0.0, 0.5, 0.999, 1.5, 4.0], method).states
            assert lost[:3, 0] == pytest.approx([1.0, 0.5, 0.001], abs=1e-14)
            assert np.isnan(lost[3:]).all()
            assert safe[-1, 0] == pytest.approx(7.0)
        assert solve(compiled({"x": "-1"}, [event]), [1.0], [0.0, 1.5]).status[0] == Status.NO_NUMBER
        assert solve(compiled({"x": "-1"}, [event]), [-1.0], [0.0, 0.1]).status[0] == Status.NO_NUMBER
    assert "sqrt(max(x, 0))" in Status.NO_NUMBER.sentence


def test_a_guard_need_not_be_a_number_where_its_event_is_not_armed_or_beyond_a_wall():
    root = {"name": "root", "guard": "sqrt(x) - 1/2", "direction": "rising", "reset": {"n": "n + 1"}}
    state = {"x": {}, "v": {}, "n": {"discrete": True}}
    walled = [{**IMPACT, "reset": {"v": "-v"}}, root]
    bouncing = solve(compiled({"x": "v", "v": "-1"}, walled, state=state, initial={"centre": [0.5, 0.0, 0.0]}), [0.5, 0.0, 0.0], [0.0, 10.5])
    assert bouncing.status[0] == Status.OK
    assert bouncing.states[0, -1, 2] == 5, "five flights begin after t = 1, 3, ... and each rises through 1/4"
    assert bouncing.states[0, -1, 0] == pytest.approx(0.5 - 0.5 * 0.5**2, abs=1e-12)
    free = compiled({"x": "v", "v": "0"}, [{**root, "when": "x"}], state=state, initial={"centre": [-1.0, 1.0, 0.0]})
    crossed = solve(free, [-1.0, 1.0, 0.0], [0.0, 3.0])
    assert crossed.events.time == pytest.approx([1.25], abs=1e-12)
