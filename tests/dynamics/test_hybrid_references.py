"""Hybrid systems against closed forms."""

import numpy as np
import pytest
from scipy.linalg import expm

from chaosbench.catalogue import load
from chaosbench.dynamics.compile import CompiledSystem, compile_system
from chaosbench.dynamics.reader import system
from chaosbench.initial import draw_initial
from chaosbench.integrators.base import InitialState, Solution
from chaosbench.invariants.largest_exponent import LargestExponent
from chaosbench.invariants.mean_free_time import MeanFreeTime


def run(subject: CompiledSystem, states: np.ndarray, duration: float, samples: int = 2) -> Solution:
    """From rows of states (B, D), tightly."""
    times = np.linspace(0.0, duration, samples)
    return load("integrators", "event_driven")().solve(subject, InitialState(np.atleast_2d(states)), times, rtol=1e-13, atol=1e-13)


def test_a_thermostat_switches_at_the_exact_times() -> None:
    """From 20 with the heater on: 35 - 15 e^(-t/10) = 21, then 5 + 16 e^(-t/10) = 19, then 35 - 16 e^(-t/10) = 21."""
    times = run(compile_system(system("thermostat")), np.array([20.0, 1.0]), 60.0).events.time
    first, cooling, heating = (10.0 * np.log(ratio) for ratio in (15 / 14, 16 / 14, 16 / 14))
    assert times[:3] == pytest.approx(first + np.array([0.0, cooling, cooling + heating]), abs=1e-12)
    assert np.diff(times[::2]) == pytest.approx(cooling + heating, abs=1e-11)


def test_two_discs_move_past_each_other_as_a_particle_moves_past_a_disc_of_twice_the_radius() -> None:
    """Positions, event times and velocities for 10 collisions, which magnify a difference by some 1e6; the centre of mass is at rest."""
    discs, particle = compile_system(system("two_discs")), compile_system(system("sinai_billiard"))
    start = draw_initial(discs, seed=3, n=1).states[0]
    relative = start[[0, 1, 4, 5]] - start[[2, 3, 6, 7]]
    assert np.hypot(*relative[2:]) == pytest.approx(1.0, abs=1e-13)
    pair = run(discs, start, 5.0, 51)
    other = run(particle, relative + np.array([0.5, 0.5, 0.0, 0.0]), 5.0, 51)
    assert len(pair.events.time) >= 8
    assert pair.events.time == pytest.approx(other.events.time, abs=1e-8)
    states = pair.states[0]
    assert states[:, [0, 1, 4, 5]] - states[:, [2, 3, 6, 7]] == pytest.approx(other.states[0] - np.array([0.5, 0.5, 0.0, 0.0]), abs=1e-7)
    assert states[:, :2] + states[:, 2:4] == pytest.approx(np.broadcast_to(start[:2] + start[2:4], (51, 2)), abs=1e-12)


def test_two_discs_collide_as_often_as_the_volume_of_their_states_says() -> None:
    """(1 - pi (2 R)^2)/(2 (2 R)) at relative speed 1, R = 0.2."""
    found = MeanFreeTime().estimate(compile_system(system("two_discs")), seed=1, duration=12_800.0)
    assert found.value == pytest.approx((1 - np.pi * 0.16) / 0.8, abs=5 * found.standard_error)
    assert found.standard_error < 0.02


@pytest.mark.slow
def test_two_discs_have_the_largest_exponent_of_the_billiard() -> None:
    estimate = LargestExponent().estimate
    pair, particle = (estimate(compile_system(system(name)), seed=5, target_error=0.01) for name in ("two_discs", "sinai_billiard"))
    assert pair.value == pytest.approx(particle.value, abs=4 * np.hypot(pair.standard_error, particle.standard_error))


def test_a_block_on_a_still_floor_swings_as_housner_found() -> None:
    """It falls from x in acosh(1/(1 - x)); an impact leaves r of the rate, so that the next swing ends at 1 - sqrt(1 - r^2 (1 - (1 - x)^2))."""
    share, tilt, time, wanted = 0.9, 0.6, 0.0, []
    for _ in range(8):
        fall = np.arccosh(1.0 / (1.0 - tilt))
        time += fall
        wanted.append((time, np.sqrt(1.0 - (1.0 - tilt) ** 2)))
        tilt = 1.0 - np.sqrt(1.0 - share**2 * (1.0 - (1.0 - tilt) ** 2))
        time += np.arccosh(1.0 / (1.0 - tilt))
    block = compile_system(system("rocking_block", {"beta": 0.0, "r": share}))
    solution = run(block, np.array([0.6, 0.0, 1.0, 0.0, 0.0]), 40.0)
    assert solution.events.time[:8] == pytest.approx([at for at, _ in wanted], abs=1e-11)
    assert np.abs(solution.events.state[:8, 1]) == pytest.approx([speed for _, speed in wanted], abs=1e-11)
    assert np.array_equal(np.sign(solution.events.state[:8, 1]), [-1, 1] * 4)
    assert np.array_equal(solution.states[0, -1, [0, 1, 3]], [0.0, 0.0, 1.0]), "and it comes to rest on both edges"


def test_a_block_that_rests_lifts_where_the_floor_pushes_harder_than_its_weight() -> None:
    """|beta cos(omega t)| rises through 1 at omega t = pi - acos(1/beta), where the push is negative: the block turns to the other side."""
    block = compile_system(system("rocking_block", {"beta": 2.0, "omega": 1.0}))
    solution = run(block, np.array([0.0, 0.0, 1.0, 1.0, np.pi / 2]), 1.0)
    assert solution.events.time[0] == pytest.approx(np.pi / 2 - np.arccos(0.5), abs=1e-12)
    assert solution.events.kind[0] == 1
    assert solution.states[0, -1, 0] > 0.0
    assert solution.states[0, -1, 2:4] == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize(("name", "resting", "leaving"), [("bouncing_ball", 3 * np.pi / 4, np.pi / 4), ("impact_oscillator", 0.0, np.pi / 2.8)])
def test_a_slow_impact_is_rest_only_where_the_wall_does_not_move_away(name: str, resting: float, leaving: float) -> None:
    subject = compile_system(system(name))
    states = np.array([[0.0, 1e-8, 0.0, phase] for phase in (resting, leaving)])
    calm, _ = subject.jumps.reset_at(0, states, subject.parameter_values, rest=True)
    bounced, _ = subject.jumps.reset_at(0, states, subject.parameter_values)
    assert calm[0, 2] == 1.0
    assert np.array_equal(calm[1], bounced[1])


def test_an_impact_oscillator_flies_exactly_from_wall_to_wall() -> None:
    """x = p cos(w t) + a cos t + b sin t with p = 1/(1 - w^2), from each impact to the next."""
    subject = compile_system(system("impact_oscillator"))
    omega, share = 2.8, 0.8
    solution = run(subject, draw_initial(subject, seed=0, n=1).states, 200.0)
    assert not solution.events.kind.any(), "without rest"
    times, speed, phases = solution.events.time, -share * solution.events.state[:, 1], solution.events.state[:, 3]
    wait, phase, p = np.diff(times), phases[:-1], 1.0 / (1.0 - omega**2)
    place, rate = -p * np.cos(omega * phase), speed[:-1] + p * omega * np.sin(omega * phase)
    driven = p * np.cos(omega * (phase + wait)), -p * omega * np.sin(omega * (phase + wait))
    assert len(wait) > 50
    assert driven[0] + place * np.cos(wait) + rate * np.sin(wait) == pytest.approx(0.0, abs=1e-10)
    assert driven[1] - place * np.sin(wait) + rate * np.cos(wait) == pytest.approx(solution.events.state[1:, 1], abs=1e-10)


def test_a_buck_converter_follows_its_linear_circuit_from_event_to_event() -> None:
    """v' = i/C - v/(R C), i' = (E on - v)/L: about the state where both rates are 0, the exponential of a matrix."""
    subject = compile_system(system("buck_converter"))
    values = subject.definition.scalars
    matrix = np.array([[-1.0 / (values["R"] * values["C"]), 1.0 / values["C"]], [-1.0 / values["L"], 0.0]])
    solution = run(subject, draw_initial(subject, seed=0, n=1).states, 40.0)
    times, states = solution.events.time, solution.events.state
    closed = {0: lambda v: float(values["gain"] * (v - values["V_ref"]) < values["low"]), 1: lambda _: 1.0, 2: lambda _: 0.0}
    for k in range(len(times) - 1):
        source = closed[int(solution.events.kind[k])](states[k, 0]) * values["E"]
        rest = np.array([source, source / values["R"]])
        wanted = rest + expm(matrix * (times[k + 1] - times[k])) @ (states[k, :2] - rest)
        assert states[k + 1, :2] == pytest.approx(wanted, abs=1e-9)
    assert len(times) > 100
